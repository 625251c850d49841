"""What the greys of a film (mode L) tell of how it was made, without knowing what it shows."""

import math
from typing import Any

import numpy as np
from PIL import Image

Array = np.ndarray[Any, Any]

# Grain is as fine across a film as along it. Resizing one side only makes it coarser there. In
# octaves; `tests/test_greys.py` holds phantoms of all levels against it.
UNEVEN_GRAIN = 0.5
BLOCK = 16
MIDDLE = 1536
LEAST_BLOCKS = 20
# Of the calmest, as many tell what all of them would.
ENOUGH_BLOCKS = 1024
MIDDLE_GREY = np.uint8(128)
# The calmest of the blocks that have any grain: edges of fixtures and teeth have a direction.
CALM_SHARE = 0.4
LEAST_VARIANCE = 0.3


def _projections() -> Array:
    """What gives a block's mean, and how much it rises down and to the right; shape (256, 3),
    each of length 1."""
    down, right = np.mgrid[0:BLOCK, 0:BLOCK].reshape(2, -1) - (BLOCK - 1) / 2
    all_three = np.stack([np.ones(BLOCK * BLOCK), down, right], axis=1)
    return np.asarray(all_three / np.linalg.norm(all_three, axis=0), dtype=np.float32)


SMOOTH_PARTS = _projections()

# Long side of the copy on which it is told whether this may be a radiograph: grain hardly counts
# there, and a film of any size gives the same answer.
SIDE = 256
# Shares of that copy, as `matching/tests/test_greys.py` has them: pages and drawings on white are
# white by half and more, screens and drawings on any other ground have half of their pixels within
# three grey levels, and writing, noise and cluttered scenes are steep on 0.15; clean and clinical
# phantoms reach 0.1, 0.15 and 0.04.
PAPER = 235
GROUND_SHARE = 0.45
STEEP, STEEP_SHARE = 40, 0.1
# The steepest hundredth of a ramp or of a blurred wall is below this, that of a phantom near 30.
SMOOTH, SMOOTH_SHARE = 12, 0.01
# The dark around a film is no ground.
CLIPPED = 12


def grey_range(image: Image.Image) -> int:
    """Grey levels (0…255) between the darkest and the brightest twentieth of the pixels."""
    share = np.cumsum(image.histogram()) / (image.width * image.height)
    dark, bright = np.searchsorted(share, (0.05, 0.95))
    return int(bright - dark)


def is_stretched(image: Image.Image) -> bool:
    """Whether the film's grain says that it was resized without keeping its proportions.

    A film without grain (heavily smoothed) tells nothing and counts as not stretched. Clean and
    clinical phantoms are recognised when widened or lengthened by 1.3, not when narrowed or
    shortened to three quarters; no phantom as it was taken counts as stretched.
    """
    blocks = _blocks(_middle(image))
    smooth = blocks @ SMOOTH_PARTS
    # The parts are at right angles to each other: what is left of a block is its grain.
    energy = np.einsum("ij,ij->i", blocks, blocks) - np.einsum("ij,ij->i", smooth, smooth)
    variance, mean = energy / BLOCK**2, smooth[:, 0] / BLOCK + MIDDLE_GREY
    # Black and white borders are clipped: they have no grain of their own.
    usable = np.flatnonzero((variance > LEAST_VARIANCE) & (mean > 8) & (mean < 247))
    count = max(LEAST_BLOCKS, math.ceil(len(usable) * CALM_SHARE))
    calm = usable[np.argsort(variance[usable])[:count]]
    calm = calm[:: math.ceil(len(calm) / ENOUGH_BLOCKS) or 1]
    if len(calm) < LEAST_BLOCKS:
        return False
    grain = (blocks[calm] - smooth[calm] @ SMOOTH_PARTS.T).reshape(-1, BLOCK, BLOCK)
    across = np.square(np.diff(grain, axis=2)).mean((1, 2))
    along = np.square(np.diff(grain, axis=1)).mean((1, 2))
    octaves = np.log2(np.maximum(across, 1e-6) / np.maximum(along, 1e-6))
    return bool(abs(float(np.median(octaves))) > UNEVEN_GRAIN)


def _middle(image: Image.Image) -> Image.Image:
    """At most 1536 × 1536 pixels, not resized: a film may have 25 million of them."""
    left, top = (max(side - MIDDLE, 0) // 2 for side in image.size)
    return image.crop((left, top, left + min(image.width, MIDDLE), top + min(image.height, MIDDLE)))


def _blocks(image: Image.Image) -> Array:
    """All whole blocks of a film, float32 of shape (n, 256), greys from −128 to 127: small
    numbers keep their digits."""
    rows, columns = (side // BLOCK for side in (image.height, image.width))
    grey = (np.asarray(image) ^ MIDDLE_GREY).view(np.int8)
    cut = grey[: rows * BLOCK, : columns * BLOCK].reshape(rows, BLOCK, columns, BLOCK)
    blocks = cut.transpose(0, 2, 1, 3).astype(np.float32, order="C")
    return np.asarray(blocks.reshape(-1, BLOCK * BLOCK))


def may_be_no_radiograph(image: Image.Image) -> bool:
    """Whether the greys are those of a page, a drawing, a screen, noise, or of nothing at all.

    A photograph of an object with soft edges has the greys of a radiograph and is not noticed:
    its colours, which would tell, are gone after decoding.
    """
    grey = np.asarray(_reduced(image))
    counts = np.bincount(grey.ravel(), minlength=256) / grey.size
    ground = np.convolve(counts[CLIPPED : 256 - CLIPPED], np.ones(3), "valid").max()
    steps = np.bincount(_steps(grey.astype(np.int16)).ravel(), minlength=256)
    steep = steps[::-1].cumsum()[::-1] / steps.sum()
    return bool(
        counts[PAPER:].sum() > GROUND_SHARE
        or ground > GROUND_SHARE
        or steep[STEEP + 1] > STEEP_SHARE
        or steep[SMOOTH] < SMOOTH_SHARE
    )


def _steps(grey: Array) -> Array:
    """How far each pixel lies from its neighbour to the right or below, the farther of them."""
    across, along = np.abs(np.diff(grey, axis=1))[:-1], np.abs(np.diff(grey, axis=0))[:, :-1]
    return np.maximum(across, along)


def _reduced(image: Image.Image) -> Image.Image:
    small = image.copy()
    small.thumbnail((SIDE, SIDE), Image.Resampling.BICUBIC)
    return small
