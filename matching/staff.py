"""What the catalogue's desk needs to know of the search."""

from django.db.models import Exists, OuterRef

from implants import reference_state
from matching.encoder import get_encoder
from matching.models import Embedding


def has_vector() -> Exists:
    """Whether a reference has a vector of the configured encoder, whatever the digest of its
    weights: that is known only once they are loaded, and a list must not wait for it."""
    prefix, suffix = get_encoder().id_without_digest
    return Exists(
        Embedding.objects.filter(
            reference_image=OuterRef("pk"), encoder__startswith=prefix, encoder__endswith=suffix
        )
    )


def tell_the_desk() -> None:
    reference_state.indexed_by(has_vector)
