"""What running instances answer at their doors, one or two of them in turn.

An instance counts the calls of one address: set RAIOX_UPLOAD_RATE, RAIOX_WEBHOOK_RATE and
RAIOX_API_RATE to nothing where it is measured. --webhooks needs the secret of the instance
(--secret, or RAIOX_WEBHOOK_TOKEN here), RAIOX_FETCH_ALLOW_HOSTS=127.0.0.1 there, no
JOTFORM_API_KEY, and a worker.
"""

import asyncio
from argparse import ArgumentParser, RawDescriptionHelpFormatter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from statistics import median
from typing import Any

from django.conf import settings

from raiox_site.bench import load, machine
from raiox_site.bench.asking import LATE, Instance, Request
from raiox_site.bench.columns import aligned
from raiox_site.bench.door_films import Films
from raiox_site.bench.door_hooks import Hooks
from raiox_site.bench.load import OK, UNAVAILABLE, Load
from raiox_site.bench.resident import Resident

SIZES = (200_000, 1_500_000)
WARM_UP = 3
P95 = 0.95
HEALTH = Request("GET", "/healthcheck")
Say = Callable[[str], Any]


@dataclass
class Door:
    """What one instance did with films of one size, each list by round: milliseconds of one
    client, uploads a second of many, and milliseconds of its health meanwhile."""

    one: list[Load] = field(default_factory=list)
    many: list[Load] = field(default_factory=list)
    health: list[Load] = field(default_factory=list)

    @property
    def figures(self) -> list[list[float]]:
        """By row of the table, by round."""
        return [
            [one.percentile(0.5) for one in self.one],
            [one.percentile(P95) for one in self.one],
            [many.rate for many in self.many],
            [many.percentile(P95) for many in self.many],
            [health.percentile(P95) for health in self.health],
        ]


def add_arguments(parser: ArgumentParser) -> None:
    parser.formatter_class = RawDescriptionHelpFormatter
    parser.description = __doc__
    add = parser.add_argument
    add("urls", nargs="+", metavar="URL", help="of an instance, and of another one to compare")
    add("--concurrency", type=int, default=16, help="clients at once")
    add("--uploads", type=int, default=20, help="of one client, in each round")
    add("--seconds", type=float, default=15.0, help="of many clients, in each round")
    add("--rounds", type=int, default=3)
    add("--bytes", type=int, nargs="+", default=list(SIZES), help="of a film")
    add("--same", action="store_true", help="one film again and again, which a cache may answer")
    add("--timeout", type=float, default=30.0, help="seconds for an answer")
    add("--webhooks", action="store_true", help="submissions of Jotform instead, at --rate")
    add("--secret", default="", help="of the webhooks")
    add("--count-cases", action="store_true", help="in the database of this process, afterwards")
    add("--wait", type=float, default=600.0, help="seconds until all cases are done with")
    add("--flood", action="store_true", help="uploads instead, at --rate whatever is answered")
    add("--rate", type=float, default=100.0, help="requests a second")
    add("--lasting", type=float, default=60.0, help="seconds")
    add(
        "--pid",
        type=int,
        action="append",
        default=[],
        help="whose memory is watched, with its children; may be given several times",
    )


def run(
    say: Say,
    *,
    urls: Sequence[str],
    bytes: Sequence[int],
    timeout: float,
    same: bool,
    webhooks: bool,
    flood: bool,
    **options: Any,
) -> None:
    """Raises NotAnswered where uploads of a single client are not answered with 200."""
    instances = [Instance(url, timeout=timeout) for url in urls]
    for line in machine.hardware():
        say(line)
    if webhooks or flood:
        films = Films(bytes[0], is_same=same)
        work = _webhooks if webhooks else _flood
        for instance in instances:
            for line in work(instance, films, **options):
                say(line)
        return
    for size in bytes:
        films = Films(size, is_same=same)
        doors = asyncio.run(_in_turn(instances, films, **options))
        for line in told(instances, doors, films.size, clients=options["concurrency"]):
            say(line)


