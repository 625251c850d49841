"""Waiting for what a client sends, and for its leaving: not for ever, and not with every thread."""

import contextlib
import select
import socket
import threading
import time
from collections import Counter
from collections.abc import Iterator
from typing import Any

from gunicorn.http.unreader import SocketUnreader

HEADER_SECONDS = 5.0
# 5 MB at 1.4 Mbit/s.
BODY_SECONDS = 30.0
# A largest film at 8 Mbit/s; what is longer or slower than that may miss its answer.
LEAVING_SECONDS, LEAVING_BYTES = 5.0, 8 * 1024 * 1024
# Each has a connection, of which gunicorn has a thousand.
MOST_LEAVING = 400
DROPPED = bytearray(256 * 1024)
# A request that arrives within this time is not slow.
GRACE_SECONDS = 0.25


class Reading:
    """The arrival of one request. What comes too late, or is sent away, has ended for whoever
    reads it; its sender can still be answered."""

    def __init__(self, unreader: SocketUnreader, client: Any, crowd: "Crowd") -> None:
        self.unreader, self.crowd = unreader, crowd
        self.peer = str(client[0]) if isinstance(client, tuple) else ""
        self.since = time.monotonic()
        self.end = self.since + HEADER_SECONDS
        unreader.chunk = self.chunk

    def expect_body(self) -> None:
        """The header is there."""
        self.end = time.monotonic() + BODY_SECONDS

    def chunk(self, size_hint: int | None = None) -> bytes:
        """The next bytes, empty at the end, as the unreader's own method of this name."""
        if not self._has_come():
            self.stop()
        received: bytes = SocketUnreader.chunk(self.unreader, size_hint)
        return received

    def stop(self) -> None:
        with contextlib.suppress(OSError):
            self.unreader.sock.shutdown(socket.SHUT_RD)

    def _has_come(self) -> bool:
        # Set while gunicorn clears away a body that nobody read.
        limit = self.unreader.sock.gettimeout()
        end = self.end if limit is None else min(self.end, time.monotonic() + limit)
        if is_readable(self.unreader.sock, until=min(self.since + GRACE_SECONDS, end)):
            return True
        with self.crowd.joined_by(self):
            return is_readable(self.unreader.sock, until=end)


class Crowd:
    """The requests that a process waits for, `most` of them at a time. Above that the oldest is
    sent away, of the address that has the most: several people behind one address are served,
    and whoever opens connections to leave them open closes his own."""

    def __init__(self, *, most: int) -> None:
        self._most = most
        self._lock = threading.Lock()
        self._waiting: list[Reading] = []

    @contextlib.contextmanager
    def joined_by(self, reading: Reading) -> Iterator[None]:
        with self._lock:
            self._waiting.append(reading)
            if len(self._waiting) > self._most:
                self._send_one_away()
        try:
            yield
        finally:
            with self._lock, contextlib.suppress(ValueError):
                self._waiting.remove(reading)

    def _send_one_away(self) -> None:
        greediest = Counter(one.peer for one in self._waiting).most_common(1)[0][0]
        oldest = min(
            (one for one in self._waiting if one.peer == greediest), key=lambda one: one.since
        )
        self._waiting.remove(oldest)
        oldest.stop()


class Leaving:
    """Connections that have their answer and nothing more to come. Closed while bytes of the
    client are unread, they would be reset, and the answer lost: what it still sends is thrown
    away until it has closed its end. Used by one thread alone, which waits for nobody."""

    def __init__(self) -> None:
        # In the order in which they end.
        self._ends: dict[Any, float] = {}
        self._left: dict[Any, int] = {}

    def add(self, conn: Any) -> bool:
        """False where the client is gone already."""
        try:
            conn.sock.setblocking(False)
            conn.sock.shutdown(socket.SHUT_WR)
        except OSError:
            return False
        self._ends[conn] = time.monotonic() + LEAVING_SECONDS
        self._left[conn] = LEAVING_BYTES
        return True

    def drop(self, conn: Any) -> bool:
        """Throw away what has come; False when the client has ended, or sends too much."""
        try:
            count = conn.sock.recv_into(DROPPED)
        except BlockingIOError:
            return True
        except OSError:
            return False
        self._left[conn] -= count
        return count > 0 and self._left[conn] > 0

    def remove(self, conn: Any) -> bool:
        """Whether it was there."""
        self._left.pop(conn, None)
        return self._ends.pop(conn, None) is not None

    def late(self) -> list[Any]:
        """Those whose time is over, and the oldest of too many."""
        now, found = time.monotonic(), []
        for number, (conn, end) in enumerate(self._ends.items()):
            if end > now and len(self._ends) - number <= MOST_LEAVING:
                break
            found.append(conn)
        return found


def is_readable(sock: socket.socket, *, until: float) -> bool:
    """Whether something comes, or the other side ends, before `until` (of the monotonic clock)."""
    poller = select.poll()
    poller.register(sock, select.POLLIN)
    return bool(poller.poll(max(0.0, until - time.monotonic()) * 1000))
