"""Work that only so many threads may do at once, in the order in which they came."""

import threading
from collections import deque


class Turns:
    """A semaphore whose places go to who has waited longest. One of the standard library's goes
    to who happens to run: on a busy machine some would wait for ever."""

    def __init__(self, places: int) -> None:
        self._lock = threading.Lock()
        self._free = places
        self._waiting: deque[threading.Event] = deque()

    def acquire(self, *, timeout: float) -> bool:
        """Whether a place became free within so many seconds."""
        with self._lock:
            if self._free:
                self._free -= 1
                return True
            mine = threading.Event()
            self._waiting.append(mine)
        if mine.wait(timeout):
            return True
        with self._lock:
            # It may have been handed over in the last moment.
            if not mine.is_set():
                self._waiting.remove(mine)
        return mine.is_set()

    def release(self) -> None:
        with self._lock:
            if self._waiting:
                self._waiting.popleft().set()
            else:
                self._free += 1
