"""The process that touches the files of strangers: `python -m matching.decoding.child`.

Reads requests from its standard input and answers on its standard output until the input ends.
It has no secrets to lose: its environment is empty, and it neither opens files nor connects.
"""

import contextlib
import os
import resource
import signal
from collections.abc import Iterator
from typing import BinaryIO

from matching.decoding.answers import ANSWER, REQUEST, Grey, Outcome
from matching.decoding.reading import outcome_of, read

MEBIBYTE = 1024 * 1024
# The largest film of the slowest kind takes 700 MB of address space, libraries included.
ADDRESS_SPACE = 1280 * MEBIBYTE
FILES = 64


def main() -> None:
    requests, answers = _pipes()
    _limit(resource.RLIMIT_AS, ADDRESS_SPACE)
    _limit(resource.RLIMIT_FSIZE, 0)
    _limit(resource.RLIMIT_NOFILE, FILES)
    _limit(resource.RLIMIT_CORE, 0)
    # Ctrl-C at a terminal is meant for the parent.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    while head := requests.read(REQUEST.size):
        length, most_pixels, seconds = REQUEST.unpack(head)
        data = requests.read(length)
        if len(data) < length:
            return
        with _time_limits(seconds):
            outcome, grey = _decode(data, most_pixels)
        answers.write(ANSWER.pack(outcome, grey.width, grey.height))
        answers.write(grey.pixels)
        answers.flush()


def _pipes() -> tuple[BinaryIO, BinaryIO]:
    """The two ends, out of the reach of libraries that print what they find."""
    requests, answers = os.fdopen(os.dup(0), "rb"), os.fdopen(os.dup(1), "wb")
    nothing = os.open(os.devnull, os.O_RDWR)
    for standard in (0, 1, 2):
        os.dup2(nothing, standard)
    return requests, answers


def _limit(kind: int, value: int) -> None:
    # Not every platform has every limit.
    with contextlib.suppress(ValueError, OSError):
        resource.setrlimit(kind, (value, value))


@contextlib.contextmanager
def _time_limits(seconds: float) -> Iterator[None]:
    """The system ends this process when the work takes longer, also inside a library and
    after the parent was killed. What lives on may use as much time for the next film."""
    used = resource.getrusage(resource.RUSAGE_SELF)
    spent = int(used.ru_utime + used.ru_stime)
    with contextlib.suppress(ValueError, OSError):
        hard = resource.getrlimit(resource.RLIMIT_CPU)[1]
        resource.setrlimit(resource.RLIMIT_CPU, (spent + 2 * int(seconds + 2), hard))
    signal.setitimer(signal.ITIMER_REAL, seconds + 1)
    yield
    signal.setitimer(signal.ITIMER_REAL, 0)


def _decode(data: bytes, most_pixels: int) -> tuple[Outcome, Grey]:
    try:
        return Outcome.FILM, read(data, most_pixels=most_pixels)
    except Exception as error:
        return outcome_of(error), Grey(0, 0, b"")


if __name__ == "__main__":
    # The parent has gone away.
    with contextlib.suppress(BrokenPipeError):
        main()
    # What is still buffered has nobody to read it.
    os._exit(0)
