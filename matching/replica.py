"""A read replica of the database, where there is one: it answers the vector search alone.

It is asked only while it is known to follow: a thread of each process compares it with the
primary every second, and no search ever waits for that. Whatever is doubtful, down or missing is
searched on the primary at once.
"""

import logging
import os
import socket
import threading
import time
from collections import deque
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from typing import Any

import psycopg2
from django.conf import settings
from django.db import DEFAULT_DB_ALIAS, Error, connections
from django.db.backends.base.base import BaseDatabaseWrapper
from prometheus_client import Counter, Gauge

from matching.deadlines import cut_off
from matching.models import Embedding

ALIAS = "replica"
CHECK_SECONDS = 1.0
# What was seen longer ago says nothing about now.
FRESH_SECONDS = 4.0
# For all of a search: a server that hangs sends no timeout, and answers keepalives.
DEADLINE_SECONDS = 2.0
# After a search that failed it is left alone for so long.
REST_SECONDS = 15.0
POSITION = (
    "SELECT pg_is_in_recovery(), pg_wal_lsn_diff(CASE WHEN pg_is_in_recovery()"
    " THEN pg_last_wal_replay_lsn() ELSE pg_current_wal_lsn() END, '0/0')"
)

log = logging.getLogger(__name__)
_searches = Counter("raiox_searches", "Which database a vector search was answered by", ["by"])
_lag = Gauge(
    "raiox_replica_lag_seconds",
    "How far the read replica is behind the primary",
    multiprocess_mode="livemax",
)


class Outdated(Exception):
    """The replica names what the primary does not have any more."""


class Watch:
    """What one process knows of the replica. `note` says why it is not used; empty while it is."""

    def __init__(self) -> None:
        self.note, self._trouble = "it was not looked at yet", ""
        self._good_until = self._rests_until = 0.0
        self._ahead: deque[tuple[float, float]] = deque()
        self._whole: set[str] = set()
        self._asked: set[str] = set()
        self._thread: threading.Thread | None = None
        self._over = threading.Event()
        self._lock = threading.Lock()

    def is_usable(self, encoder: str) -> bool:
        """Whether it may be asked now for vectors of this encoder; never waits."""
        self._begin()
        if encoder not in self._whole:
            self._asked.add(encoder)
            return False
        return time.monotonic() < self._good_until

    def failed(self, reason: str) -> None:
        self._good_until, self.note = 0.0, reason
        self._trouble = reason
        self._rests_until = time.monotonic() + REST_SECONDS
        self._whole.clear()

    def stop(self) -> None:
        self._over.set()
        if self._thread is not None:
            self._thread.join()

    def look(self) -> None:
        """Compare it with the primary, and say whether it may be used for the next seconds."""
        now = time.monotonic()
        try:
            with _deadline():
                reason = self._reason(now)
                for encoder in [] if reason else self._asked - self._whole:
                    if self._is_whole(encoder):
                        self._whole.add(encoder)
        except Error as error:
            reason = f"it does not answer ({type(error).__name__})"
            for alias in (ALIAS, DEFAULT_DB_ALIAS):
                connections[alias].close()
        if now < self._rests_until:
            reason = reason or self._trouble
        self._tell(reason)
        self._good_until = 0.0 if reason else now + FRESH_SECONDS

    def _reason(self, now: float) -> str:
        """Why it cannot be used. The primary is asked last: it is never behind."""
        is_replica, replayed = _position(ALIAS)
        is_behind_another, written = _position(DEFAULT_DB_ALIAS)
        if not is_replica or is_behind_another:
            return "it is no replica, or the primary is one"
        if replayed > written:
            return "it follows another server"
        self._ahead.append((now, written))
        while self._ahead and self._ahead[0][1] <= replayed:
            self._ahead.popleft()
        lag = now - self._ahead[0][0] if self._ahead else 0.0
        _lag.set(lag)
        is_late = lag > settings.RAIOX_SEARCH_LAG_SECONDS
        return f"it is {lag:.0f} s behind" if is_late else ""

    def _is_whole(self, encoder: str) -> bool:
        """Whether it holds as many vectors of an encoder as the primary."""
        counts = [
            Embedding.objects.using(alias).of_encoder(encoder).count()
            for alias in (ALIAS, DEFAULT_DB_ALIAS)
        ]
        return counts[0] == counts[1]

    def _tell(self, reason: str) -> None:
        if bool(reason) != bool(self.note):
            log.warning("The read replica is %s", f"not used: {reason}" if reason else "used")
        self.note = reason

    def _begin(self) -> None:
        with self._lock:
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="replica", daemon=True)
                self._thread.start()

    def _run(self) -> None:
        while not self._over.is_set():
            self.look()
            self._over.wait(CHECK_SECONDS)
        for alias in (ALIAS, DEFAULT_DB_ALIAS):
            connections[alias].close()


def _position(alias: str) -> tuple[bool, float]:
    """Whether a server follows another one, and how far in the log of changes it is, in bytes."""
    with connections[alias].cursor() as cursor:
        cursor.execute(POSITION)
        is_replica, position = cursor.fetchone()
    return bool(is_replica), float(position or 0)


_watch = Watch()


def _after_fork() -> None:
    """Threads are not forked: a child looks for itself."""
    global _watch
    _watch = Watch()


os.register_at_fork(after_in_child=_after_fork)


def is_configured() -> bool:
    return ALIAS in settings.DATABASES


def is_usable(encoder: str) -> bool:
    """Whether the vectors of this encoder may be searched on the replica now."""
    return is_configured() and _watch.is_usable(encoder)


@contextmanager
def tried() -> Iterator[None]:
    """A search on the replica: when it fails, what follows the block is the search on the
    primary."""
    try:
        with _deadline():
            yield
    except (Error, Outdated) as error:
        _watch.failed(f"a search failed ({type(error).__name__})")
        connections[ALIAS].close()
        log.warning("a search on the read replica failed: %s", type(error).__name__)


def _deadline() -> AbstractContextManager[None]:
    """Shut this thread's connection with the replica down when the time is over."""
    wrapper = connections[ALIAS]
    return cut_off(lambda: _shut_down(wrapper), seconds=DEADLINE_SECONDS)


def _shut_down(wrapper: BaseDatabaseWrapper) -> None:
    session: Any = wrapper.connection
    with suppress(OSError, psycopg2.InterfaceError, AttributeError):
        with socket.socket(fileno=os.dup(session.fileno())) as handle:
            handle.shutdown(socket.SHUT_RDWR)


def answered(by: str) -> None:
    _searches.labels(by).inc()


def counted() -> dict[str, float]:
    """The searches of this process, by who answered them."""
    found = [one for metric in _searches.collect() for one in metric.samples]
    return {one.labels["by"]: one.value for one in found if one.name.endswith("_total")}


def stop() -> None:
    """End the thread, and know nothing any more."""
    _watch.stop()
    _after_fork()


def note() -> str:
    """Why this process does not search on the replica; empty where it does, or has none."""
    return _watch.note if is_configured() else ""
