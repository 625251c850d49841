"""What one more reference would have done to what was decided before: it is tested first.

Earlier decisions, and the references themselves (each compared as if it were not there), are
ranked without and with the new one. Only fixtures that look like it can be moved by it: the
nearest ones are asked.
"""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any, Self

import numpy as np
from django.db.models import QuerySet, Value
from pgvector.django import CosineDistance

from cases.models import Case, Finding, ReferenceProposal, Result
from matching.encoder import Vector
from matching.indexing import ORIGINAL
from matching.models import Embedding

# How many earlier decisions, and how many references, are asked at most.
NEAREST = 500
# The references that they are compared with: those that look most like it.
COMPARED = 20_000
TOLD = 20
FIRST = 3
VECTORS_AT_ONCE = 2000
DECISION, REFERENCE = "decision", "reference"


@dataclass(frozen=True)
class Added:
    """A reference that is not compared yet: its vector, of shape (512,) and of `encoder`, the
    implant that it would stand for, and its own rows, which say nothing about it."""

    vector: Vector
    encoder: str
    implant_id: int
    case_id: int | None = None
    reference_id: int | None = None


@dataclass(frozen=True)
class Query:
    """A picture whose implants are known (more than one: it is one of these), and the
    references that it must not be compared with: those that were made of it."""

    kind: str
    pk: int
    vector: Vector
    right: frozenset[int]
    hidden: frozenset[int] = frozenset()


@dataclass(frozen=True)
class Moved:
    """A decision (id of its finding) or a reference whose implant lost its place: the place
    before and after, and the implant that is the first after."""

    kind: str
    pk: int
    implant: int
    before: int
    after: int
    first: int


@dataclass(frozen=True)
class Effect:
    """What a reference would do: on how many decisions and references it was tried, and for
    how many of them the right implant would come among the first three, or become the first
    (`better`), or would not any more (`worse`, of which `moved` tells up to 20)."""

    encoder: str = ""
    decisions: int = 0
    references: int = 0
    better: int = 0
    worse: int = 0
    moved: list[Moved] = field(default_factory=list)

    @property
    def compared(self) -> int:
        return self.decisions + self.references

    def as_json(self) -> dict[str, Any]:
        return {**asdict(self), "compared": self.compared}

    @classmethod
    def of(cls, data: dict[str, Any]) -> Self:
        """From what `as_json` gave."""
        known = {name: data[name] for name in cls.__dataclass_fields__ if name in data}
        return cls(**{**known, "moved": [Moved(**one) for one in data.get("moved", [])]})


def effect_of(added: Added) -> Effect:
    """Try a reference on the decisions and references that look most like it."""
    queries = [*_decisions(added), *_references(added)]
    if not queries:
        return Effect(added.encoder)
    table = Table(queries)
    table.add_all(_compared(added))
    before = table.places()
    table.add(added.implant_id, table.cosines(added.vector))
    after = table.places()
    return _told(added, queries, before, after, table.firsts())


def effect_of_reference(*, reference_id: int, encoder: str) -> Effect | None:
    """As if a reference that is compared already were only to be added; None where it has no
    vector of this encoder."""
    held = Embedding.objects.of_encoder(encoder).filter(view=ORIGINAL)
    row = held.filter(reference_image=reference_id).select_related("reference_image").first()
    if row is None:
        return None
    made = ReferenceProposal.objects.filter(reference=reference_id)
    case_id = made.values_list("finding__case_image__case", flat=True).first()
    return effect_of(
        Added(
            np.asarray(row.vector, dtype=np.float32),
            encoder,
            row.reference_image.implant_id,
            case_id,
            reference_id,
        )
    )


class Table:
    """The two nearest references of every implant to every query; −∞ where there is none."""

    def __init__(self, queries: Sequence[Query]) -> None:
        self._queries = queries
        self._vectors = np.stack([query.vector for query in queries])
        self._nearest: dict[int, tuple[np.ndarray, np.ndarray]] = {}
        self._hidden: defaultdict[int, list[int]] = defaultdict(list)
        for place, query in enumerate(queries):
            for reference_id in query.hidden:
                self._hidden[reference_id].append(place)

    def cosines(self, vector: Vector) -> np.ndarray:
        """Of one vector with every query: all are of length 1."""
        cosines: np.ndarray = self._vectors @ np.asarray(vector, dtype=np.float32)
        return cosines

    def add(self, implant_id: int, cosines: np.ndarray) -> None:
        """One more reference of an implant."""
        nothing = np.full(len(self._queries), -np.inf, dtype=np.float32)
        best, second = self._nearest.get(implant_id, (nothing, nothing))
        second = np.maximum(second, np.minimum(best, cosines))
        self._nearest[implant_id] = np.maximum(best, cosines), second

    def add_all(self, rows: Iterable[tuple[int, int, Vector]]) -> None:
        """(implant id, reference id, vector) of everything that is compared."""
        for implant_id, reference_id, vector in rows:
            cosines = self.cosines(vector)
            cosines[self._hidden.get(reference_id, [])] = -np.inf
            self.add(implant_id, cosines)

    def places(self) -> list[int | None]:
        """From 1, where the best right implant of each query stands; None where it has no
        reference."""
        ids, scores = self.scores()
        rows = {implant_id: row for row, implant_id in enumerate(ids)}
        places: list[int | None] = []
        for query, column in zip(self._queries, scores.T, strict=True):
            right = [column[rows[pk]] for pk in query.right if pk in rows]
            best = max(right, default=-np.inf)
            places.append(int((column > best).sum()) + 1 if best > -np.inf else None)
        return places

    def firsts(self) -> list[int]:
        """The id of the first implant for each query."""
        ids, scores = self.scores()
        return [ids[row] for row in scores.argmax(axis=0)]

    def scores(self) -> tuple[list[int], np.ndarray]:
        """Implant ids, and `matching.scoring.implant_score` of each for each query: the mean of
        its two nearest references, or the one; of shape (implants, queries)."""
        best, second = (np.stack(side) for side in zip(*self._nearest.values(), strict=True))
        scores = np.where(np.isinf(second), best, (best + second) / 2)
        return list(self._nearest), scores


