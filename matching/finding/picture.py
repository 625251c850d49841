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
# Surroundings that a pixel is compared with, in pixels of the copy.
AROUND = 49
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
    """(rows, columns) of 0…255 to (2, rows, columns): how far each pixel lies from the film's
    mean, and from its surroundings', in spreads."""
    import cv2

    light = grey.astype(np.float32) / 255
    across = (light - light.mean()) / (light.std() + 0.05)
    size = (AROUND, AROUND)
    mean = cv2.blur(light, size, borderType=cv2.BORDER_REFLECT)
    square = cv2.blur(light * light, size, borderType=cv2.BORDER_REFLECT)
    spread = np.sqrt(np.maximum(square - mean * mean, 0))
    return np.stack([across, (light - mean) / (spread + 0.05)])


def padded(channels: Array) -> Array:
    """Zeros added below and to the right until the network can take it."""
    rows, columns = channels.shape[1:]
    return np.pad(channels, ((0, 0), (0, -rows % MULTIPLE), (0, -columns % MULTIPLE)))
