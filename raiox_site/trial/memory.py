"""What the processes of a trial need of memory, and whether it grows."""

import math
import threading
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from statistics import fmean, median

import psutil

MIB = 2**20
# A process that begins fills its caches and loads the encoder.
WARM_SHARE, WARM_SECONDS = 0.1, 180.0
# Below so many minutes of warm processes a slope is noise; it is shown and not judged.
LEAST_MINUTES = 20.0
# Two standard errors above this is growth: 30 MiB an hour, for one process.
LIMIT_MIB_PER_MINUTE = 0.5
# The client's own target for a serving process.
CEILING_MIB = 1024.0
WORDS = (
    ("decoder", "matching.decoding"),
    ("web", "gunicorn"),
    ("worker", "qcluster"),
    ("watcher", "manage.py worker"),
    ("PostgreSQL", "postgres"),
)
Key = tuple[str, int, float]


@dataclass(frozen=True)
class Slope:
    """MiB per minute with its standard error, from `minutes` of warm processes."""

    value: float
    error: float
    minutes: float

    @property
    def is_growth(self) -> bool:
        is_enough = self.minutes >= LEAST_MINUTES
        return is_enough and self.value - 2 * self.error > LIMIT_MIB_PER_MINUTE


@dataclass
class Memory:
    """Samples of memory that no other process shares (USS), in MiB by second, of each process."""

    seconds: float
    everyone: Callable[[], Iterable[psutil.Process]]
    samples: dict[Key, list[tuple[float, float]]] = field(default_factory=lambda: defaultdict(list))

    def run(self, stopping: threading.Event, *, clock: Callable[[], float], pause: float) -> None:
        while not stopping.wait(pause):
            now = clock()
            for process in self.everyone():
                self._take(process, now)

    def _take(self, process: psutil.Process, now: float) -> None:
        try:
            kind = kind_of(" ".join(process.cmdline()))
            key = (kind, process.pid, process.create_time())
            self.samples[key].append((now, process.memory_full_info().uss / MIB))
        except psutil.Error:
            return

    @property
    def warm(self) -> float:
        return min(WARM_SECONDS, self.seconds * WARM_SHARE)

    def kinds(self) -> list[str]:
        return sorted({kind for kind, _pid, _since in self.samples})

    def of(self, kind: str) -> list[list[tuple[float, float]]]:
        return [taken for key, taken in self.samples.items() if key[0] == kind]

    def slope(self, kind: str) -> Slope:
        warm = [
            [(at, used) for at, used in taken if at - taken[0][0] >= self.warm]
            for taken in self.of(kind)
        ]
        return pooled_slope([taken for taken in warm if len(taken) > 2])

    def rows(self) -> list[tuple[str, str]]:
        found = []
        for kind in self.kinds():
            every, slope = self.of(kind), self.slope(kind)
            highest = max(used for taken in every for _at, used in taken)
            middle = median(used for taken in every for _at, used in taken)
            said = f"{slope.value:+.2f} ± {slope.error:.2f} MiB/min in {slope.minutes:.0f} min"
            found.append(
                (f"  {kind}, {len(every)} processes", f"{middle:.0f}, at most {highest:.0f} MiB")
            )
            found.append(("    slope of warm ones", said))
        return found

    def violations(self) -> list[str]:
        found = []
        for kind in self.kinds():
            slope = self.slope(kind)
            if slope.is_growth:
                found.append(f"{kind} grows by {slope.value:.2f} MiB a minute")
            highest = max(used for taken in self.of(kind) for _at, used in taken)
            if highest > CEILING_MIB:
                found.append(f"{kind} took {highest:.0f} MiB")
        return found


def kind_of(command: str) -> str:
    return next((kind for kind, word in WORDS if word in command), "other")


def pooled_slope(series: Sequence[Sequence[tuple[float, float]]]) -> Slope:
    """One straight slope for all processes, each with a level of its own (least squares);
    samples (second, MiB). A process that was killed and its successor are two."""
    apart = [
        [(at - fmean(a for a, _m in one), used - fmean(m for _a, m in one)) for at, used in one]
        for one in series
    ]
    points = [point for one in apart for point in one]
    squares = sum(at * at for at, _used in points)
    minutes = sum((one[-1][0] - one[0][0]) / 60 for one in series)
    freedom = len(points) - len(series) - 1
    if not squares or freedom < 1:
        return Slope(0.0, 0.0, minutes)
    slope = sum(at * used for at, used in points) / squares
    left = sum((used - slope * at) ** 2 for at, used in points) / freedom
    # Samples of one process follow each other: a step counts once, not as often as it is seen.
    independent = max(len(points) / 6, 1.0) / len(points)
    return Slope(slope * 60, math.sqrt(left / squares / independent) * 60, minutes)
