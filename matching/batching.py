"""Several threads' pictures in one go: eight together take much less than eight times one.

Nobody waits for company. Whoever comes while nothing runs is worked on at once; what comes
meanwhile is done together as soon as that has ended, by one of those who wait.
"""

import threading
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np

Array = np.ndarray[Any, Any]


class Busy(RuntimeError):
    """Too much is waiting, or it took too long."""


@dataclass(eq=False)
class _Waiting:
    rows: Array
    answer: Array | None = None
    error: Exception | None = None

    @property
    def is_done(self) -> bool:
        return self.answer is not None or self.error is not None


@dataclass
class Batcher:
    """Calls `work`, which maps an array (n, …) to one of (n, …), with the rows of several
    callers: never more than `most` of them unless one caller brings more, `at_once` calls at a
    time, `waiting` callers at most, each for `seconds` at most until its turn comes."""

    work: Callable[[Array], Array]
    most: int
    at_once: int = 1
    waiting: int = 64
    seconds: float = 15.0
    _queue: deque[_Waiting] = field(default_factory=deque, init=False)
    _running: int = field(default=0, init=False)
    _changed: threading.Condition = field(default_factory=threading.Condition, init=False)

    def __call__(self, rows: Array) -> Array:
        """What `work` makes of these rows, alone or among others. Raises Busy, and what `work`
        raises for them."""
        own = _Waiting(rows)
        with self._changed:
            if len(self._queue) >= self.waiting:
                raise Busy
            self._queue.append(own)
        deadline = time.monotonic() + self.seconds
        while batch := self._next(own, deadline):
            try:
                self._do(batch)
            finally:
                with self._changed:
                    self._running -= 1
                    self._changed.notify_all()
        if own.answer is None:
            raise own.error or Busy()
        return own.answer

    def _next(self, own: _Waiting, deadline: float) -> list[_Waiting]:
        """What this caller shall work on now; nothing once its own answer is there."""
        with self._changed:
            while not own.is_done:
                if self._queue and self._running < self.at_once:
                    self._running += 1
                    return self._taken()
                left = deadline - time.monotonic()
                # Whose rows are being worked on waits for them to the end.
                if left <= 0 and own in self._queue:
                    self._queue.remove(own)
                    raise Busy
                self._changed.wait(left if left > 0 else None)
        return []

    def _taken(self) -> list[_Waiting]:
        batch = [self._queue.popleft()]
        rows = len(batch[0].rows)
        while self._queue and rows + len(self._queue[0].rows) <= self.most:
            rows += len(self._queue[0].rows)
            batch.append(self._queue.popleft())
        return batch

    def _do(self, batch: list[_Waiting]) -> None:
        try:
            whole = np.concatenate([one.rows for one in batch]) if batch[1:] else batch[0].rows
            answers = self.work(whole)
        # The boundary between callers: what one of them brought must not reach the others.
        except Exception as error:
            if not batch[1:]:
                batch[0].error = error
                return
            for one in batch:
                self._do([one])
            return
        begin = 0
        for one in batch:
            one.answer = answers[begin : begin + len(one.rows)]
            begin += len(one.rows)
