"""Questions that are answered in time, whatever hangs that they are asked of.

A database or a bucket that takes a connection and never answers holds whoever asks. So each
question is asked by a thread of its own, which may hang; the one who wants to know does not.
"""

import threading
import time
from collections.abc import Callable
from concurrent.futures import Future
from typing import Generic, TypeVar

from django.db import close_old_connections, connections

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
        self._question = question
        self._future: Future[Answer] = Future()

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

    def settle(self, *, keeps_connections: bool) -> None:
        try:
            # Those of the last question, where they are still good.
            close_old_connections()
            found = self._question()
        except Exception as error:  # the boundary of a thread: the asker gets it
            connections.close_all()
            self._future.set_exception(error)
        else:
            if not keeps_connections:
                connections.close_all()
            self._future.set_result(found)


class Probe(Generic[Answer]):
    """Asks one question; who wants to know it while it is being asked gets the same answer. For
    `kept_seconds` its thread waits for the next one, with its connection to the database: making
    a new one is most of the work of an answer."""

    def __init__(
        self, question: Callable[[], Answer], *, seconds: float = SECONDS, kept_seconds: float = 0
    ) -> None:
        self._question, self._seconds, self._kept_seconds = question, seconds, kept_seconds
        self._changed = threading.Condition()
        self._asked: list[Asked[Answer]] = []
        self._handed: list[Asked[Answer]] = []
        self._idle = 0

    def ask(self) -> Asked[Answer]:
        """Raises TooLate while as many as may hang do."""
        with self._changed:
            self._asked = [one for one in self._asked if not one.is_over]
            fresh = [one for one in self._asked if one.until > time.monotonic()]
            if fresh:
                return fresh[-1]
            if len(self._asked) >= MOST_HANGING:
                raise TooLate
            one = Asked(self._question, self._seconds)
            self._asked.append(one)
            if self._idle > len(self._handed):
                self._handed.append(one)
                self._changed.notify()
            else:
                threading.Thread(target=self._run, args=[one], name="probe", daemon=True).start()
            return one

    def _run(self, first: Asked[Answer]) -> None:
        asked: Asked[Answer] | None = first
        while asked is not None:
            asked.settle(keeps_connections=self._kept_seconds > 0)
            asked = self._next()
        connections.close_all()

    def _next(self) -> Asked[Answer] | None:
        with self._changed:
            self._idle += 1
            self._changed.wait_for(lambda: self._handed, timeout=self._kept_seconds)
            self._idle -= 1
            return self._handed.pop() if self._handed else None
