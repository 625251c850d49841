"""From a radiograph to the nearest distinct implants of the catalogue."""

from collections.abc import Sequence
from dataclasses import dataclass

from django.utils.translation import gettext as _

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


def match(radiograph: Radiograph, *, limit: int = CANDIDATES) -> list[Candidate]:
    """The `limit` nearest distinct implants, best first; fewer when the catalogue has fewer.

    Raises EncoderError, CatalogueEmpty or EncoderMismatch.
    """
    encoder = get_encoder()
    return nearest_implants(encoder.encode([radiograph.image])[0], encoder=encoder.id, limit=limit)


def nearest_implants(
    vector: Vector | Sequence[float], *, encoder: str, limit: int = CANDIDATES
) -> list[Candidate]:
    """The nearest distinct implants of a vector of `encoder`, one (the best) reference each."""
    window = WINDOW
    while True:
        neighbours = list(
            Embedding.objects.nearest(
                [float(value) for value in vector], encoder=encoder, limit=window
            )
        )
        best: dict[int, Embedding] = {}
        for neighbour in neighbours:
            best.setdefault(neighbour.reference_image.implant_id, neighbour)
        if len(best) >= limit or len(neighbours) < window:
            break
        window *= 4
    if not best:
        _explain_nothing_found(encoder)
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
