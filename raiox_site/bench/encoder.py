"""What an encoder reaches of what the machine can do, in every runtime that there is for it."""

import os
import tempfile
from argparse import ArgumentParser
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
from django.conf import settings

from matching.encoder import Vector, configured_name
from raiox_site import running
from raiox_site.bench import agreement, encoder_pictures, limit, machine
from raiox_site.bench.columns import aligned
from raiox_site.bench.crew import Crew
from raiox_site.bench.failures import NotAnswered

# The first is what the others are compared with: float32 in the library that the weights are of.
YARDSTICK = "torch"
RUNTIMES = (YARDSTICK, "float32", "int8", "auto")
SETTING = "RAIOX_RUNTIME"
BATCHES = (1, 8)
ROUNDS = 3
PROCESS = "raiox_site.bench.encoder_process"
Say = Callable[[str], Any]


@dataclass
class Measured:
    """What one runtime did: `each` holds the seconds of a picture by batch, of all rounds, and
    `together` the pictures a second of all processes."""

    name: str
    id: str
    load_seconds: float
    memory: float
    views: int
    each: dict[int, list[float]] = field(default_factory=lambda: {one: [] for one in BATCHES})
    together: float = 0.0

    def rate(self, batch: int) -> float:
        """Pictures a second of one process, by the median."""
        return 1 / median(self.each[batch])


@dataclass(frozen=True)
class Limits:
    """GFLOP/s of float32 products, of one thread and of all processes; GFLOP of one picture."""

    one: float
    all: float
    picture: float

    def share(self, rate: float, *, of_all: bool = False) -> float:
        """Of the limit, what `rate` pictures a second are."""
        return rate * self.picture / (self.all if of_all else self.one)


def add_arguments(parser: ArgumentParser) -> None:
    add = parser.add_argument
    add("--encoder", default="", help="by default the one in use")
    add("--runtimes", default="", help="of " + ",".join(RUNTIMES) + "; by default all that exist")
    add("--times", type=int, default=10, help="batches of each kind and round")
    add("--films", type=int, default=200, help="by which the runtimes are compared")
    add("--references", type=int, default=None, help="among which; by default two an implant")
    add("--seconds", type=float, default=5.0, help="of each measurement of all cores")
    add("--processes", type=int, default=machine.cores(), help="by default one for each core")


def run(
    say: Say,
    *,
    encoder: str,
    runtimes: str,
    times: int,
    films: int,
    references: int | None,
    seconds: float,
    processes: int,
    **options: Any,
) -> None:
    """Each runtime in processes of its own, one round after the other.

    Raises NotAnswered when the encoder cannot be loaded in the first of them.
    """
    name, wanted = encoder or configured_name(), runtimes_wanted(runtimes)
    for line in machine.hardware():
        say(line)
    with ExitStack() as stack:
        path = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="raiox-bench-")))
        owners = _pictures(path, films, references) if len(wanted) > 1 else _one_picture(path)
        crews = {one: stack.enter_context(_crew(name, one, path, processes)) for one in wanted}
        found = _loaded(crews, say)
        products = stack.enter_context(limit.Limit(processes))
        products.measure(seconds / 2)
        work = _alone(found, crews, times)
        for one in found:
            if len(found) > 1:
                crews[one.name].ask("vectors", path / f"{one.name}.npy", of=1)
            one.together = _together(crews[one.name], seconds)
        products.measure(seconds / 2)
        for line in told(found, Limits(products.one, products.all, work), processes):
            say(line)
        if len(found) > 1 and found[0].name == YARDSTICK:
            for line in _compared(found, path, owners):
                say(line)


def runtimes_wanted(text: str) -> list[str]:
    """Those named; else all, or the one there is where nothing can be chosen. Raises NotAnswered
    for one that does not exist."""
    if not hasattr(settings, SETTING):
        return [YARDSTICK]
    wanted = text.split(",") if text else list(RUNTIMES)
    if unknown := set(wanted) - set(RUNTIMES):
        raise NotAnswered(f"there is no runtime {', '.join(sorted(unknown))}")
    return wanted


