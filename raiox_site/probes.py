"""Questions that are answered in time, whatever hangs that they are asked of.

A database or a bucket that takes a connection and never answers holds whoever asks. So each
question is asked by a thread of its own, which may hang; the one who wants to know does not.
"""

import threading
import time
from collections.abc import Callable
from concurrent.futures import Future
from typing import Generic, TypeVar

from django.db import connections

SECONDS = 3.0
# Threads of one question that may hang at once: each may hold a connection.
MOST_HANGING = 3
Answer = TypeVar("Answer")


class TooLate(Exception):
    """There was no answer in time."""


class Asked(Generic[Answer]):
    """A question under way, until a moment of the monotonic clock."""

    def __init__(self, question: Callable[[], Answer], seconds: float) -> None:
        self.until = time.monotonic() + seconds
        self._future: Future[Answer] = Future()
        threading.Thread(target=self._run, args=[question], name="probe", daemon=True).start()

    @property
    def is_over(self) -> bool:
        return self._future.done()

    def answer(self) -> Answer:
        """Raises TooLate, and what the question raised."""
        try:
            return self._future.result(max(self.until - time.monotonic(), 0.0))
        except TimeoutError:
            if self._future.done():
                raise
            raise TooLate from None

    def _run(self, question: Callable[[], Answer]) -> None:
        try:
            found = question()
        except Exception as error:  # the boundary of a thread: the asker gets it
            connections.close_all()
            self._future.set_exception(error)
        else:
            connections.close_all()
            self._future.set_result(found)


class Probe(Generic[Answer]):
    """Asks one question; who wants to know it while it is being asked gets the same answer."""

    def __init__(self, question: Callable[[], Answer], *, seconds: float = SECONDS) -> None:
        self._question, self._seconds = question, seconds
        self._lock = threading.Lock()
        self._asked: list[Asked[Answer]] = []

    def ask(self) -> Asked[Answer]:
        """Raises TooLate while as many as may hang do."""
        with self._lock:
            self._asked = [one for one in self._asked if not one.is_over]
            fresh = [one for one in self._asked if one.until > time.monotonic()]
            if fresh:
                return fresh[-1]
            if len(self._asked) >= MOST_HANGING:
                raise TooLate
            self._asked.append(Asked(self._question, self._seconds))
            return self._asked[-1]
