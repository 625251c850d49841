"""How much memory the processes of an instance take while it is loaded."""

import threading
from collections.abc import Sequence
from types import TracebackType
from typing import Self

import psutil

from raiox_site import running

MEBIBYTE = 2**20
EVERY_SECONDS = 0.5


class Resident:
    """A context manager that adds up the memory (RSS, MiB) of processes and all their children,
    twice a second: `taken`. What children share is counted for each. Nothing without any."""

    def __init__(self, pids: Sequence[int]) -> None:
        self._pids = pids
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self.taken: list[float] = []

    def __enter__(self) -> Self:
        if self._pids:
            self.taken.append(self._now())
            self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._over.set()
        if self._pids:
            self._thread.join()
            self.taken.append(self._now())

    @property
    def told(self) -> str:
        first, last, most = self.taken[0], self.taken[-1], max(self.taken)
        return (
            f"memory {first:.0f} MB before, {most:.0f} MB at most, {last:.0f} MB after"
            f" ({last / first:.2f})"
        )

    def _run(self) -> None:
        while not self._over.wait(EVERY_SECONDS):
            self.taken.append(self._now())

    def _now(self) -> float:
        return sum(_rss(one) for pid in self._pids for one in running.family(pid)) / MEBIBYTE


def _rss(process: psutil.Process) -> int:
    try:
        return int(process.memory_info().rss)
    except psutil.Error:
        return 0