def told(found: Sequence[Measured], limits: Limits, processes: int) -> list[str]:
    """The limit, the encoder and a table."""
    rows = [
        ["", "load", "memory", "batch", "ms/image", "images/s", "of limit", f"× {found[0].name}"]
    ]
    for one in found:
        begin = [one.name, f"{one.load_seconds:.1f} s", f"{one.memory:.0f} MB"]
        for batch in BATCHES:
            rate, usual = one.rate(batch), found[0].rate(batch)
            share = limits.share(rate)
            rows.append([*begin, *_cells(f"{batch}", 1000 / rate, rate, share, rate / usual)])
            begin = ["", "", ""]
        share, ratio = limits.share(one.together, of_all=True), one.together / found[0].together
        kind, spent = f"{processes} × {BATCHES[-1]}", 1000 * processes / one.together
        rows.append([*begin, *_cells(kind, spent, one.together, share, ratio)])
    return [
        f"encoder {found[0].id}, {found[0].views} view(s), {limits.picture:.2f} GFLOP an image",
        f"float32 matrix products: {limits.one:.0f} GFLOP/s with one thread,"
        f" {limits.all:.0f} GFLOP/s with {processes} processes",
        "",
        *aligned(rows),
    ]


def _cells(kind: str, spent: float, rate: float, share: float, ratio: float) -> list[str]:
    return [kind, f"{spent:.1f}", f"{rate:.1f}", f"{share:.0%}", f"{ratio:.2f}"]


def _pictures(path: Path, films: int, references: int | None) -> list[int]:
    """Draw what is encoded; whose each reference is."""
    pictures, owners = encoder_pictures.references(references)
    encoder_pictures.save([*pictures, *encoder_pictures.films(films)], path / "pictures.npz")
    return owners


def _one_picture(path: Path) -> list[int]:
    encoder_pictures.save(encoder_pictures.films(1), path / "pictures.npz")
    return []


def _loaded(crews: Mapping[str, Crew], say: Say) -> list[Measured]:
    """Every runtime in one process. Those that this encoder or machine does not have are said
    and left out, but for the first."""
    found: list[Measured] = []
    for runtime, crew in crews.items():
        try:
            [one] = crew.ask("load", of=1)
        except NotAnswered as error:
            if not found:
                raise
            say(f"{runtime}: {error}")
            continue
        found.append(Measured(runtime, one["id"], one["seconds"], one["memory"], one["views"]))
    return found


def _alone(found: Sequence[Measured], crews: Mapping[str, Crew], times: int) -> float:
    """One process with one thread after the other, in turn; the GFLOP of a picture."""
    for _round in range(ROUNDS):
        for one in found:
            for batch in BATCHES:
                [answer] = crews[one.name].ask("times", batch, times, of=1)
                one.each[batch] += answer["seconds"]
                one.memory = answer["memory"]
    [work] = crews[found[0].name].ask("work", of=1)
    return float(work["gflop"])


def _together(crew: Crew, seconds: float) -> float:
    """Pictures a second of all processes at the same time, which end with that."""
    crew.ask("load")
    answers = crew.ask("rate", BATCHES[-1], seconds)
    crew.end()
    return sum(float(answer["pictures"]) / answer["seconds"] for answer in answers)


def _crew(name: str, runtime: str, path: Path, count: int) -> Crew:
    environment = {
        **os.environ,
        **limit.ONE_THREAD,
        "RAIOX_TORCH_THREADS": "1",
        SETTING: runtime,
        # Nothing is asked of it; a process without it would start a server of its own.
        "DATABASE_URL": running.database_url(),
        "LOG_LEVEL": "ERROR",
    }
    return Crew(PROCESS, name, str(path / "pictures.npz"), count=count, environment=environment)


def _compared(found: Sequence[Measured], path: Path, owners: Sequence[int]) -> list[str]:
    """A table: what each runtime finds of what the first one finds."""
    number = len(owners)

    def vectors(one: Measured) -> tuple[Vector, Vector]:
        all_of_them = np.load(path / f"{one.name}.npy")
        return all_of_them[number:], all_of_them[:number]

    usual = vectors(found[0])
    rows = [["", "least cosine", "first", "top 3", "top 3, no ties"]]
    for one in found[1:]:
        other = vectors(one)
        for what, whose in (("references", None), ("implants", owners)):
            same = agreement.of_references(usual, other, whose)
            rows.append(
                [
                    f"{one.name}, {what}",
                    f"{same.least_cosine:.5f}",
                    *(f"{share:.1%}" for share in (same.first, same.top3, same.top3_strict)),
                ]
            )
    return [
        "",
        f"the same as {found[0].name}, for {len(usual[0])} films among {number} references"
        f" (a tie: within {agreement.TIE:g})",
        *aligned(rows),
    ]
