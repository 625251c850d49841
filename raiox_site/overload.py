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
PATIENCE_SECONDS = 4.0
# As many work side by side where a film takes seconds.
LEAST_ROOM = 4
# Of one upload in the mean over the last ten or so; the first one waits for the encoder's weights.
PACE_WEIGHT, SLOWEST_SECONDS = 0.1, 2.0
TOLD_EVERY_SECONDS = 10.0


class Uploads:
    """Those that a process works on, or that wait in it: five of six threads at most, so that
    pages and deliveries of Jotform find one, and no more than it ends within PATIENCE_SECONDS,
    at the pace at which the last ones ended."""

    def __init__(self, *, threads: int) -> None:
        self.most = max(1, threads * 5 // 6)
        self.pace = 0.0
        self._begun: set[Any] = set()
        self._last_end = 0.0
        self._refused, self._told_at = 0, 0.0

    def begin(self, conn: Any) -> bool:
        """Whether there is room for one more, which then begins."""
        if len(self._begun) < self.room:
            if not self._begun:
                self._last_end = time.monotonic()
            self._begun.add(conn)
            return True
        measured.failed(measured.Trouble.OVERLOAD)
        self._tell()
        return False

    @property
    def room(self) -> int:
        in_time = int(PATIENCE_SECONDS / self.pace) if self.pace else self.most
        return min(self.most, max(LEAST_ROOM, in_time))

    def end(self, conn: Any) -> None:
        """The request of this connection, if it was an upload, was answered."""
        if conn in self._begun:
            self._begun.remove(conn)
            now = time.monotonic()
            took = min(now - self._last_end, SLOWEST_SECONDS)
            self.pace += PACE_WEIGHT * (took - self.pace)
            self._last_end = now

    def _tell(self) -> None:
        self._refused += 1
        if time.monotonic() - self._told_at > TOLD_EVERY_SECONDS:
            log.warning("%d uploads refused: %d are in work", self._refused, len(self._begun))
            self._refused, self._told_at = 0, time.monotonic()


def answer(sock: socket.socket) -> None:
    """Tell the client at once."""
    correlation.start()
    said = _("Too many images are being read at this moment. Please try again.")
    refusal = refusals.raw(503, "Service Unavailable", said, Retry_After=str(RETRY_SECONDS))
    correlation.end()
    # A few hundred bytes always find room.
    with contextlib.suppress(OSError):
        sock.send(refusal)
