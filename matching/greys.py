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
# The calmest of the blocks that have any grain: edges of fixtures and teeth have a direction.
CALM_SHARE = 0.4
LEAST_VARIANCE = 0.3

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
SMOOTH = 12.0
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


def may_be_no_radiograph(image: Image.Image) -> bool:
    """Whether the greys are those of a page, a drawing, a screen, noise, or of nothing at all.

    A photograph of an object with soft edges has the greys of a radiograph and is not noticed:
    its colours, which would tell, are gone after decoding.
    """
    grey = np.asarray(_reduced(image), dtype=np.float32)
    counts = np.bincount(grey.astype(np.uint8).ravel(), minlength=256) / grey.size
    ground = np.convolve(counts[CLIPPED : 256 - CLIPPED], np.ones(3), "valid").max()
    across, along = np.abs(np.diff(grey, axis=1))[:-1], np.abs(np.diff(grey, axis=0))[:, :-1]
    steps = np.maximum(across, along)
    return bool(
        counts[PAPER:].sum() > GROUND_SHARE
        or ground > GROUND_SHARE
        or (steps > STEEP).mean() > STEEP_SHARE
        or np.percentile(steps, 99) < SMOOTH
    )


def _reduced(image: Image.Image) -> Image.Image:
    small = image.copy()
    small.thumbnail((SIDE, SIDE), Image.Resampling.BICUBIC)
    return small
