"""From a radiograph to the nearest distinct implants of the catalogue."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from django.utils.translation import gettext as _
from PIL import Image

from implants.models import Implant, ReferenceImage
from matching.encoder import Vector, get_encoder
from matching.models import Embedding
from matching.radiograph import Radiograph

CANDIDATES = 3
# Several references of one implant stand close together, so more neighbours than candidates
# are read at once; the window grows only where that was not enough.
WINDOW = 30


class CatalogueNotSearchable(RuntimeError):
    """No vector can be compared with this encoder's. `str()` is a sentence for people."""


class CatalogueEmpty(CatalogueNotSearchable):
    pass


class EncoderMismatch(CatalogueNotSearchable):
    """The catalogue's vectors all belong to other encoders: they are never compared."""


@dataclass(frozen=True)
class Candidate:
    """One proposed implant. `similarity` is the cosine of its nearest reference, −1…1."""

    rank: int
    implant: Implant
    reference: ReferenceImage
    similarity: float
    encoder: str


@dataclass(frozen=True)
class Match:
    """What one picture was looked up by, of shape (512,), and the candidates, best first."""

    vector: Vector
    encoder: str
    candidates: list[Candidate]


def look_up(image: Image.Image, *, limit: int = CANDIDATES) -> Match:
    """The `limit` nearest distinct implants of a picture (mode L).

    Raises EncoderError, CatalogueEmpty or EncoderMismatch.
    """
    encoder = get_encoder()
    vector = encoder.encode([image])[0]
    return Match(vector, encoder.id, nearest_implants(vector, encoder=encoder.id, limit=limit))


def match(radiograph: Radiograph, *, limit: int = CANDIDATES) -> list[Candidate]:
    """The `limit` nearest distinct implants, best first; fewer when the catalogue has fewer.

    Raises EncoderError, CatalogueEmpty or EncoderMismatch.
    """
    return look_up(radiograph.image, limit=limit).candidates


def nearest_implants(
    vector: Vector | Sequence[float], *, encoder: str, limit: int = CANDIDATES
) -> list[Candidate]:
    """The nearest distinct implants of a vector of `encoder`, one (the best) reference each.

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
    """The nearest distinct implants that nothing seen (feature → word) contradicts; maybe
    none. Those of which nothing is known fit whatever was seen."""
    values = [float(value) for value in vector]
    found = _nearest(values, encoder=encoder, limit=limit, seen=seen)
    # A scan of the index gives up after hnsw.max_scan_tuples (20,000), of which few may fit, and
    # many deleted vectors may bar its way; what is found so rarely is compared one by one.
    if len(found) < limit and len(found) < Implant.objects.active().fitting(seen).count():
        found = _nearest(values, encoder=encoder, limit=limit, seen=seen, is_exact=True)
    return found


def _nearest(
    vector: Sequence[float],
    *,
    encoder: str,
    limit: int,
    seen: Mapping[str, str],
    is_exact: bool = False,
) -> list[Candidate]:
    window = max(WINDOW, 5 * limit)
    while True:
        neighbours = list(
            Embedding.objects.nearest(
                vector, encoder=encoder, limit=window, seen=seen, is_exact=is_exact
            )
        )
        best: dict[int, Embedding] = {}
        for neighbour in neighbours:
            best.setdefault(neighbour.reference_image.implant_id, neighbour)
        if len(best) >= limit or len(neighbours) < window:
            break
        window *= 4
    return [
        Candidate(
            rank=rank,
            implant=found.reference_image.implant,
            reference=found.reference_image,
            similarity=1.0 - float(found.distance),  # type: ignore[attr-defined]
            encoder=encoder,
        )
        for rank, found in enumerate(list(best.values())[:limit], start=1)
    ]


def _explain_nothing_found(encoder: str) -> None:
    if Embedding.objects.searchable().exclude(encoder=encoder).exists():
        raise EncoderMismatch(
            _("The catalogue was indexed with another encoder; it must be indexed again (reembed).")
        )
    raise CatalogueEmpty(_("The catalogue has no reference radiograph to compare with."))
