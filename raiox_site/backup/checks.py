"""Whether a restored database is the one that was dumped."""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from matching.checks import MINIMUM_PGVECTOR
from raiox_site.backup import described, mirror
from raiox_site.backup.errors import BackupError
from raiox_site.backup.manifest import Manifest
from raiox_site.backup.stores import ERRORS, Store, digest_of

# Distances are summed in another order by another machine.
TOLERANCE = 1e-6


@dataclass(frozen=True)
class Check:
    """One thing that was looked at: `problem` is empty where it is as it must be."""

    name: str
    found: str
    problem: str = ""


def of_database(made: Manifest) -> Iterator[Check]:
    """Precondition: the models read from the restored database."""
    yield _rows(made)
    yield _vectors(made)
    yield _extension(made)
    has_index = described.index_is_usable()
    yield Check("index", "hnsw", "" if has_index else "it is missing or not valid")
    yield _searches(made)


def _rows(made: Manifest) -> Check:
    now = described.row_counts()
    wrong = [
        f"{name}: {now.get(name, 'no table')} instead of {number}"
        for name, number in made.rows.items()
        if now.get(name) != number
    ]
    found = f"{sum(now.values())} rows in {len(now)} tables"
    return Check("rows", found, "; ".join(wrong))


def _vectors(made: Manifest) -> Check:
    now, bad = described.vectors(), described.bad_vectors()
    problem = f"{bad} cannot be compared" if bad else ""
    if now != made.vectors:
        problem = f"{now} instead of {made.vectors}"
    return Check("vectors", f"{sum(now.values())} of {len(now)} encoders", problem)


def _extension(made: Manifest) -> Check:
    version = described.extension()
    parts = tuple(int(part) for part in version.split(".")[:3]) if version else (0,)
    oldest = ".".join(map(str, MINIMUM_PGVECTOR))
    problem = "" if parts >= MINIMUM_PGVECTOR else f"older than {oldest}, or missing"
    return Check("extension", f"vector {version or '-'} (dumped from {made.extension})", problem)


def _searches(made: Manifest) -> Check:
    """By what was written down at the moment of the dump: the living catalogue may have changed
    since."""
    if not made.searches:
        problem = "nothing was searched at the dump" if made.vectors else ""
        return Check("search", "0 searches", problem)
    wrong = [
        f"search {place} answers another way"
        for place, one in enumerate(made.searches, start=1)
        if not _is_same(one, described.answer(one["vector"], one["encoder"]))
    ]
    return Check("search", f"{len(made.searches)} searches", "; ".join(wrong))


def _is_same(then: dict[str, Any], now: dict[str, Any]) -> bool:
    """The index is approximate and was built anew: the best implant must be the same one, and
    all distances that are compared one by one."""
    same_best = [one[0] for one in then["best"][:1]] == [one[0] for one in now["best"][:1]]
    pairs = zip(then["nearest"], now["nearest"], strict=False)
    same_distances = all(math.isclose(a[1], b[1], abs_tol=TOLERANCE) for a, b in pairs)
    same_number = len(then["nearest"]) == len(now["nearest"])
    return same_best and same_number and same_distances


def of_pictures(made: Manifest, store: Store, folder: Path) -> Iterator[Check]:
    """The pictures that were read at the dump, out of their copies. Raises nothing: a store that
    fails is a problem that is told."""
    try:
        copies = mirror.copies(store)
        for picture in made.pictures:
            yield _picture(picture, copies, store, folder)
    except (*ERRORS, BackupError) as error:
        yield Check("image", "-", str(error) or type(error).__name__)
        return
    if not made.pictures and any(made.vectors.values()):
        yield Check("image", "-", "no picture could be read at the dump")


def _picture(picture: dict[str, str], copies: dict[str, str], store: Store, folder: Path) -> Check:
    name = picture["name"]
    if name not in copies:
        return Check("image", name, "it has no copy")
    content = mirror.fetch(store, copies[name], folder)
    is_same = digest_of(content) == picture["sha256"]
    found = f"{name}, {content.stat().st_size} bytes, sha256 {picture['sha256'][:12]}…"
    return Check("image", found, "" if is_same else "the checksum differs")
