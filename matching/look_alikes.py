"""Families of implants that a film should not be asked to tell apart.

The same line in other sizes (a film has no scale); lines that are known to look alike
(`implants/data/look_alikes.csv`); and implants of which so much is known to be the same, and
nothing to be different, that a film could hardly tell more.
"""

import csv
from collections import defaultdict
from collections.abc import Collection, Iterable, Sequence
from functools import cache, lru_cache

from django.apps import apps
from django.db.models import Q

from implants import filenames
from implants.models import Implant, fits
from implants.vocabulary import FEATURES

FILE = "data/look_alikes.csv"
# Of the seven features; with fewer, half of a thinly described catalogue would look alike.
LEAST_KNOWN = 6
# The rest of what shows on a film, as numbers.
NUMBERS = ("thread_pitch_mm", "thread_leads")

Line = tuple[str, str]
LinePair = frozenset[Line]


def families(
    implants: Iterable[Implant], *, confused: Collection[frozenset[int]] = ()
) -> list[list[Implant]]:
    """The implants by family, in the order of their first members, those who stand alone too.

    `confused` are pairs of ids that were found to be taken for each other.
    """
    found: list[list[Implant]] = []
    for implant in implants:
        near = [one for one in found if any(_belong(implant, other, confused) for other in one)]
        if not near:
            found.append([implant])
            continue
        # It may join families that had nothing to do with each other without it.
        first, *others = near
        for other in others:
            first += other
            found.remove(other)
        first.append(implant)
    return found


def family_numbers(implants: Sequence[Implant]) -> dict[int, int]:
    """Implant id → number of its family among these, from 1."""
    numbered = enumerate(families(implants), start=1)
    return {implant.pk: number for number, family in numbered for implant in family}


def look_alikes(implant: Implant) -> list[Implant]:
    """The other active implants of the catalogue that belong to its family."""
    known = {feature: word for feature in FEATURES if (word := getattr(implant, feature))}
    makers = {maker for pair in known_pairs() for maker, _line in pair}
    near = Q(manufacturer__in=_spelled({_maker(implant.manufacturer), *makers}))
    if len(known) >= LEAST_KNOWN:
        near |= fits(known)
    others = Implant.objects.active().filter(near).exclude(pk=implant.pk)
    return [one for one in others if _belong(implant, one, ())]


def are_alike(one: Implant, other: Implant) -> bool:
    """Whether two implants belong together by what the catalogue says of them."""
    return _belong(one, other, ())


@cache
def known_pairs() -> frozenset[LinePair]:
    """Pairs of lines that look alike; a line is the keys of its manufacturer and its name."""
    path = f"{apps.get_app_config('implants').path}/{FILE}"
    with open(path, encoding="utf-8", newline="") as file:
        return frozenset(
            frozenset({one, other})
            for row in csv.DictReader(file)
            for one in _lines(row["manufacturer"], row["name"])
            for other in _lines(row["other_manufacturer"], row["other_name"])
        )


def _belong(one: Implant, other: Implant, confused: Collection[frozenset[int]]) -> bool:
    lines, others = (_lines(row.manufacturer, row.name) for row in (one, other))
    return (
        not lines.isdisjoint(others)
        or frozenset({one.pk, other.pk}) in confused
        or any(frozenset({a, b}) in known_pairs() for a in lines for b in others)
        or _are_described_alike(one, other)
    )


def _are_described_alike(one: Implant, other: Implant) -> bool:
    pairs = [(getattr(one, feature), getattr(other, feature)) for feature in FEATURES]
    numbers = [(getattr(one, number), getattr(other, number)) for number in NUMBERS]
    if any(a and b and a != b for a, b in [*pairs, *numbers]):
        return False
    return sum(bool(a) and a == b for a, b in pairs) >= LEAST_KNOWN


@lru_cache(maxsize=4096)
def _lines(manufacturer: str, name: str) -> frozenset[Line]:
    maker = _maker(manufacturer)
    return frozenset((maker, line) for line in filenames.name_keys(name))


def _maker(name: str) -> str:
    """The key of a manufacturer, however it is spelled."""
    return filenames.key(filenames.ALIASES.get(filenames.key(name), name))


def _spelled(makers: Collection[str]) -> list[str]:
    """The manufacturers of the catalogue that have one of these keys."""
    spellings: defaultdict[str, list[str]] = defaultdict(list)
    for name in Implant.objects.order_by().values_list("manufacturer", flat=True).distinct():
        spellings[_maker(name)].append(name)
    return [name for maker in makers for name in spellings[maker]]
