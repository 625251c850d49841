"""From a radiograph to the nearest distinct implants of the catalogue.

The nearest references name the implants that may be meant (HNSW); then each of these is
scored by all its references (`matching.scoring`). For the first places one statement mostly says
all (`matching.nearest`); where it does not, more is read step by step (`matching.growing`).
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace

from django.db import DEFAULT_DB_ALIAS
from django.utils.translation import gettext as _
from PIL import Image

from implants.models import Implant, ReferenceImage
from matching import finder, measured, nearest, replica, scoring
from matching.boxes import Box
from matching.calibration import Limits, is_unknown, limits_for
from matching.confidence import band
from matching.encoder import ClipEncoder, Vector, ready_encoder
from matching.growing import CERTAIN, SHORTLIST, Growing, Scored
from matching.look_alikes import family_numbers
from matching.models import Embedding
from matching.normalisation import normalise
from matching.radiograph import Radiograph

CANDIDATES = 3


class CatalogueNotSearchable(RuntimeError):
    """No vector can be compared with this encoder's. `str()` is a sentence for people."""


class CatalogueEmpty(CatalogueNotSearchable):
    pass


class EncoderMismatch(CatalogueNotSearchable):
    """The catalogue's vectors all belong to other encoders: they are never compared."""


@dataclass(frozen=True)
class Candidate:
    """One proposed implant. `similarity` is its score, −1…1 (see `matching.scoring`);
    `reference` its nearest one. Those of the same `family` (a number among the candidates that
    were found together) are not to be told apart on a film."""

    rank: int
    implant: Implant
    reference: ReferenceImage
    similarity: float
    encoder: str
    family: int


@dataclass(frozen=True)
class Match:
    """What one picture was looked up by, of shape (512,), the candidates, best first, whether
    they say that the implant is not in the catalogue (None: nothing was measured for this
    encoder), and the band (see `matching.confidence`)."""

    vector: Vector
    encoder: str
    candidates: list[Candidate]
    is_unknown: bool | None
    band: str


def look_up(
    film: Image.Image,
    *,
    box: Box | None = None,
    limit: int = CANDIDATES,
    doubts: Collection[str] = (),
    encoder: ClipEncoder | None = None,
) -> Match:
    """The `limit` nearest distinct implants of the fixture in `box` of a film (mode L), of the
    whole film without one. `doubts` are codes of what is doubtful about the film; `encoder` is
    the one in use unless another is given.

    Raises EncoderError, CatalogueEmpty or EncoderMismatch.
    """
    encoder = encoder or ready_encoder()
    encoder.load()
    with measured.stage(measured.Stage.ENCODE):
        vector = encoder.encode([normalise(film, box)])[0]
    return compare(vector, encoder=encoder.id, limit=limit, doubts=doubts)


def compare(
    vector: Vector, *, encoder: str, limit: int = CANDIDATES, doubts: Collection[str] = ()
) -> Match:
    """As `look_up`, by a vector of `encoder`. Raises CatalogueEmpty or EncoderMismatch."""
    limits = limits_for(encoder)
    with measured.stage(measured.Stage.SEARCH):
        shortlist = nearest_implants(vector, encoder=encoder, limit=max(limit, CERTAIN))
        if _may_change(shortlist, limits):
            shortlist = nearest_implants(vector, encoder=encoder, limit=max(limit, SHORTLIST))
    unknown = is_unknown(standing(shortlist), limits)
    told = band(shortlist, limits=limits, is_unknown=unknown, doubts=doubts)
    return Match(vector, encoder, shortlist[:limit], unknown, told)


def _may_change(found: Sequence[Candidate], limits: Limits | None) -> bool:
    """Whether more candidates could say another thing of the first one. Either all of these are
    of one family, and the first of another one, further down, may stand too near; or it is the
    gap alone that makes it unknown, and an implant further down may join both to one family."""
    if limits is None or limits.similarity is None or len(found) < CERTAIN:
        return False
    first = standing(found)
    if is_unknown(replace(first, gap=None), limits):
        return False
    if first.gap is not None:
        return bool(is_unknown(first, limits))
    return first.similarity - found[-1].similarity < (limits.gap or 0.0)


def standing(candidates: Sequence[Candidate]) -> scoring.Standing:
    """How the first candidate stands before the others. Raises IndexError without any."""
    return scoring.standing(
        [(candidate, candidate.similarity) for candidate in candidates],
        family=lambda candidate: candidate.family,
    )


