"""Rows beside the cases that say something of a person and go by their age."""

import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import nullcontext
from datetime import datetime, timedelta
from typing import Any

from axes.models import AccessAttempt, AccessFailureLog, AccessLog
from django.conf import settings
from django.contrib.admin.models import LogEntry
from django.contrib.sessions.models import Session
from django.db import connection
from django.db.models import Q, QuerySet
from django.utils import timezone
from django_q.models import OrmQ, Task
from rest_framework_simplejwt.token_blacklist.models import OutstandingToken

from cases import records
from cases.erasers import Limits, Store, stores
from cases.models import AuditEvent, CaseAccess, CaseEvent, Presence

ROWS_AT_ONCE = 1000
LOGINS = (AccessAttempt, AccessFailureLog, AccessLog)


def _older_than(model: type[Any], column: str, limit: str) -> Callable[[Limits], QuerySet[Any]]:
    def old(limits: Limits) -> QuerySet[Any]:
        return model._default_manager.filter(**{f"{column}__lt": getattr(limits, limit)})

    return old


OWN = (
    # Arguments and tracebacks of tasks, whether they succeeded or not.
    Store("tasks", _older_than(Task, "started", "personal")),
    Store("stuck tasks", _older_than(OrmQ, "lock", "personal")),
    *(Store(one._meta.model_name, _older_than(one, "attempt_time", "personal")) for one in LOGINS),
    Store("sessions", _older_than(Session, "expire_date", "now")),
    # They hold whole tokens; the list of those that were called back goes with them.
    Store("tokens", _older_than(OutstandingToken, "expires_at", "now")),
    Store("presences", _older_than(Presence, "seen_at", "personal")),
    Store("history", _older_than(CaseEvent, "created_at", "records"), is_locked=True),
    Store("accesses", _older_than(CaseAccess, "created_at", "records"), is_locked=True),
    Store("audit", _older_than(AuditEvent, "created_at", "records"), is_locked=True),
    Store("admin log", _older_than(LogEntry, "action_time", "records")),
)


def limits(*, days: int | None = None, at: datetime | None = None) -> Limits:
    now = at or timezone.now()
    return Limits(
        now=now,
        personal=now - timedelta(days=days or settings.RAIOX_RETENTION_DAYS),
        records=now - timedelta(days=settings.RAIOX_ACCESS_LOG_DAYS),
    )


def count(chosen: Limits) -> Counter[str]:
    """How many rows are too old, by the name of their store."""
    return +Counter({store.name: store.old(chosen).count() for store in _all()})


def purge(chosen: Limits, *, seconds: float | None = None) -> tuple[Counter[str], bool]:
    """Delete rows that are too old, in portions, for at most `seconds`: how many of which
    store, and whether all are gone."""
    end = time.monotonic() + seconds if seconds is not None else None
    gone: Counter[str] = Counter()
    for store in _all():
        while number := _delete_some(store, chosen):
            gone[store.name] += number
            if end is not None and time.monotonic() > end:
                return gone, False
    if number := _forget_cached(chosen.now):
        gone["cache"] = number
    return gone, True


def in_words(gone: Counter[str]) -> str:
    return ", ".join(f"{name} {number}" for name, number in sorted(gone.items()))


def forget_logins(name: str) -> Counter[str]:
    """Erase login attempts in which this name or address was typed."""
    typed = name.strip()
    if not typed:
        return Counter()
    said = Q(username__iexact=typed)
    return Counter(logins=sum(one.objects.filter(said).delete()[0] for one in LOGINS))


def _all() -> Iterator[Store]:
    yield from OWN
    yield from stores


def _delete_some(store: Store, chosen: Limits) -> int:
    old = store.old(chosen).order_by()
    with records.unlocked() if store.is_locked else nullcontext():
        ids = list(old.values_list("pk", flat=True)[:ROWS_AT_ONCE])
        old.model._default_manager.filter(pk__in=ids).delete()
    return len(ids)


def _forget_cached(now: datetime) -> int:
    """A cache in the database lets go of what has expired only when it is asked for it."""
    tables = [
        connection.ops.quote_name(one["LOCATION"])
        for one in settings.CACHES.values()
        if one["BACKEND"].endswith("DatabaseCache")
    ]
    gone = 0
    with connection.cursor() as cursor:
        for table in tables:
            cursor.execute(f"DELETE FROM {table} WHERE expires < %s", [now])  # noqa: S608 # nosec B608 # a quoted name
            gone += cursor.rowcount
    return gone
