"""Telling work in progress from work that a killed process left behind."""

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from threading import local

from django.db import Error, OperationalError, connection

_held = local()


class LockLost(OperationalError):
    """The session that held the lock is gone: somebody else may work on the row by now."""


@contextmanager
def work_lock(namespace: str, pk: int) -> Iterator[bool]:
    """Hold the session lock of one row while working on it; yields whether we got it.

    A PostgreSQL session advisory lock is released by the server the moment the holder's
    connection dies, so a worker killed with -9 frees its row at once, with no lease to wait
    for. Needs a session of its own: behind PgBouncer use session pooling.
    """
    key: tuple[str, int] = (namespace, pk % 2**31)
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_try_advisory_lock(hashtext(%s), %s)", key)
        acquired = bool(cursor.fetchone()[0])
    sessions = _sessions()
    if acquired:
        sessions[key] = connection.connection
    try:
        yield acquired
    finally:
        if acquired:
            del sessions[key]
            with suppress(Error), connection.cursor() as cursor:
                cursor.execute("SELECT pg_advisory_unlock(hashtext(%s), %s)", key)


def require_lock(namespace: str, pk: int) -> None:
    """Raise LockLost where this thread took the lock and lost it with its session: after an
    error Django connects anew in silence. For the middle of a transaction, whose first query
    has shown that the session is alive."""
    session = _sessions().get((namespace, pk % 2**31), connection.connection)
    if session is not connection.connection:
        raise LockLost("the session that held the lock is gone")


def _sessions() -> dict[tuple[str, int], object]:
    """The sessions by which this thread holds locks."""
    if not hasattr(_held, "sessions"):
        _held.sessions = {}
    return _held.sessions  # type: ignore[no-any-return]


def is_locked(namespace: str, pk: int) -> bool:
    """Whether some session is working on the row now."""
    with work_lock(namespace, pk) as acquired:
        return not acquired
