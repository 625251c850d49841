"""One decoder: a process of its own, started, asked with a deadline, and ended."""

import contextlib
import os
import select
import signal
import subprocess
import sys
import time
from pathlib import Path

from matching import priority
from matching.decoding.answers import ANSWER, REQUEST, Grey, Outcome, Refused

MEBIBYTE = 1024 * 1024
ROOT = Path(__file__).resolve().parents[2]
MODULE = "matching.decoding.child"
# What the interpreter needs to find itself and its libraries; no secret is among it.
PASSED_ON = ("LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH", "PYTHONHOME", "PYTHONPATH", "SYSTEMROOT")
ALONE = {
    "LC_ALL": "C.UTF-8",
    "MALLOC_ARENA_MAX": "1",
    # Of glibc: the memory of one film is kept for the next, whose pages need not be cleared anew.
    "MALLOC_MMAP_THRESHOLD_": f"{32 * MEBIBYTE}",
    "MALLOC_TRIM_THRESHOLD_": f"{64 * MEBIBYTE}",
    "MKL_NUM_THREADS": "1",
    "OMP_NUM_THREADS": "1",
    "OPENBLAS_NUM_THREADS": "1",
    "PYTHONDONTWRITEBYTECODE": "1",
}
# Sent by somebody else, or by a system that is out of memory: not the doing of the file.
FROM_OUTSIDE = (signal.SIGKILL, signal.SIGTERM, signal.SIGHUP)
REFUSALS = {int(outcome) for outcome in Outcome} - {int(Outcome.FILM)}
PIPE_BYTES = MEBIBYTE
F_SETPIPE_SZ = 1031


class Ended(Exception):
    """The process ended without an answer; `str()` says how. `by_file` is False where the file
    is not to blame."""

    def __init__(self, how: str, *, by_file: bool) -> None:
        super().__init__(how)
        self.by_file = by_file


class OutOfTime(Exception):
    """No answer before the deadline."""


class Decoder:
    """Not thread-safe: whoever asks has it alone. A decoder that raised Ended or OutOfTime is
    of no use any more and must be closed."""

    def __init__(self, module: str = MODULE) -> None:
        # Without preexec_fn nothing of this process runs after the fork: safe beside threads.
        self._process = subprocess.Popen(
            [sys.executable, "-m", module],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            bufsize=0,
            cwd=ROOT,
            env={**{name: os.environ[name] for name in PASSED_ON if name in os.environ}, **ALONE},
            start_new_session=True,
        )
        if niceness := priority.of_this():
            # Its session is new, and would not give way as this process does.
            priority.lower(self._process.pid, niceness)
        self.films = 0
        assert self._process.stdin and self._process.stdout  # noqa: S101 # nosec B101 # pipes
        self._input = self._process.stdin.fileno()
        self._output = self._process.stdout.fileno()
        for end in (self._input, self._output):
            os.set_blocking(end, False)
            _widen(end)

    @property
    def pid(self) -> int:
        return self._process.pid

    @property
    def is_alive(self) -> bool:
        return self._process.poll() is None

    def ask(self, data: bytes, *, most_pixels: int, deadline: float) -> Grey:
        """The film in `data`; `deadline` is one of time.monotonic().

        Raises Refused, Ended, OutOfTime.
        """
        self.films += 1
        head = REQUEST.pack(len(data), most_pixels, max(deadline - time.monotonic(), 0.1))
        self._send(head, deadline)
        self._send(data, deadline)
        code, width, height = ANSWER.unpack(self._receive(ANSWER.size, deadline))
        if code in REFUSALS:
            raise Refused(Outcome(code))
        # A decoder that a file has taken over may say anything.
        if code != Outcome.FILM or not 0 < width * height <= most_pixels:
            raise Ended("answered nonsense", by_file=True)
        return Grey(width, height, self._receive(width * height, deadline))

    def close(self) -> None:
        """End the process, whatever it does, and wait until it is gone."""
        self._process.kill()
        self._close_pipes()
        # One that hangs in the kernel dies when it comes out of there.
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(timeout=2)

    def forget(self) -> None:
        """Let go of a process that belongs to the parent of this one."""
        self._process.returncode = 0
        self._close_pipes()

    def _close_pipes(self) -> None:
        for pipe in (self._process.stdin, self._process.stdout):
            if pipe:
                pipe.close()

    def _send(self, data: bytes, deadline: float) -> None:
        rest = memoryview(data)
        while rest:
            try:
                rest = rest[os.write(self._input, rest) :]
            except BlockingIOError:
                self._await(self._input, select.POLLOUT, deadline)
            except BrokenPipeError:
                raise self._ended() from None

    def _receive(self, size: int, deadline: float) -> bytearray:
        received = bytearray(size)
        rest = memoryview(received)
        while rest:
            self._await(self._output, select.POLLIN, deadline)
            count = os.readv(self._output, [rest])
            if not count:
                raise self._ended()
            rest = rest[count:]
        return received

    def _await(self, end: int, event: int, deadline: float) -> None:
        poll = select.poll()
        poll.register(end, event)
        if not poll.poll(max(deadline - time.monotonic(), 0) * 1000):
            raise OutOfTime

    def _ended(self) -> Ended:
        try:
            code = self._process.wait(timeout=1)
        except subprocess.TimeoutExpired:
            return Ended("closed its pipes", by_file=True)
        if code < 0:
            return Ended(f"ended by signal {-code}", by_file=-code not in FROM_OUTSIDE)
        return Ended(f"ended with status {code}", by_file=True)


def _widen(end: int) -> None:
    """Fewer changes between the two processes; only Linux can."""
    if sys.platform == "linux":
        import fcntl

        # A user has only so much memory for pipes.
        with contextlib.suppress(OSError):
            fcntl.fcntl(end, F_SETPIPE_SZ, PIPE_BYTES)
