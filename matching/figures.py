"""Is one encoder worse than another? What is known for a comparison, as shares of top 3."""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from matching import scoring
from matching.encoder import Vector
from matching.models import Embedding

TOP = 3
# References that are looked up, spread over the catalogue.
MOST = 1_000
# An implant outside of so many nearest references is not among the first three.
NEAREST = 200


@dataclass(frozen=True)
class Side:
    """An encoder by its name and its id."""

    name: str
    id: str

    def is_meant_by(self, text: object) -> bool:
        return text in (self.name, self.id)


@dataclass(frozen=True)
class Figures:
    """Top 3 (0…1) of the encoder in use and of the new one on the same `count` films (0: the
    source does not say), and where the figures come from."""

    old: float
    new: float
    count: int
    source: str


class FiguresMissing(ValueError):
    """A file does not hold what is needed. `str()` says what."""


def from_file(path: Path, *, old: Side, new: Side) -> Figures:
    """From JSON as `evaluate --json` prints it, for both encoders: objects anywhere in the file
    with `encoder` (name or id) and `top3`. Raises FiguresMissing."""
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise FiguresMissing(f"{path.name} cannot be read as JSON: {error}") from error
    found = list(_measurements(content))
    before, after = (_share(found, side, path) for side in (old, new))
    return Figures(before, after, count=0, source=path.name)


def compared_in_catalogue(old: Side, new: Side) -> Figures | None:
    """Each reference, of at most MOST, looked up among all others by the vectors of both; None
    where no implant has two of them."""
    both = _references(old, new)
    if not both:
        return None
    implants = np.asarray(list(both.values()))
    _values, place, counts = np.unique(implants, return_inverse=True, return_counts=True)
    queries = np.flatnonzero(counts[place] > 1)
    if not len(queries):
        return None
    chosen = queries[:: max(1, -(-len(queries) // MOST))]
    before, after = (
        _share_of(_vectors(side, list(both)), implants, chosen.tolist()) for side in (old, new)
    )
    return Figures(before, after, count=len(chosen), source="each reference among the others")


def _measurements(node: Any, key: str = "") -> Iterator[tuple[object, float]]:
    if isinstance(node, Mapping):
        if isinstance(node.get("top3"), int | float):
            yield node.get("encoder", key), float(node["top3"])
        for name, child in node.items():
            yield from _measurements(child, str(name))
    elif isinstance(node, Sequence) and not isinstance(node, str):
        for child in node:
            yield from _measurements(child)


def _share(found: Sequence[tuple[object, float]], side: Side, path: Path) -> float:
    shares = [share for encoder, share in found if side.is_meant_by(encoder)]
    if not shares:
        raise FiguresMissing(f"{path.name} has no top3 of {side.name}.")
    return min(shares)


def _references(old: Side, new: Side) -> dict[int, int]:
    """Reference → implant, of those that are searched with both encoders."""
    rows = Embedding.objects.searchable().of_encoder(old.id)
    among = Embedding.objects.of_encoder(new.id).values("reference_image_id")
    rows = rows.filter(reference_image_id__in=among).order_by("reference_image_id")
    return dict(rows.values_list("reference_image_id", "reference_image__implant_id"))


def _vectors(side: Side, references: Sequence[int]) -> Vector:
    """Of shape (references, 512), in their order."""
    rows = Embedding.objects.of_encoder(side.id).filter(reference_image_id__in=references)
    found = dict(rows.values_list("reference_image_id", "vector").iterator(chunk_size=500))
    return np.asarray([found[reference] for reference in references], dtype=np.float32)


def _share_of(vectors: Vector, implants: np.ndarray[Any, Any], queries: Sequence[int]) -> float:
    hits = sum(_is_hit(vectors, implants, query) for query in queries)
    return hits / len(queries)


def _is_hit(vectors: Vector, implants: np.ndarray[Any, Any], query: int) -> bool:
    cosines = vectors @ vectors[query]
    cosines[query] = -2.0
    nearest = np.argpartition(-cosines, min(NEAREST, len(cosines) - 1))[:NEAREST]
    among = np.flatnonzero(np.isin(implants, implants[nearest]))
    pairs = ((int(implants[one]), float(cosines[one])) for one in among if one != query)
    return int(implants[query]) in [implant for implant, _score in scoring.ranked(pairs)[:TOP]]
