"""The append-only records of who did and saw what: writing a line, and letting old ones go."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from django.contrib.auth.models import User
from django.db import connection, transaction

from cases.models import AuditEvent
from cases.models.authored import written_by


def audit(what: str, *, actor: User | None = None, target: str = "", **details: Any) -> AuditEvent:
    """Write down something of consequence that belongs to no single case. `details` hold ids,
    counts and codes, and name no patient or dentist."""
    return AuditEvent.objects.create(
        what=what,
        target=target,
        details=details,
        **written_by(actor),
    )


@contextmanager
def unlocked() -> Iterator[None]:
    """A transaction in which records may be changed and deleted: for those whose time is over,
    and for demonstration data that is dated back."""
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SET LOCAL raiox.retention = 'on'")
        yield
        cursor.execute("SET LOCAL raiox.retention = 'off'")
