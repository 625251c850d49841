"""The access log: who saw which case, when, and on what way."""

from collections.abc import Iterable

from django.contrib.auth.models import User
from django.db import DatabaseError, OperationalError, transaction
from django.utils import timezone

from cases.models import CaseAccess
from cases.models.authored import written_by


class NotLogged(OperationalError):
    """The access could not be written down, so that nothing may be shown: answered with 503
    like any failure of the database."""


def seen(*, user: User, case_ids: Iterable[int], how: CaseAccess.How) -> None:
    """Write down that `user` is about to see these cases: one line for each person, case, way
    and hour, by one statement.

    Called before anything is shown, and what cannot be written down is not shown: a log that
    misses what happened while the database refused it proves nothing, and a page needs the
    same database anyhow. Raises NotLogged.
    """
    now = timezone.now()
    hour = now.replace(minute=0, second=0, microsecond=0)
    rows = [
        CaseAccess(case_id=case_id, how=how, hour=hour, **written_by(user)) for case_id in case_ids
    ]
    try:
        with transaction.atomic():
            CaseAccess.objects.bulk_create(rows, ignore_conflicts=True)
    except DatabaseError as error:
        raise NotLogged("an access to a case could not be written down") from error
