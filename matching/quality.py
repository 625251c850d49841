"""What is doubtful about a reference film, so that somebody looks at it again.

Warnings never keep a reference out of the search: each is a measurement with a limit that
is written down here, and the curator decides.
"""

import io
import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np
from pgvector.django import CosineDistance
from PIL import Image

from implants.models import Implant, ReferenceImage
from implants.reference_state import Doubt
from implants.storage import STORAGE_ERRORS
from matching import radiograph, twins
from matching.boxes import Box, BoxError
from matching.encoder import Vector, get_encoder
from matching.models import Embedding
from matching.radiograph import Radiograph

Array = np.ndarray[Any, Any]

# Fixtures of 50 to 200 pixels cannot tell sister lines apart.
SMALL_LONG_SIDE = 400
# Grey levels between the darkest and the brightest twentieth. Phantoms have 150 or more.
LOW_CONTRAST = 40

# Grain is as fine across a film as along it. Resizing one side only makes it coarser there:
# phantoms lie within 0.2 of 0 (0.4 once saved again as a poor JPEG), the same films widened by
# 1.3 at 0.7 and more. In octaves.
UNEVEN_GRAIN = 0.5
BLOCK = 16
MIDDLE = 1536
LEAST_BLOCKS = 20
# The calmest of the blocks that have any grain: edges of fixtures and teeth have a direction.
CALM_SHARE = 0.4
LEAST_VARIANCE = 0.3
# How far the box around a fixture may be from its catalogue length : diameter. A box drawn by
# hand and a tilted film are within it.
PROPORTION = 1.6

# Bits, of 256. Copies of a phantom (half the size, poor JPEG, other brightness) differ in at
# most 18; phantoms of different manufacturers in at least 70.
COPY_BITS = 36
HASH_SIDE = 16
# Films of two manufacturers hardly get so near with trained weights. A first guess: to be set
# anew on real references. Random weights see every film alike, so there it says nothing.
TWIN_COSINE = 0.985
LOOKED_AT = 5


def check(*, reference_id: int, film: Radiograph, vector: Vector | Sequence[float]) -> None:
    """Write size, warnings and twin of one reference whose vector of shape (512,) is stored,
    and what changes for its twins.

    `film` is the whole film. A reference that is gone is left alone.
    """
    reference = ReferenceImage.objects.select_related("implant").filter(pk=reference_id).first()
    if reference is None:
        return
    alike = find_twins(reference, film.image, vector)
    found = [str(doubt) for doubt in doubts(film.image, reference.crop, reference.implant)]
    twins.link(reference_id=reference_id, warnings=found, alike=alike)
    size = {"width": film.width, "height": film.height}
    ReferenceImage.objects.filter(pk=reference_id).update(**size)


def doubts(image: Image.Image, crop: Mapping[str, Any] | None, implant: Implant) -> list[Doubt]:
    """What the film itself tells; measured on the fixture where its box is known."""
    box = _box(crop)
    fixture = box.cut(image) if box else image
    found = []
    if (box.height if box else max(image.size)) < SMALL_LONG_SIDE:
        found.append(Doubt.TOO_SMALL)
    if is_stretched(image) or (box and _is_out_of_proportion(box, implant)):
        found.append(Doubt.STRETCHED)
    if grey_range(fixture) < LOW_CONTRAST:
        found.append(Doubt.LOW_CONTRAST)
    return found


def _box(crop: Mapping[str, Any] | None) -> Box | None:
    try:
        return Box.of(crop) if crop else None
    except BoxError:
        return None


def grey_range(image: Image.Image) -> int:
    """Grey levels (0…255) between the darkest and the brightest twentieth of the pixels."""
    share = np.cumsum(image.histogram()) / (image.width * image.height)
    dark, bright = np.searchsorted(share, (0.05, 0.95))
    return int(bright - dark)


def is_stretched(image: Image.Image) -> bool:
    """Whether the film's grain says that it was resized without keeping its proportions.

    A film without grain (heavily smoothed) tells nothing and counts as not stretched. Of 64
    phantoms all were recognised when widened or lengthened by 1.2 and more, 39 when narrowed
    to a half, none when narrowed to three quarters; of 192 unstretched ones none was taken
    for stretched.
    """
    grain = _calm_blocks(np.asarray(_middle(image), dtype=np.float32))
    if len(grain) < LEAST_BLOCKS:
        return False
    across = np.square(np.diff(grain, axis=2)).mean((1, 2))
    along = np.square(np.diff(grain, axis=1)).mean((1, 2))
    octaves = np.log2(np.maximum(across, 1e-6) / np.maximum(along, 1e-6))
    return bool(abs(float(np.median(octaves))) > UNEVEN_GRAIN)


def _middle(image: Image.Image) -> Image.Image:
    """At most 1536 × 1536 pixels, not resized: a film may have 25 million of them."""
    left, top = (max(side - MIDDLE, 0) // 2 for side in image.size)
    return image.crop((left, top, left + min(image.width, MIDDLE), top + min(image.height, MIDDLE)))


def _calm_blocks(grey: Array) -> Array:
    """Blocks with grain and little else, each less its own slope; shape (n, 16, 16)."""
    rows, columns = (side // BLOCK for side in grey.shape)
    cut = grey[: rows * BLOCK, : columns * BLOCK].reshape(rows, BLOCK, columns, BLOCK)
    blocks = cut.transpose(0, 2, 1, 3).reshape(-1, BLOCK, BLOCK)
    mean = blocks.mean((1, 2), keepdims=True)
    grain = _without_slope(blocks - mean)
    variance = np.square(grain).mean((1, 2))
    # Black and white borders are clipped: they have no grain of their own.
    usable = (variance > LEAST_VARIANCE) & (mean[:, 0, 0] > 8) & (mean[:, 0, 0] < 247)
    grain, variance = grain[usable], variance[usable]
    calm = max(LEAST_BLOCKS, math.ceil(len(grain) * CALM_SHARE))
    return np.asarray(grain[np.argsort(variance)[:calm]])


def _without_slope(blocks: Array) -> Array:
    down, right = np.mgrid[0:BLOCK, 0:BLOCK] - (BLOCK - 1) / 2
    for ramp in (down, right):
        slope = (blocks * ramp).sum((1, 2), keepdims=True) / np.square(ramp).sum()
        blocks = blocks - slope * ramp
    return blocks


def _is_out_of_proportion(box: Box, implant: Implant) -> bool:
    if not implant.diameter_mm or not implant.length_mm:
        return False
    wanted = float(implant.length_mm) / float(implant.diameter_mm)
    return abs(math.log(box.height / box.width / wanted)) > math.log(PROPORTION)


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
