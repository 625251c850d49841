"""Films ranked by a gallery in which their implant is, and in one from which it was taken.

A third of the implants at a time is left out, so that every film is met as one of an implant
that is there, and once as one of an implant that is absent.
"""

from collections import defaultdict
from collections.abc import Hashable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from matching.scoring import Rule, Standing, ranked, standing

Array = np.ndarray[Any, Any]

PARTS = 3


class TooLittle(ValueError):
    """There is too little to measure on. `str()` is a sentence for people."""


@dataclass(frozen=True)
class Embedded:
    """One film by its vector of shape (512,): `label` names its implant, `family` those that
    look alike; films of one `group` (a patient) stand on one side of every split."""

    label: str
    family: str
    group: str
    vector: Array


@dataclass(frozen=True)
class HeldOut:
    """How a film was ranked by references of others. `is_present`: its implant was among them."""

    standing: Standing
    is_present: bool
    is_right: bool
    group: Hashable


def leave_implants_out(
    references: Sequence[Embedded], queries: Sequence[Embedded], *, rule: Rule = Rule.MEAN2
) -> list[HeldOut]:
    """Rank every query PARTS times, each time without the references of one part of the
    families. Raises TooLittle for fewer families than parts, or without queries."""
    families = sorted({one.family for one in references})
    if len(families) < PARTS or not queries:
        raise TooLittle(
            f"At least {PARTS} implants that do not look alike, and films beside their references,"
            " are needed to measure unknown ones."
        )
    return [
        held_out
        for part in range(PARTS)
        for held_out in _ranked_without(set(families[part::PARTS]), references, queries, rule)
    ]


def _ranked_without(
    absent: set[str], references: Sequence[Embedded], queries: Sequence[Embedded], rule: Rule
) -> Iterable[HeldOut]:
    gallery = [one for one in references if one.family not in absent]
    family = {one.label: one.family for one in gallery}
    cosines = np.array([one.vector for one in queries]) @ np.array([g.vector for g in gallery]).T
    for query, row in zip(queries, cosines.tolist(), strict=True):
        ranking = ranked(
            ((one.label, cosine) for one, cosine in zip(gallery, row, strict=True)), rule=rule
        )
        yield HeldOut(
            standing(ranking, family=family.__getitem__),
            is_present=query.label in family,
            is_right=ranking[0][0] == query.label,
            group=query.group,
        )


def halves(films: Iterable[HeldOut]) -> tuple[list[HeldOut], list[HeldOut]]:
    """The films by groups: to set limits on, and to tell their figures for."""
    parts: defaultdict[int, list[HeldOut]] = defaultdict(list)
    order: dict[Hashable, int] = {}
    for film in films:
        parts[order.setdefault(film.group, len(order)) % 2].append(film)
    return parts[0], parts[1]
