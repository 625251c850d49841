"""What the network sees of a film."""

from typing import Any

import numpy as np
from PIL import Image

Array = np.ndarray[Any, Any]

# Long side in pixels of the copy that is searched: the time taken does not grow with the film.
SIDE = 256
# A film this much wider than tall may be a panoramic one, where fixtures are small: it is
# searched a second time at this size.
WIDE = 1.5
WIDE_SIDE = 1024
# Sides of the surroundings that a pixel is compared with, in pixels of the copy, and by how
# much smaller a copy is enough to know their mean.
AROUND = ((252, 4), (50, 2))
# Both sides of the network's input are multiples of this.
MULTIPLE = 64


def copies(film: Image.Image) -> list[tuple[Array, float]]:
    """Grey copies (rows, columns) of a film in the sizes to search it in, each with the factor
    from the film's pixels to the copy's. Empty for a film too narrow to be one."""
    if min(film.size) < 8 or max(film.size) > 40 * min(film.size):
        return []
    return [_copy(film, side) for side in sides(*film.size)]


def sides(width: int, height: int) -> tuple[int, ...]:
    """The long sides of the copies in which a film of this size is searched."""
    is_wide = width >= WIDE * height and width > 1.5 * SIDE
    return (SIDE, WIDE_SIDE) if is_wide else (SIDE,)


def _copy(film: Image.Image, side: int) -> tuple[Array, float]:
    import cv2

    scale = side / max(film.size)
    size = (max(round(film.width * scale), 1), max(round(film.height * scale), 1))
    way = cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR
    return cv2.resize(np.asarray(film), size, interpolation=way), scale


def standardised(grey: Array) -> Array:
    """(rows, columns) of 0…255 to (2, rows, columns): how far each pixel lies from the mean of
    its wide and of its near surroundings, in their spreads.

    Never from the whole film's: a part of a panoramic film looks as it would on its own.
    """
    light = grey.astype(np.float32) / 255
    return np.stack([_compared(light, size, coarse) for size, coarse in AROUND])


def _compared(light: Array, size: int, coarse: int) -> Array:
    import cv2

    mean, square = (_mean(values, size, coarse) for values in (light, light * light))
    return (light - mean) / (cv2.sqrt(np.maximum(square - mean * mean, 0)) + 0.05)


def _mean(values: Array, size: int, coarse: int) -> Array:
    """The mean of each pixel's surroundings, worked out on a copy `coarse` times smaller."""
    import cv2

    rows, columns = values.shape
    shape = (max(columns // coarse, 1), max(rows // coarse, 1))
    small = cv2.resize(values, shape, interpolation=cv2.INTER_AREA)
    mean = cv2.blur(small, (size // coarse, size // coarse), borderType=cv2.BORDER_REFLECT)
    return np.asarray(cv2.resize(mean, (columns, rows), interpolation=cv2.INTER_LINEAR))


def padded(channels: Array) -> Array:
    """Zeros added below and to the right until the network can take it."""
    rows, columns = channels.shape[1:]
    return np.pad(channels, ((0, 0), (0, -rows % MULTIPLE), (0, -columns % MULTIPLE)))
