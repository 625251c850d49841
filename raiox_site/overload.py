"""More uploads than can be answered soon: those beyond a bound are refused before they are read.

Everything here runs in the one thread of a web process that accepts connections.
"""

import contextlib
import logging
import re
import socket
import time
from typing import Any

from django.utils.translation import gettext as _

from cases import correlation
from matching import measured
from raiox_site import refusals

log = logging.getLogger(__name__)

UPLOAD = re.compile(rb"POST /upload[/? ]")
RETRY_SECONDS = 2
# A largest film at 6 Mbit/s; what is longer or slower than that misses its answer.
LINGER_SECONDS, LINGER_BYTES = 8.0, 8 * 1024 * 1024
# Who lingers has a connection; gunicorn has a thousand of them.
MOST_LINGERING = 400
PIECE = bytearray(256 * 1024)
TOLD_EVERY_SECONDS = 10.0


class Uploads:
    """Those that a process works on, or that wait in it: five of six threads at most, so that
    pages and deliveries of Jotform find one."""

    def __init__(self, *, threads: int) -> None:
        self.most = max(1, threads * 5 // 6)
        self._begun: set[Any] = set()
        self._refused, self._told_at = 0, 0.0

    def begin(self, conn: Any) -> bool:
        """Whether there is room for one more, which then begins."""
        if len(self._begun) < self.most:
            self._begun.add(conn)
            return True
        measured.failed(measured.Trouble.OVERLOAD)
        self._tell()
        return False

    def end(self, conn: Any) -> None:
        """The request of this connection, if it was an upload, was answered."""
        self._begun.discard(conn)

    def _tell(self) -> None:
        self._refused += 1
        if time.monotonic() - self._told_at > TOLD_EVERY_SECONDS:
            log.warning("%d uploads refused: %d are in work", self._refused, self.most)
            self._refused, self._told_at = 0, time.monotonic()


class Lingering:
    """Connections that have their refusal. Closed while bytes of the client are unread, they
    would be reset, and the answer with them: what still comes is thrown away."""

    def __init__(self) -> None:
        # In the order in which they end.
        self._ends: dict[Any, float] = {}
        self._left: dict[Any, int] = {}

    def add(self, conn: Any) -> None:
        self._ends[conn] = time.monotonic() + LINGER_SECONDS
        self._left[conn] = LINGER_BYTES

    def drop(self, conn: Any) -> bool:
        """Throw away what has come; False when the client has ended, or sends too much."""
        try:
            count = conn.sock.recv_into(PIECE)
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
            if end > now and len(self._ends) - number <= MOST_LINGERING:
                break
            found.append(conn)
        return found


def answer(sock: socket.socket) -> None:
    """Tell the client at once, and that nothing follows."""
    correlation.start()
    said = _("Too many images are being read at this moment. Please try again.")
    refusal = refusals.raw(503, "Service Unavailable", said, Retry_After=str(RETRY_SECONDS))
    correlation.end()
    with contextlib.suppress(OSError):
        sock.send(refusal)
        sock.shutdown(socket.SHUT_WR)
