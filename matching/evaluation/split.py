"""Which films are references and which are queries: never a patient on both sides."""

import hashlib
from collections import Counter, defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from matching.evaluation.embedding import SMALL, Array
from matching.evaluation.labelled import LabelledFilm, Part

# Root mean square of the difference, in grey levels of copies of SMALL × SMALL, below which two
# files hold the same film, saved in other ways: JPEG at quality 50 differs by less than 1.
SAME_FILM = 1.5


@dataclass(frozen=True)
class Split:
    """Places, in the list of films, of references and queries."""

    references: list[int]
    queries: list[int]


def split(films: Sequence[LabelledFilm], *, references: int, seed: int = 0) -> Split:
    """At most `references` films of each implant on one side, all else on the other.

    Whole groups move, in an order that only `seed` and their names decide, and each implant
    of two groups or more keeps one for a query as long as other implants of the same patient
    leave it. An implant of a single group is never asked for, only stands in the way. A film
    whose part is given stays there.
    """
    groups = _groups(films)
    left = Counter(films[place].label for group in groups for place in _once(films, group))
    taken: Counter[str] = Counter()
    asked: set[str] = set()
    done = Split([], [])
    for group in sorted(groups, key=lambda places: _turn(films, places, seed)):
        labels = {films[place].label for place in group}
        left.subtract(labels)
        if _side(films, group, references, taken=taken, spare=asked | set(+left)) is Part.QUERY:
            asked |= labels
            done.queries.extend(group)
            continue
        for place in group:
            if taken[films[place].label] < references or films[place].part is Part.REFERENCE:
                taken[films[place].label] += 1
                done.references.append(place)
    return Split(sorted(done.references), sorted(done.queries))


def with_same_films_joined(
    films: Sequence[LabelledFilm], small: Array
) -> tuple[list[LabelledFilm], int]:
    """The films, those that look like the same one in one group whatever their names say, and
    how many were found to. `small` is (n, SMALL * SMALL)."""
    first = list(range(len(films)))
    lengths = np.square(small).sum(axis=1)
    for place in range(1, len(films)):
        squared = lengths[place] + lengths[:place] - 2 * (small[:place] @ small[place])
        near = np.flatnonzero(squared <= (SAME_FILM * SMALL) ** 2).tolist()
        alike = [one for one in near if films[one].digest != films[place].digest]
        if alike:
            first[place] = first[alike[0]]
    groups = {film.group: film.group for film in films}
    for place, other in enumerate(first):
        _join(groups, films[place].group, films[other].group)
    joined = [replace(film, group=_root(groups, film.group)) for film in films]
    return joined, sum(place != other for place, other in enumerate(first))


def _join(groups: dict[str, str], one: str, other: str) -> None:
    groups[_root(groups, one)] = _root(groups, other)


def _root(groups: dict[str, str], name: str) -> str:
    while groups[name] != name:
        name = groups[name]
    return name


def _groups(films: Sequence[LabelledFilm]) -> list[list[int]]:
    """The places of the films of each group."""
    members: defaultdict[str, list[int]] = defaultdict(list)
    for place, film in enumerate(films):
        members[film.group].append(place)
    return list(members.values())


def _once(films: Sequence[LabelledFilm], group: Sequence[int]) -> list[int]:
    """One place of each implant in the group."""
    return list({films[place].label: place for place in group}.values())


def _turn(films: Sequence[LabelledFilm], group: Sequence[int], seed: int) -> tuple[bool, str]:
    """Those whose side is given come first, the others by lot."""
    lot = hashlib.sha256(f"{seed}|{films[group[0]].group}".encode()).hexdigest()
    return _given(films, group) is Part.ANY, lot


def _given(films: Sequence[LabelledFilm], group: Sequence[int]) -> Part:
    """The side that a film of the group is said to stand on; the query's where they differ,
    for a reference of the same patient would be the easier answer."""
    parts = {films[place].part for place in group}
    return next(part for part in (Part.QUERY, Part.REFERENCE, Part.ANY) if part in parts)


def _side(
    films: Sequence[LabelledFilm],
    group: Sequence[int],
    references: int,
    *,
    taken: Mapping[str, int],
    spare: Collection[str],
) -> Part:
    """`spare` are the implants that have a query already, or films of others for one."""
    if given := _given(films, group):
        return given
    labels = {films[place].label for place in group}
    is_needed = any(taken[label] < references for label in labels)
    # The last group of an implant that has references is its query.
    leaves_one = all(label in spare or not taken[label] for label in labels)
    return Part.REFERENCE if is_needed and leaves_one else Part.QUERY
