"""Telling work in progress from work that a killed process left behind."""

from collections.abc import Iterator
from contextlib import contextmanager, suppress

from django.db import DatabaseError, connection


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
    try:
        yield acquired
    finally:
        if acquired:
            with suppress(DatabaseError), connection.cursor() as cursor:
                cursor.execute("SELECT pg_advisory_unlock(hashtext(%s), %s)", key)


def is_locked(namespace: str, pk: int) -> bool:
    """Whether some session is working on the row now."""
    with work_lock(namespace, pk) as acquired:
        return not acquired