def told(
    instances: Sequence[Instance], doors: Sequence[Door], size: int, *, clients: int
) -> Iterator[str]:
    """The median of the rounds, and of what the second instance's figures are of the first's in
    the same round."""
    names = [
        "median ms, one client",
        "p95 ms, one client",
        f"uploads/s, {clients} clients",
        f"p95 ms, {clients} clients",
        f"p95 ms of {HEALTH.path} meanwhile",
    ]
    letters = [chr(ord("A") + place) for place in range(len(doors))]
    ratios = [f"{letter}/A" for letter in letters[1:]]
    rows = [[f"films of {size / 1000:.0f} kB", *letters, *ratios]]
    figures = [door.figures for door in doors]
    for place, name in enumerate(names):
        values = [one[place] for one in figures]
        rows.append(
            [
                name,
                *(f"{median(one):.1f}" for one in values),
                *(f"{ratio(values[0], other):.2f}" for other in values[1:]),
            ]
        )
    yield ""
    yield from (f"{one}: {instance.name}" for one, instance in zip(letters, instances, strict=True))
    yield from aligned(rows)
    for letter, door in zip(letters, doors, strict=True):
        others = [many.others for many in door.many if many.others]
        if others:
            yield f"{letter}, {clients} clients: {'; '.join(others)}"


def ratio(first: Sequence[float], second: Sequence[float]) -> float:
    """The median of second/first, round by round: what disturbed a round disturbed both."""
    return median(
        two / one if one else float("nan") for one, two in zip(first, second, strict=True)
    )


async def _in_turn(
    instances: Sequence[Instance],
    films: Films,
    *,
    uploads: int,
    rounds: int,
    concurrency: int,
    seconds: float,
    **options: Any,
) -> list[Door]:
    """A B A B: whatever the machine does meanwhile, it does to both."""
    doors = [Door() for _instance in instances]
    for instance in instances:
        await load.one_by_one(instance, films.upload, WARM_UP)
    for _round in range(rounds):
        for instance, door in zip(instances, doors, strict=True):
            door.one.append(await load.one_by_one(instance, films.upload, uploads))
        for instance, door in zip(instances, doors, strict=True):
            many = load.at_once(instance, films.upload, clients=concurrency, seconds=seconds)
            found, health = await load.beside(many, instance, HEALTH)
            door.many.append(found)
            door.health.append(health)
    return doors


def _flood(
    instance: Instance, films: Films, *, rate: float, lasting: float, pid: list[int], **options: Any
) -> Iterator[str]:
    with Resident(pid) as memory:
        steady = load.steadily(instance, films.upload, rate=rate, seconds=lasting)
        found, health = asyncio.run(load.beside(steady, instance, HEALTH))
    yield from of_flood(instance.name, found, health, rate=rate)
    if memory.taken:
        yield memory.told


def of_flood(name: str, found: Load, health: Load, *, rate: float) -> Iterator[str]:
    statuses, refused = found.statuses, found.times(UNAVAILABLE)
    good, late = statuses[OK], statuses[LATE]
    other = statuses.total() - good - late - statuses[UNAVAILABLE]
    yield ""
    yield f"{name}: {statuses.total()} uploads at {rate:g} a second"
    yield (
        f"{good} answered ({good / statuses.total():.1%}), {statuses[UNAVAILABLE]} × 503,"
        f" {other} other, {late} time-outs"
    )
    if good:
        yield f"answered: median {found.percentile(0.5):.0f} ms, p95 {found.percentile(P95):.0f} ms"
    if refused:
        slowest, p95 = refused[-1], found.percentile(P95, UNAVAILABLE)
        yield f"503: p95 {p95:.0f} ms, slowest {slowest:.0f} ms"
    if other:
        yield f"not answered: {found.others}"
    yield _of_health(health)


def _webhooks(
    instance: Instance,
    films: Films,
    *,
    rate: float,
    lasting: float,
    pid: list[int],
    secret: str,
    count_cases: bool,
    wait: float,
    **options: Any,
) -> Iterator[str]:
    with (
        Hooks(films, secret=secret or settings.RAIOX_WEBHOOK_TOKEN) as hooks,
        Resident(pid) as memory,
    ):
        steady = load.steadily(instance, hooks.submission, rate=rate, seconds=lasting)
        found, health = asyncio.run(load.beside(steady, instance, HEALTH))
        accepted, sent = found.statuses[OK], len(found.answers)
        yield ""
        yield f"{instance.name}: {sent} submissions at {rate:g} a second"
        yield f"{accepted} accepted ({accepted / sent:.1%})" + (
            f"; {found.others}" if found.others else ""
        )
        if accepted:
            yield f"median {found.percentile(0.5):.0f} ms, p95 {found.percentile(P95):.0f} ms"
        yield _of_health(health)
        if count_cases:
            cases, done, spent = hooks.wait(sent, wait)
            yield f"{cases} cases, {done} of them done with {spent:.0f} s after the last submission"
    if memory.taken:
        yield memory.told


def _of_health(health: Load) -> str:
    failed = f", {health.others}" if health.others else ""
    return (
        f"{HEALTH.path}: median {health.percentile(0.5):.0f} ms,"
        f" p95 {health.percentile(P95):.0f} ms of {len(health.answers)}{failed}"
    )
