"""Labelled crops for fine-tuning: read, counted, and split so that no patient is on two sides."""

from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from matching.evaluation.labelled import LabelledFilm
from matching.normalisation import normalise
from matching.radiograph import RadiographError

# Below that a head only learns the few films by heart.
LEAST_CROPS = 200
LEAST_IMPLANTS = 10
LEAST_EACH = 3
LEAST_PATIENTS = 2
# Of one implant; the sampling is balanced, more would only fill the memory.
MOST_EACH = 60
HELD_OUT, VALIDATION = 0.25, 0.15
# What must be left of an implant when a patient is held out: the references it is looked up by.
LEFT_OF_EACH = 2


class TooLittle(ValueError):
    """There is not enough to learn from. `str()` says what there is, and what is needed."""


@dataclass(frozen=True)
class Crop:
    """A normalised picture (side, side), what it shows, and whose it is."""

    picture: NDArray[np.uint8]
    label: str
    group: str


@dataclass(frozen=True)
class Split:
    """Crops of different patients: to learn from, to know when to stop, and to judge by."""

    train: list[Crop]
    validation: list[Crop]
    held_out: list[Crop]


def gather(films: Iterable[LabelledFilm]) -> tuple[list[Crop], int]:
    """The crops, and how many films could not be read."""
    crops: list[Crop] = []
    kept: Counter[str] = Counter()
    unread = 0
    for film in films:
        if kept[film.label] == MOST_EACH:
            continue
        try:
            picture = normalise(film.read(), film.box)
        except (RadiographError, OSError):
            unread += 1
            continue
        kept[film.label] += 1
        crops.append(Crop(np.asarray(picture), film.label, film.group))
    return crops, unread


def check(crops: Sequence[Crop]) -> None:
    """Raises TooLittle."""
    usable = sum(
        len(own) >= LEAST_EACH and len({one.group for one in own}) >= LEAST_PATIENTS
        for own in _by(crops, "label").values()
    )
    if len(crops) < LEAST_CROPS or usable < LEAST_IMPLANTS:
        raise TooLittle(
            f"Too little to learn from: {len(crops)} labelled crops ({LEAST_CROPS} are needed),"
            f" {usable} implants with {LEAST_EACH} crops of {LEAST_PATIENTS} patients"
            f" ({LEAST_IMPLANTS} are needed)."
        )


def split(crops: Sequence[Crop], *, seed: int) -> Split:
    """Whole patients at a time. What is held out, for either purpose, shows only implants that
    are left among the crops to learn from. Raises TooLittle where no patient can be held out."""
    rng = np.random.default_rng(seed)
    by_group = _by(crops, "group")
    names = [sorted(by_group)[place] for place in rng.permutation(len(by_group))]
    left = Counter(crop.label for crop in crops)
    held_out = _taken(names, by_group, left, round(HELD_OUT * len(crops)))
    rest = [name for name in names if name not in held_out]
    validation = _taken(rest, by_group, left, round(VALIDATION * len(crops)))
    if not held_out or not validation:
        raise TooLittle("Too little to learn from: no patient can be held out to judge by.")
    train = [name for name in rest if name not in validation]
    return Split(*(_of(by_group, names) for names in (train, validation, held_out)))


def _taken(
    names: Sequence[str], by_group: dict[str, list[Crop]], left: Counter[str], wanted: int
) -> list[str]:
    taken: list[str] = []
    count = 0
    for name in names:
        own = Counter(crop.label for crop in by_group[name])
        is_spare = all(left[label] - number >= LEFT_OF_EACH for label, number in own.items())
        if count >= wanted or not is_spare:
            continue
        left.subtract(own)
        taken.append(name)
        count += own.total()
    return taken


def _of(by_group: dict[str, list[Crop]], names: Collection[str]) -> list[Crop]:
    return [crop for name in names for crop in by_group[name]]


def _by(crops: Sequence[Crop], field: str) -> dict[Any, list[Crop]]:
    found: defaultdict[Any, list[Crop]] = defaultdict(list)
    for crop in crops:
        found[getattr(crop, field)].append(crop)
    return dict(found)
