"""What the catalogue's desk needs to know of the search."""

from django.db.models import Exists, OuterRef

from implants import film_check, reference_state
from implants.film_check import FilmRefused
from matching import radiograph
from matching.encoder import get_encoder
from matching.models import Embedding
from matching.radiograph import (
    DecoderBusy,
    ImageTooLarge,
    NotAnImage,
    RadiographError,
    UnreadableImage,
)

CODES = {
    ImageTooLarge: "too_large",
    NotAnImage: "format",
    UnreadableImage: "unusable",
    DecoderBusy: "busy",
}


def has_vector() -> Exists:
    """Whether a reference has a vector of the configured encoder, whatever the digest of its
    weights: that is known only once they are loaded, and a list must not wait for it."""
    prefix, suffix = get_encoder().id_without_digest
    return Exists(
        Embedding.objects.filter(
            reference_image=OuterRef("pk"), encoder__startswith=prefix, encoder__endswith=suffix
        )
    )


def check_film(content: bytes) -> bytes:
    """The clean copy of a film. Raises FilmRefused for what could not be indexed: said at once,
    and not stored."""
    try:
        return radiograph.load(content).clean_copy()
    except RadiographError as error:
        raise FilmRefused(str(error), CODES[type(error)]) from error


def tell_the_desk() -> None:
    reference_state.indexed_by(has_vector)
    film_check.checked_by(check_film)
