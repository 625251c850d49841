"""The catalogue beside a fixture, ranked anew by what a reviewer sees."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from django.db import transaction
from django.db.models import Count

from cases import candidates, films
from cases.models import Case, Finding
from cases.verdicts import ReviewError
from implants.models import Implant, ReferenceImage, fits
from matching.boxes import Box
from matching.encoder import is_current
from matching.features import DEPTH, clean_seen, reranked
from matching.matcher import (
    CANDIDATES,
    Candidate,
    Match,
    look_up,
    nearest_fitting,
    nearest_implants,
)
from matching.models import Embedding

LIST_LENGTH = 12


@dataclass(frozen=True)
class Ranked:
    """A candidate as it stands after what was seen: `rank` is its place (from 1) without it,
    None where it was not among the first; the features that speak against and for it."""

    implant: Implant
    reference: ReferenceImage
    similarity: float
    encoder: str
    rank: int | None
    contradictions: list[str]
    agreements: list[str]


@dataclass(frozen=True)
class Ranking:
    """Candidates, best first after what was seen; `fitting` of the `total` active implants
    are not contradicted by anything seen."""

    candidates: list[Ranked]
    fitting: int
    total: int


def rank(finding: Finding, seen: Mapping[str, str], limit: int = LIST_LENGTH) -> Ranking:
    """The catalogue beside a fixture, re-ranked by what was seen (feature → word).

    Implants of which nothing is known fit whatever was seen. Contradicted ones sink (see
    `matching.features.reranked`); the first CANDIDATES without the filter stay on the list.
    Raises EncoderError, CatalogueNotSearchable; ReviewError where the film is needed and gone.
    """
    seen = clean_seen(seen)
    vector, encoder = _searched_by(finding)
    plain = nearest_implants(vector, encoder=encoder, limit=max(limit, DEPTH))
    fitting = []
    if seen:
        fitting = nearest_fitting(vector, encoder=encoder, seen=seen, limit=limit)
    places = {candidate.implant.pk: candidate.rank for candidate in plain}
    counted = Implant.objects.active().aggregate(
        total=Count("pk"), fitting=Count("pk", filter=fits(seen)) if seen else Count("pk")
    )
    return Ranking(
        [
            _ranked(one, seen, places.get(one.implant.pk))
            for one in _cut(_together(plain, fitting), seen, limit)
        ],
        **counted,
    )


def _together(plain: Sequence[Candidate], fitting: Sequence[Candidate]) -> list[Candidate]:
    known = {one.implant.pk for one in plain}
    return [*plain, *(one for one in fitting if one.implant.pk not in known)]


def _cut(found: Sequence[Candidate], seen: Mapping[str, str], limit: int) -> list[Candidate]:
    """Re-ranked by what was seen; the first ones without it stay, others get the room left."""
    again = reranked(found, seen, depth=len(found))
    first = [one.implant.pk for one in found[: min(CANDIDATES, limit)]]
    others = [one.implant.pk for one in again if one.implant.pk not in first]
    kept = {*first, *others[: limit - len(first)]}
    return [one for one in again if one.implant.pk in kept]


def _ranked(one: Candidate, seen: Mapping[str, str], place: int | None) -> Ranked:
    return Ranked(
        one.implant,
        one.reference,
        one.similarity,
        one.encoder,
        place,
        one.implant.contradictions(seen),
        one.implant.agreements(seen),
    )


def _searched_by(finding: Finding) -> tuple[list[float], str]:
    """The finding's vector; of an older encoder it is compared anew, and that is kept. Where the
    film cannot be read, the old one is compared with the vectors of its own encoder, while
    there are any."""
    if finding.vector is not None and is_current(finding.encoder):
        return list(finding.vector), finding.encoder
    try:
        film = films.stored(finding.case_image).image
    except ReviewError:
        if finding.vector is None or not _is_searchable(finding.encoder):
            raise
        return list(finding.vector), finding.encoder
    box = Box.of(finding.box) if finding.box else None
    found = look_up(film, box=box, doubts=finding.case_image.doubts or ())
    _keep_anew(finding, found)
    return found.vector.tolist(), found.encoder


def _keep_anew(before: Finding, found: Match) -> None:
    """Not if it was moved, erased or decided meanwhile."""
    with transaction.atomic():
        cases = Case.objects.awaiting_review().select_for_update()
        case = cases.filter(images__findings=before.pk).first()
        now = Finding.objects.filter(pk=before.pk, encoder=before.encoder).first()
        if case is None or now is None or now.box != before.box:
            return
        candidates.keep(now, found)
        case.band = candidates.band_of(case)
        case.save(update_fields=["band", "updated_at"])


def _is_searchable(encoder: str) -> bool:
    return Embedding.objects.of_encoder(encoder).searchable().exists()
