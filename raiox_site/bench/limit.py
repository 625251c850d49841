"""How fast this machine multiplies matrices of float32: what no encoder can be faster than.

`python -m raiox_site.bench.limit` is one process of the measurement.
"""

import os
import time
from typing import Any, Self

from raiox_site.bench.crew import Answer, Crew, serve

# Of 512 to 2048 the processors at hand are fastest with these; larger ones leave the caches.
SIZES = (1024, 1536)
# What torch is told by its environment, as the processes of an installation are.
ONE_THREAD = {"OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"}


class Limit:
    """A context manager, whose processes wait while nothing is measured. `one` and `all` are
    GFLOP/s of float32 products (2·n³ operations each): the best that one process reached, and
    that all did together, with one thread each."""

    def __init__(self, processes: int) -> None:
        environment = {**os.environ, **ONE_THREAD}
        self._crew = Crew("raiox_site.bench.limit", count=processes, environment=environment)
        self.one = self.all = 0.0

    def __enter__(self) -> Self:
        self._crew.__enter__()
        return self

    def __exit__(self, *error: Any) -> None:
        self._crew.__exit__(*error)

    def measure(self, seconds: float) -> None:
        """So long for each size. What disturbs the machine only makes it slower: the best of
        several times is kept."""
        self._crew.ask(SIZES[0], seconds / 10)
        for size in SIZES:
            self.one = max(self.one, together(self._crew.ask(size, seconds, of=1)))
            self.all = max(self.all, together(self._crew.ask(size, seconds)))


def together(answers: list[Answer]) -> float:
    """10⁹ operations a second of processes that worked at the same time."""
    return sum(answer["operations"] / answer["seconds"] for answer in answers) / 1e9


def _multiply(question: str) -> Answer:
    import torch

    torch.set_num_threads(1)
    size, seconds = question.split()
    left, right = torch.randn(2, int(size), int(size))
    product = left @ right
    count, start = 0, time.perf_counter()
    while (spent := time.perf_counter() - start) < float(seconds):
        torch.mm(left, right, out=product)
        count += 1
    return {"operations": 2 * int(size) ** 3 * count, "seconds": spent}


if __name__ == "__main__":
    serve(_multiply)
