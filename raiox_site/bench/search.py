"""How long a search among very many references takes, and how much of what is nearest it finds."""

import time
from argparse import ArgumentParser
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import Any

import psutil
from django.core.management import CommandError
from django.db import connection
from django.test.utils import CaptureQueriesContext

from matching import matcher
from matching.encoder import Vector
from raiox_site.bench import machine, scratch, search_filling, vector_index
from raiox_site.bench.clusters import Clusters
from raiox_site.bench.columns import aligned
from raiox_site.bench.exact import FIRST, Nearest, Places, recall
from raiox_site.bench.search_filling import ENCODER
from raiox_site.bench.timing import Measured
from raiox_site.bench.vector_index import Index

# design.md §8: p95 of a query up to so many vectors.
TARGETS_MS = ((100_000, 3.0), (1_000_000, 10.0))
WARM_UP = 50
MEGABYTE = 10**6
# Bytes of a vector in an index that is being built: its values and those of its neighbours.
BUILT_BYTES = 4 * 512 + 600
SHOWN = ("hnsw.ef_search", "hnsw.iterative_scan", "shared_buffers")
Say = Callable[[str], Any]


def add_arguments(parser: ArgumentParser) -> None:
    add = parser.add_argument
    add("--vectors", type=int, default=100_000)
    add("--references", type=int, default=20, help="of each implant")
    add("--queries", type=int, default=500, help="films that are looked up")
    add("--halfvec", action="store_true", help="compare with an index of the other precision")
    add("--shuffled", action="store_true", help="not loaded implant by implant")
    add("--index-options", default="", help="in place of the index's own: m=24,ef_construction=128")
    add("--ef-search", type=int, default=None, help="in place of what every session is told")
    add("--memory", type=int, default=None, help="maintenance_work_mem in MB; by default enough")
    add(scratch.INSIDE, action="store_true", help="used by the command itself")


def run(say: Say, *, inside: bool, **options: Any) -> None:
    """In a scratch database of its own. Raises CommandError or CalledProcessError."""
    if options["vectors"] < options["references"]:
        raise CommandError("--vectors must be at least --references.")
    if inside:
        if not scratch.is_inside():
            raise CommandError("This is no scratch database.")
        for line in lines(**options):
            say(line)
        return
    names = ("vectors", "references", "queries", "ef_search", "memory", "index_options")
    given = [
        f"--{name.replace('_', '-')}={options[name]}" for name in names if options[name] is not None
    ]
    switches = [f"--{name}" for name in ("halfvec", "shuffled") if options[name]]
    scratch.run(["bench", "search", *given, *switches], say, is_empty=True)


