"""The implants with the best scores, by reading more and more references until they are certain.

For what one statement does not tell (`matching.nearest`): many places, only implants that fit what
was seen, references that stand too close together, an index that finds too few.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from django.db import DEFAULT_DB_ALIAS
from pgvector.django import CosineDistance

from matching import scoring
from matching.models import Embedding

# What is scored by all its references.
SHORTLIST = 20
# Several references of one implant stand close together, so more neighbours than implants are
# read at once; the window grows only where that was not enough.
WINDOW = 100
# So many places are certain; further down an implant of which only one reference is near may be
# missing. Where the references of all implants lie far apart, no more than WIDEST are read.
CERTAIN = 5
WIDEST = 1_600


@dataclass(frozen=True)
class Scored:
    implant_id: int
    score: float
    reference_id: int


@dataclass(frozen=True)
class _Near:
    """The implants of a window with the cosines of their nearest references, the nearest first;
    the cosine of the last reference, and whether there is none behind it."""

    implants: dict[int, float]
    last: float
    is_all: bool

    def beyond(self, count: int) -> float | None:
        """A cosine that no reference of another implant than the first `count` exceeds; None
        where there is no other."""
        left = list(self.implants.values())[count:]
        if left:
            return left[0]
        return None if self.is_all else self.last


@dataclass(frozen=True)
class Growing:
    """A search by a vector of `encoder` for the `limit` best implants that fit what was `seen`
    (feature → word)."""

    vector: list[float]
    encoder: str
    seen: Mapping[str, str]
    limit: int
    using: str = DEFAULT_DB_ALIAS

    def best(self, *, is_exact: bool = False) -> list[Scored]:
        shortlist, window = max(self.limit, SHORTLIST), max(WINDOW, 5 * self.limit)
        wanted = shortlist
        while True:
            near = self._neighbours(window, is_exact=is_exact)
            implants = list(near.implants)
            is_widest = window >= WIDEST
            if near.is_all or len(implants) >= (self.limit if is_widest else shortlist):
                scored = self._scored(implants[:wanted])
                if is_widest or self._is_settled(scored, near.beyond(wanted)):
                    return scored[: self.limit]
                wanted *= 4
            window *= 4

    def _neighbours(self, window: int, *, is_exact: bool) -> _Near:
        rows = Embedding.objects.using(self.using).nearest(
            self.vector, encoder=self.encoder, limit=window, seen=self.seen, is_exact=is_exact
        )
        pairs = rows.values_list("reference_image__implant_id", "distance")  # type: ignore[misc]
        found = [(implant, 1.0 - float(distance)) for implant, distance in pairs]
        # Backwards, so that the nearest of each stays.
        best = dict(reversed(found))
        implants = {implant: best[implant] for implant, _cosine in found}
        last = found[-1][1] if found else -1.0
        return _Near(implants, last, is_all=len(found) < window)

    def _is_settled(self, scored: Sequence[Scored], next_cosine: float | None) -> bool:
        """Whether no implant that was not scored (`next_cosine` is that of the nearest
        reference among these) can be among the first CERTAIN: no score is higher than the
        cosine of the implant's nearest reference."""
        last = min(self.limit, CERTAIN) - 1
        return next_cosine is None or (len(scored) > last and scored[last].score >= next_cosine)

    def _scored(self, implants: Iterable[int]) -> list[Scored]:
        """All references of these implants, compared one by one."""
        # In no order: ordered by the distance, the index could be asked, which may stop early.
        rows = (
            Embedding.objects.using(self.using)
            .of_encoder(self.encoder)
            .searchable()
            .filter(reference_image__implant_id__in=implants)
            .values_list(
                CosineDistance("vector", self.vector),
                "reference_image_id",
                "reference_image__implant_id",
            )
        )
        # Of each reference the nearest, if it has several views.
        nearest: dict[int, tuple[int, float]] = {}
        first: dict[int, int] = {}
        for distance, reference, implant in sorted(rows):
            nearest.setdefault(reference, (implant, 1.0 - float(distance)))
            first.setdefault(implant, reference)
        return [Scored(pk, score, first[pk]) for pk, score in scoring.ranked(nearest.values())]
