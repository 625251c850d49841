"""How well the finder finds: on phantoms whose fixtures are known, by the area shared."""

import hashlib
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from PIL import Image

from implants.catalogue import CatalogueFacts, demo_catalogue
from matching import finder
from matching.boxes import Box
from matching.evaluation.phantoms import FIRST_QUERY_SEED
from matching.finding.geometry import overlap, turned_by
from matching.phantoms import Phantom, render_film
from matching.phantoms.levels import level_of

# Intersection over union from which on a box counts as found.
ENOUGH = 0.5
# A fixture of which less lies on the film is not asked for, and finding it is no fault.
LEAST_VISIBLE = 0.55
# An axis within this many degrees has the right direction: platform and apex not mistaken.
RIGHT_WAY = 30.0
# Chance of each of two more fixtures on a film, and of a third: more than on a common film.
MORE = (0.5, 0.35)


@dataclass(frozen=True)
class Sought:
    """One fixture of a film and what came nearest: the area shared (0 where nothing did) and
    by how many degrees that box is turned off, 0…180."""

    jaw: str
    restoration: str
    shared: float
    turned: float

    @property
    def is_found(self) -> bool:
        return self.shared >= ENOUGH


@dataclass(frozen=True)
class Film:
    """The fixtures sought on a film, and how many of its boxes stand for none of them."""

    sought: tuple[Sought, ...]
    boxes: int
    wrong: int


@dataclass(frozen=True)
class Found:
    """Over all films: the share of fixtures found, of boxes that are one; over those found the
    mean area shared and the shares with platform and apex told apart and the axis within 3°."""

    films: int
    fixtures: int
    recall: float
    precision: float
    mean_overlap: float
    right_way: float
    within_3_degrees: float
    by_jaw: dict[str, float]
    by_restoration: dict[str, float]


def phantoms(*, level: str, modality: str = "periapical", seeds: int = 1) -> Iterator[Phantom]:
    """`seeds` films of each line of the demo catalogue, on many with others beside it."""
    level_of(level)
    for facts in demo_catalogue():
        for seed in range(FIRST_QUERY_SEED, FIRST_QUERY_SEED + seeds):
            others = _beside(facts, seed, level)
            yield render_film(facts, seed=seed, difficulty=level, others=others, modality=modality)


def _beside(facts: CatalogueFacts, seed: int, level: str) -> list[CatalogueFacts]:
    text = f"{facts.manufacturer}|{facts.name}|{seed}|{level}|finder"
    digest = hashlib.blake2b(text.encode(), digest_size=8).digest()
    rng, rows = np.random.default_rng(int.from_bytes(digest)), demo_catalogue()
    return [rows[rng.integers(len(rows))] for chance in MORE if rng.random() < chance]


def examine(
    films: Iterable[Phantom], find: Callable[[Image.Image], list[Box]] = finder.propose
) -> Iterator[Film]:
    """Search each film, and compare what is found with what is there."""
    for film in films:
        yield compared(film, find(film.image))


def compared(film: Phantom, boxes: list[Box]) -> Film:
    """Each box stands for one fixture at most: for the one it shares most with, best first."""
    areas = np.array(
        [[overlap(one.box, box) for box in boxes] for one in film.fixtures], dtype=float
    ).reshape(len(film.fixtures), len(boxes))
    pairs = _paired(areas)
    sought = tuple(
        Sought(
            one.jaw,
            one.restoration,
            float(areas[number, pairs[number]]) if number in pairs else 0.0,
            turned_by(one.box, boxes[pairs[number]]) if number in pairs else 180.0,
        )
        for number, one in enumerate(film.fixtures)
        if one.visible >= LEAST_VISIBLE
    )
    right = sum(areas[number, box] >= ENOUGH for number, box in pairs.items())
    # A fixture cut off by the film's edge may be found, roughly.
    excused = sum(
        areas[number, box] < ENOUGH and film.fixtures[number].visible < LEAST_VISIBLE
        for number, box in pairs.items()
    )
    return Film(sought, len(boxes) - int(excused), len(boxes) - int(right) - int(excused))


def _paired(areas: "np.ndarray[Any, Any]") -> dict[int, int]:
    """Row to column, the largest area first."""
    pairs: dict[int, int] = {}
    left = areas.copy()
    while left.size and left.max() > 0:
        row, column = (int(place) for place in np.unravel_index(left.argmax(), left.shape))
        pairs[row] = column
        left[row], left[:, column] = 0, 0
    return pairs


def summed_up(films: Iterable[Film]) -> Found:
    """Raises ValueError when no fixture was sought."""
    seen = list(films)
    sought = [one for film in seen for one in film.sought]
    if not sought:
        raise ValueError("there is no fixture to find")
    found = [one for one in sought if one.is_found]
    boxes, wrong = sum(film.boxes for film in seen), sum(film.wrong for film in seen)
    return Found(
        films=len(seen),
        fixtures=len(sought),
        recall=len(found) / len(sought),
        precision=(boxes - wrong) / boxes if boxes else 1.0,
        mean_overlap=_mean([one.shared for one in found]),
        right_way=_mean([one.turned <= RIGHT_WAY for one in found]),
        within_3_degrees=_mean([one.turned <= 3 for one in found]),
        by_jaw=_recall_by(sought, lambda one: one.jaw),
        by_restoration=_recall_by(sought, lambda one: one.restoration),
    )


def _recall_by(sought: list[Sought], part: Callable[[Sought], str]) -> dict[str, float]:
    parts: Mapping[str, list[bool]] = defaultdict(list)
    for one in sought:
        parts[part(one)].append(one.is_found)
    return {name: _mean(parts[name]) for name in sorted(parts)}


def _mean(values: list[Any]) -> float:
    return float(np.mean(values)) if values else 0.0
