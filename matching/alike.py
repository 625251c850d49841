"""References of two manufacturers whose films can hardly be told apart."""

import io
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import numpy as np
from pgvector.django import CosineDistance
from PIL import Image

from implants.models import ReferenceImage
from implants.storage import STORAGE_ERRORS
from matching import radiograph
from matching.encoder import Vector, get_encoder
from matching.models import Embedding

Array = np.ndarray[Any, Any]

# Bits, of 256. Copies of a phantom (half the size, poor JPEG, other brightness) stay below 0.8
# times this, phantoms of different manufacturers above 1.5 times (`tests/test_alike.py`).
COPY_BITS = 36
HASH_SIDE = 16
# Films of two manufacturers hardly get so near with trained weights. A first guess: to be set
# anew on real references. Random weights see every film alike, so there it says nothing.
TWIN_COSINE = 0.985
LOOKED_AT = 5


def find_twins(
    reference: ReferenceImage, image: Image.Image, vector: Vector | Sequence[float]
) -> list[int]:
    """Ids of the references of other manufacturers that show the same film, or (with trained
    weights) that the search can hardly tell from this one, the nearest first."""
    own = difference_hash(image)
    is_trained = not get_encoder().is_random
    return [
        other.reference_image_id
        for other in _to_compare(reference, vector)
        if (is_trained and 1.0 - other.distance >= TWIN_COSINE)
        or any(bits_apart(own, one) <= COPY_BITS for one in _hash(other.reference_image))
    ]


def _to_compare(reference: ReferenceImage, vector: Vector | Sequence[float]) -> Iterable[Any]:
    """The nearest ones, and those that name this one as their twin, however many are nearer."""
    others = (
        Embedding.objects.of_encoder(get_encoder().id)
        .filter(reference_image__error="")
        .exclude(reference_image__implant__manufacturer=reference.implant.manufacturer)
        .select_related("reference_image__implant")
        .defer("vector")
        .annotate(distance=CosineDistance("vector", list(vector)))
        .order_by("distance")
    )
    naming = others.filter(reference_image__twin=reference)
    return {row.pk: row for row in (*others[:LOOKED_AT], *naming)}.values()


def difference_hash(image: Image.Image) -> Array:
    """256 bits: whether each of 16 × 16 places is brighter than the one left of it."""
    small = image.convert("L").resize((HASH_SIDE + 1, HASH_SIDE), Image.Resampling.LANCZOS)
    grey = np.asarray(small, dtype=np.int16)
    return np.asarray(grey[:, 1:] > grey[:, :-1])


def bits_apart(one: Array, other: Array) -> int:
    return int(np.count_nonzero(one != other))


def _hash(reference: ReferenceImage) -> Iterator[Array]:
    """Of the thumbnail: it is small, and the hash of a film and of its thumbnail agree.
    Nothing where it cannot be read: then that is what is wrong with the other reference."""
    stored = reference.thumbnail or reference.file
    try:
        with stored.open("rb") as file:
            content = file.read()
        # We wrote the thumbnail ourselves, and it may be thinner than a film.
        picture = _own(content) if reference.thumbnail else radiograph.load(content).image
        yield difference_hash(picture)
    except (SyntaxError, ValueError, *STORAGE_ERRORS):
        return


def _own(content: bytes) -> Image.Image:
    return Image.open(io.BytesIO(content), formats=("JPEG",))