def match(radiograph: Radiograph, *, limit: int = CANDIDATES) -> list[Candidate]:
    """The `limit` nearest distinct implants of the fixture that the finder is surest of, of the
    whole film where it finds none; best first, fewer when the catalogue has fewer.

    Raises EncoderError, CatalogueEmpty or EncoderMismatch.
    """
    boxes = finder.propose(radiograph.image)
    box = boxes[0] if boxes else None
    return look_up(radiograph.image, box=box, limit=limit).candidates


def nearest_implants(
    vector: Vector | Sequence[float], *, encoder: str, limit: int = CANDIDATES
) -> list[Candidate]:
    """The implants with the best scores by a vector of `encoder`, best first.

    Raises CatalogueEmpty or EncoderMismatch when there is none at all.
    """
    found = nearest_fitting(vector, encoder=encoder, seen={}, limit=limit)
    if not found:
        _explain_nothing_found(encoder)
    return found


def nearest_fitting(
    vector: Vector | Sequence[float],
    *,
    encoder: str,
    seen: Mapping[str, str],
    limit: int = CANDIDATES,
) -> list[Candidate]:
    """As `nearest_implants`, of those that nothing seen (feature → word) contradicts; maybe
    none. Those of which nothing is known fit whatever was seen."""
    search = _Search([float(value) for value in vector], encoder, seen, limit)
    if replica.is_usable(encoder):
        with replica.tried():
            found = replace(search, using=replica.ALIAS).run()
            # Where it has fewer, the primary may have more.
            if len(found) == limit:
                replica.answered(replica.ALIAS)
                return found
    found = search.run()
    # A scan of the index gives up after hnsw.max_scan_tuples (20,000), of which few may fit, and
    # many deleted vectors may bar its way; what is found so rarely is compared one by one.
    if len(found) < limit and len(found) < Implant.objects.active().fitting(seen).count():
        found = search.run(is_exact=True)
    replica.answered("primary")
    return found


@dataclass(frozen=True)
class _Search:
    vector: list[float]
    encoder: str
    seen: Mapping[str, str]
    limit: int
    using: str = DEFAULT_DB_ALIAS

    def run(self, *, is_exact: bool = False) -> list[Candidate]:
        if not (self.seen or is_exact) and self.limit <= CERTAIN:
            found = nearest.nearest(
                self.vector, encoder=self.encoder, limit=self.limit, using=self.using
            )
            if found is not None:
                return self._known(found)
        more = Growing(self.vector, self.encoder, self.seen, self.limit, self.using)
        return self._candidates(more.best(is_exact=is_exact))

    def _known(self, found: Sequence[nearest.Scored]) -> list[Candidate]:
        if self.using == replica.ALIAS:
            ids = [(one.reference.implant_id, one.score, one.reference.pk) for one in found]
            return self._candidates([Scored(*each) for each in ids])
        return self._ranked([(one.score, one.reference) for one in found])

    def _candidates(self, scored: Sequence[Scored]) -> list[Candidate]:
        """With the rows as the primary has them now."""
        references = ReferenceImage.objects.select_related("implant").in_bulk(
            [one.reference_id for one in scored]
        )
        if self.using == replica.ALIAS:
            _refuse_outdated(references.values(), wanted=len(scored))
        # One may have been deleted since.
        held = [(one.score, row) for one in scored if (row := references.get(one.reference_id))]
        return self._ranked(held)

    def _ranked(self, held: Sequence[tuple[float, ReferenceImage]]) -> list[Candidate]:
        family = family_numbers([reference.implant for _score, reference in held])
        return [
            Candidate(
                rank,
                reference.implant,
                reference,
                score,
                self.encoder,
                family[reference.implant_id],
            )
            for rank, (score, reference) in enumerate(held, start=1)
        ]


def _refuse_outdated(found: Collection[ReferenceImage], *, wanted: int) -> None:
    """Raise Outdated where the replica named what the primary has taken out of the search."""
    searched = [row for row in found if row.is_active and row.implant.is_active and not row.error]
    if len(searched) < wanted:
        raise replica.Outdated


def _explain_nothing_found(encoder: str) -> None:
    if Embedding.objects.searchable().exclude(encoder=encoder).exists():
        raise EncoderMismatch(
            _("The catalogue was indexed with another encoder; it must be indexed again (reembed).")
        )
    raise CatalogueEmpty(_("The catalogue has no reference radiograph to compare with."))
