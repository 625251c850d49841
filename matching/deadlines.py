"""An end to what a thread waits for in a library that knows none."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager


@contextmanager
def cut_off(act: Callable[[], object], *, seconds: float) -> Iterator[None]:
    """Call `act` from another thread when the block takes longer."""
    timer = threading.Timer(seconds, act)
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        timer.cancel()
