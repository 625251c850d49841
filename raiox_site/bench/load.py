"""Loads of three kinds: one request after the other, many clients at once, and a steady rate
whatever is answered; and what came of them."""

import asyncio
import time
from collections import Counter
from collections.abc import Callable, Coroutine, Sequence
from dataclasses import dataclass
from typing import Any

from raiox_site.bench.asking import LATE, NONE, Answer, Instance, Request
from raiox_site.bench.failures import NotAnswered

OK, UNAVAILABLE = 200, 503
PROBES_A_SECOND = 10
WORDS = {NONE: "no answer", LATE: "time-outs"}
Make = Callable[[], Request]


@dataclass(frozen=True)
class Load:
    """All answers, and how long it was asked for."""

    answers: Sequence[Answer]
    seconds: float

    @property
    def statuses(self) -> Counter[int]:
        return Counter(one.status for one in self.answers)

    @property
    def rate(self) -> float:
        """Good answers a second."""
        return self.statuses[OK] / self.seconds

    def times(self, status: int = OK) -> list[float]:
        """Milliseconds of the answers with this status, in order."""
        return sorted(one.seconds * 1000 for one in self.answers if one.status == status)

    def percentile(self, share: float, status: int = OK) -> float:
        """Milliseconds; NaN without any such answer."""
        return percentile(self.times(status), share)

    @property
    def others(self) -> str:
        """How many answers were none of 200, in words."""
        found = sorted((count, status) for status, count in self.statuses.items() if status != OK)
        return ", ".join(f"{count} × {WORDS.get(status, status)}" for count, status in found)


def percentile(ordered: Sequence[float], share: float) -> float:
    """Of ordered values, the least that so many of them do not exceed; NaN without any."""
    if not ordered:
        return float("nan")
    return ordered[max(0, -(-round(share * 1000) * len(ordered) // 1000) - 1)]


async def one_by_one(instance: Instance, make: Make, count: int) -> Load:
    """Raises NotAnswered for any other answer than 200: it would be measured too."""
    start = time.perf_counter()
    answers = [await instance.ask(make()) for _number in range(count)]
    if bad := next((one for one in answers if one.status != OK), None):
        raise NotAnswered(f"{instance.name}: {WORDS.get(bad.status, bad.status)} {bad.said}")
    return Load(answers, time.perf_counter() - start)


async def at_once(instance: Instance, make: Make, *, clients: int, seconds: float) -> Load:
    """So many clients, each of which asks again as soon as it is answered. The answers that are
    still to come at the end are waited for, and that time counts."""
    start, answers = time.perf_counter(), []

    async def client() -> None:
        while time.perf_counter() < start + seconds:
            answers.append(await instance.ask(make()))

    await asyncio.gather(*(client() for _number in range(clients)))
    return Load(answers, time.perf_counter() - start)


async def steadily(instance: Instance, make: Make, *, rate: float, seconds: float) -> Load:
    """So many requests a second, at even distances, each counted from when it was due: where the
    instance lags behind, the waiting is part of its answer."""
    start, asked = time.perf_counter(), []
    for number in range(round(rate * seconds)):
        due = start + number / rate
        await asyncio.sleep(max(0.0, due - time.perf_counter()))
        asked.append(asyncio.create_task(instance.ask(make(), due=due)))
    answers = await asyncio.gather(*asked)
    return Load(answers, seconds)


async def beside(
    load: Coroutine[Any, Any, Load], instance: Instance, probe: Request
) -> tuple[Load, Load]:
    """The load, and what `probe` was answered ten times a second meanwhile."""
    probes: list[asyncio.Task[Answer]] = []
    probing = asyncio.create_task(_probe(instance, probe, probes))
    try:
        found = await load
    finally:
        probing.cancel()
    return found, Load(await asyncio.gather(*probes), found.seconds)


async def _probe(instance: Instance, probe: Request, probes: list[asyncio.Task[Answer]]) -> None:
    start = time.perf_counter()
    while True:
        due = start + len(probes) / PROBES_A_SECOND
        await asyncio.sleep(max(0.0, due - time.perf_counter()))
        probes.append(asyncio.create_task(instance.ask(probe, due=due)))
