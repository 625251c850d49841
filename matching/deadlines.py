"""An end to what a thread waits for in a library that knows none."""

import itertools
import logging
import os
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

log = logging.getLogger(__name__)

Act = Callable[[], object]
FOREVER = float("inf")


@contextmanager
def cut_off(act: Act, *, seconds: float) -> Iterator[None]:
    """Call `act` from another thread when the block takes longer. All blocks of a process share
    that thread: `act` must not wait for anything."""
    number = _watch.begin(act, time.monotonic() + seconds)
    try:
        yield
    finally:
        _watch.end(number)


class _Watch:
    """One thread that knows when each block must have ended: starting a thread for every request
    costs more than most requests do."""

    def __init__(self) -> None:
        self.forget()

    def forget(self) -> None:
        """In the child of a fork the thread is missing, and the blocks are its parent's."""
        self._changed = threading.Condition()
        self._numbers = itertools.count()
        self._blocks: dict[int, tuple[float, Act]] = {}
        self._wakes_at = 0.0
        self._thread: threading.Thread | None = None

    def begin(self, act: Act, end: float) -> int:
        with self._changed:
            number = next(self._numbers)
            if self._thread is None:
                thread = threading.Thread(target=self._run, name="deadlines", daemon=True)
                thread.start()
                self._thread = thread
            self._blocks[number] = end, act
            if end < self._wakes_at:
                self._changed.notify()
        return number

    def end(self, number: int) -> None:
        with self._changed:
            self._blocks.pop(number, None)

    def _run(self) -> None:
        while True:
            for act in self._late():
                try:
                    act()
                except Exception:  # the boundary of a thread that others depend on
                    log.exception("what took too long could not be ended")

    def _late(self) -> list[Act]:
        """Wait until something may be late; the acts of what is."""
        with self._changed:
            now = time.monotonic()
            late = [number for number, (end, _act) in self._blocks.items() if end <= now]
            if late:
                return [self._blocks.pop(number)[1] for number in late]
            self._wakes_at = min((end for end, _act in self._blocks.values()), default=FOREVER)
            self._changed.wait(min(self._wakes_at - now, threading.TIMEOUT_MAX))
        return []


_watch = _Watch()
os.register_at_fork(after_in_child=_watch.forget)
