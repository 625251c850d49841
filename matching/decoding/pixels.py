"""Every kind of pixel to 8 bits of grey."""

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageStat

Array = NDArray[Any]

# Rows that are worked on at a time, so that a large film needs no copy of itself as floats.
STRIP = 256
LUMINANCE = (0.299, 0.587, 0.114)


def to_grey(image: Image.Image) -> Image.Image:
    """A picture of any mode as mode L; more than 8 bits are spread by their real range."""
    if image.mode.startswith(("I", "F")):
        return spread(np.asarray(image))
    if image.has_transparency_data:
        return _on_mean_grey(image.convert("RGBA"))
    return image if image.mode == "L" else image.convert("L")


def spread(values: Array) -> Image.Image:
    """Spread the range of values (height, width) that is really used over 0…255: nothing is
    clipped. What is no number becomes black, what is infinite the darkest or the lightest."""
    low, high = real_range(values)
    return Image.fromarray(between(values, low, high))


def between(values: Array, low: float, high: float) -> Array:
    """Values (height, width) as uint8: `low` and what lies below it 0, `high` and above 255."""
    grey = np.zeros(values.shape, np.uint8)
    if not high > low:
        return grey
    # Halved, because the distance between the largest numbers is none any more.
    half, scale = low / 2, 255.0 / (high / 2 - low / 2)
    for rows in strips(len(values)):
        strip = np.nan_to_num(values[rows].astype(np.float64), nan=low, posinf=high, neginf=low)
        grey[rows] = ((strip.clip(low, high) / 2 - half) * scale).round()
    return grey


def real_range(values: Array) -> tuple[float, float]:
    """The smallest and the largest finite value; (0, 0) where there is none."""
    if values.dtype.kind != "f":
        return float(values.min()), float(values.max())
    finite = [strip[np.isfinite(strip)] for strip in (values[rows] for rows in strips(len(values)))]
    ranges = [(float(part.min()), float(part.max())) for part in finite if part.size]
    return (min(low for low, _ in ranges), max(high for _, high in ranges)) if ranges else (0, 0)


def strips(height: int) -> Iterator[slice]:
    return (slice(top, top + STRIP) for top in range(0, height, STRIP))


def luminance(colours: Array) -> Array:
    """The grey of red, green and blue (height, width, at least 3), as float32."""
    grey = np.empty(colours.shape[:2], np.float32)
    for rows in strips(len(colours)):
        grey[rows] = colours[rows, :, :3] @ np.array(LUMINANCE, np.float32)
    return grey


def lay_on_mean_grey(grey: Array, alpha: Array, *, opaque: float) -> Array:
    """Like `_on_mean_grey`, for values of any depth; `grey` is float32 and changed in place."""
    is_visible = alpha > opaque / 2
    mean = float(grey[is_visible].mean()) if is_visible.any() else 0.0
    for rows in strips(len(grey)):
        grey[rows] = mean + (grey[rows] - mean) * (alpha[rows] / np.float32(opaque))
    return grey


def _on_mean_grey(image: Image.Image) -> Image.Image:
    """Transparent parts take the mean grey of the visible ones: no edge is invented."""
    grey, alpha = image.convert("RGB").convert("L"), image.getchannel("A")
    is_visible = alpha.point([0] * 128 + [255] * 128)
    counted = ImageStat.Stat(grey, mask=is_visible)
    mean = round(counted.mean[0]) if counted.count[0] else 0
    return Image.composite(grey, Image.new("L", image.size, mean), alpha)