def lines(
    *,
    vectors: int,
    references: int,
    queries: int,
    halfvec: bool,
    shuffled: bool,
    index_options: str,
    ef_search: int | None,
    memory: int | None,
    **options: Any,
) -> Iterator[str]:
    """Fill the database, build, ask; as it comes."""
    clusters = Clusters(max(1, vectors // references), references)
    number = clusters.implants * references
    yield from machine.lines()
    yield (
        f"{number} vectors of {clusters.implants} implants in {clusters.families} families,"
        f" {references} references each"
    )
    films = clusters.films(queries)
    known = vector_index.indexes()
    for index in known:
        index.drop()
    nearest = Nearest(films)
    spent, first = _filled(clusters, nearest)
    yield (
        f"loaded by COPY in {spent:.1f} s ({number / spent:.0f} vectors/s),"
        f" {vector_index.size_of(vector_index.TABLE):.0f} MB"
    )
    if shuffled:
        search_filling.shuffle()
        _checked()
    known = [index.built_with(index_options) for index in known]
    built = [*known, *([known[0].of_other_precision()] if halfvec and known else [])]
    yield _prepared(number, memory)
    for index in built:
        seconds = index.build()
        yield (
            f"{index.name} ({index.options}) built in {seconds:.1f} s"
            f" ({number / seconds:.0f} vectors/s), {index.megabytes:.0f} MB"
        )
    _set("ANALYZE")
    if ef_search:
        _set(f"SET hnsw.ef_search = {int(ef_search)}")
    yield ", ".join(f"{name} {_shown(name)}" for name in SHOWN)
    yield ""
    yield from _asked(films, nearest, built, first, target_ms(number))


def target_ms(vectors: int) -> float:
    """Of the next smaller or equal number that a target was set for."""
    return next((target for most, target in TARGETS_MS if vectors <= most), TARGETS_MS[-1][1])


def _filled(clusters: Clusters, nearest: Nearest) -> tuple[float, tuple[int, int]]:
    """Seconds of the copying alone, and the ids before the first implant and reference."""
    implants, references = search_filling.catalogue(clusters)
    spent = 0.0
    for first, vectors in clusters.chunks():
        nearest.add(first, vectors)
        start = time.perf_counter()
        place = references + 1 + first * clusters.references
        search_filling.copy(place, vectors.reshape(-1, vectors.shape[-1]))
        spent += time.perf_counter() - start
    _checked()
    return spent, (implants, references)


def _checked() -> None:
    """Within a transaction the rows would still wait for the check of what they refer to, and no
    index could be built."""
    _set("SET CONSTRAINTS ALL IMMEDIATE")


def _prepared(vectors: int, memory: int | None) -> str:
    """An index that does not fit into this memory is built many times slower."""
    most = psutil.virtual_memory().total // 4
    wanted = memory or max(64, min(vectors * BUILT_BYTES * 5 // 4, most) // MEGABYTE)
    workers = machine.cores() - 1
    _set(f"SET maintenance_work_mem = '{wanted}MB'")
    _set(f"SET max_parallel_maintenance_workers = {workers}")
    return f"maintenance_work_mem {wanted} MB, {workers} parallel worker(s)"


def _asked(
    films: Vector, nearest: Nearest, built: Sequence[Index], first: tuple[int, int], target: float
) -> Iterator[str]:
    before_implants, before_references = first
    whole, found = _timed("the whole search", films, _implants)
    rows = [["", "median", "p95", f"of {target:g} ms", f"recall@{FIRST}", "queries"]]
    rows.append(_row(whole, target, _recall(found, nearest.implants, before_implants)))
    measured = []
    for index in built:
        one, found = _timed(
            f"{index.name} alone",
            films,
            partial(index.nearest, encoder=ENCODER, limit=FIRST),
        )
        measured.append(one)
        rows.append(_row(one, target, _recall(found, nearest.references, before_references)))
    yield from aligned(rows)
    for index in built:
        if not index.is_used(films[0], encoder=ENCODER, limit=FIRST):
            yield f"PostgreSQL does not use {index.name}: with few vectors it need not"
    if len(measured) > 1:
        full, half = measured[0], measured[-1]
        yield (
            f"{built[-1].name} / {built[0].name}: median {half.median / full.median:.2f},"
            f" p95 {half.p95 / full.p95:.2f}, size {built[-1].megabytes / built[0].megabytes:.2f}"
        )


def _implants(film: Vector) -> list[int]:
    """As a request asks."""
    found = matcher.compare(film, encoder=ENCODER, limit=FIRST)
    return [one.implant.pk for one in found.candidates]


def _timed(
    name: str, films: Vector, ask: Callable[[Vector], list[int]]
) -> tuple[Measured, list[list[int]]]:
    """Every film once, after as many have warmed the caches as a second or so takes."""
    for film in films[:WARM_UP]:
        ask(film)
    with CaptureQueriesContext(connection) as captured:
        ask(films[0])
    taken, found = [], []
    for film in films:
        start = time.perf_counter()
        found.append(ask(film))
        taken.append((time.perf_counter() - start) * 1000)
    return Measured(name, taken, len(captured)), found


def _recall(found: list[list[int]], exact: Places, before: int) -> float:
    return recall([[key - before - 1 for key in row] for row in found], exact)


def _row(one: Measured, target: float, recalled: float) -> list[str]:
    return [
        one.name,
        f"{one.median:.2f} ms",
        f"{one.p95:.2f} ms",
        f"{one.p95 / target:.0%}",
        f"{recalled:.4f}",
        str(one.queries),
    ]


def _set(statement: str) -> None:
    with connection.cursor() as cursor:
        cursor.execute(statement)


def _shown(name: str) -> str:
    with connection.cursor() as cursor:
        cursor.execute("SELECT current_setting(%s)", [name])
        return str(cursor.fetchone()[0])