def _decisions(added: Added) -> list[Query]:
    rows = Finding.objects.filter(
        encoder=added.encoder,
        outcome=Finding.Outcome.IDENTIFIED,
        case_image__case__status=Case.Status.APPROVED,
        vector__isnull=False,
    ).select_related("case_image")
    if added.case_id is not None:
        rows = rows.exclude(case_image__case=added.case_id)
    found = list(_nearest(rows, added))
    right: defaultdict[int, set[int]] = defaultdict(set)
    approved = Result.objects.filter(finding__in=found, approved=True)
    for finding_id, implant_id in approved.values_list("finding_id", "implant_id"):
        right[finding_id].add(implant_id)
    made = _made_of_cases()
    return [
        Query(
            DECISION,
            finding.pk,
            np.asarray(finding.vector, dtype=np.float32),
            frozenset(right[finding.pk]),
            made[finding.case_image.case_id],
        )
        for finding in found
    ]


def _references(added: Added) -> list[Query]:
    """A reference of a case is not compared with others of it: they show the same patient."""
    rows = _searched(added).select_related("reference_image")
    made = _made_of_cases()
    with_it = {pk: pks for pks in made.values() for pk in pks}
    return [
        Query(
            REFERENCE,
            row.reference_image_id,
            np.asarray(row.vector, dtype=np.float32),
            frozenset({row.reference_image.implant_id}),
            with_it.get(row.reference_image_id, frozenset()) | {row.reference_image_id},
        )
        for row in _nearest(rows, added)
        if row.reference_image_id not in made[added.case_id]
    ]


def _compared(added: Added) -> Iterable[tuple[int, int, Vector]]:
    distance = CosineDistance("vector", added.vector.tolist())
    # Not by the bare distance: the index gives up after so many.
    rows = _searched(added).order_by(distance + Value(0.0))[:COMPARED]
    found = rows.values_list("reference_image__implant_id", "reference_image_id", "vector")
    return found.iterator(chunk_size=VECTORS_AT_ONCE)


def _searched(added: Added) -> QuerySet[Embedding]:
    rows = Embedding.objects.of_encoder(added.encoder).searchable().filter(view=ORIGINAL)
    return rows.exclude(reference_image=added.reference_id) if added.reference_id else rows


def _nearest(rows: QuerySet[Any], added: Added) -> QuerySet[Any]:
    distance = CosineDistance("vector", added.vector.tolist())
    return rows.annotate(distance=distance).order_by("distance", "pk")[:NEAREST]


def _made_of_cases() -> defaultdict[int | None, frozenset[int]]:
    """Case id → ids of the references that were made of its films."""
    pairs = ReferenceProposal.objects.exclude(reference=None).values_list(
        "finding__case_image__case", "reference_id"
    )
    made: defaultdict[int | None, set[int]] = defaultdict(set)
    for case_id, reference_id in pairs:
        made[case_id].add(reference_id)
    return defaultdict(frozenset, {pk: frozenset(pks) for pk, pks in made.items()})


def _told(
    added: Added,
    queries: Sequence[Query],
    before: Sequence[int | None],
    after: Sequence[int | None],
    firsts: Sequence[int],
) -> Effect:
    turns = [
        (query, was, now, first)
        for query, was, now, first in zip(queries, before, after, firsts, strict=True)
        if _level(was) != _level(now)
    ]
    worse = [
        Moved(query.kind, query.pk, min(query.right), was, now, first)
        for query, was, now, first in turns
        if was and now and _level(now) < _level(was)
    ]
    return Effect(
        added.encoder,
        decisions=sum(query.kind == DECISION for query in queries),
        references=sum(query.kind == REFERENCE for query in queries),
        better=len(turns) - len(worse),
        worse=len(worse),
        moved=worse[:TOLD],
    )


def _level(place: int | None) -> int:
    """2 for the first, 1 for another of the first three, 0 for none of them."""
    return 0 if place is None or place > FIRST else 1 + (place == 1)
