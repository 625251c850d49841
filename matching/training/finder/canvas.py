"""A grey canvas to draw on in millimetres, each thing along its own axis."""

import math
from dataclasses import dataclass

import numpy as np
from numpy.random import Generator

from matching.boxes import Box
from matching.training.finder.scene import Array

# Fractional bits of OpenCV's drawing coordinates.
SHIFT = 4


@dataclass(frozen=True)
class Place:
    """Where a thing stands: its origin in pixels, the direction of its axis (radians,
    clockwise from straight down) and the pixels of one millimetre."""

    x: float
    y: float
    turn: float
    scale: float

    def points(self, across: Array, along: Array) -> Array:
        """Pixels (n, 2) of points given in mm across the axis (right) and along it (down)."""
        cosine, sine = math.cos(self.turn), math.sin(self.turn)
        x = self.x + self.scale * (across * cosine - along * sine)
        y = self.y + self.scale * (across * sine + along * cosine)
        return np.stack([x, y], axis=1)

    def box(self, top: float, bottom: float, width: float) -> Box:
        """The box from `top` to `bottom` mm along the axis."""
        (middle,) = self.points(np.zeros(1), np.array([(top + bottom) / 2]))
        degrees = math.degrees(math.remainder(self.turn, 2 * math.pi))
        size = (self.scale * width, self.scale * (bottom - top))
        return Box(float(middle[0]), float(middle[1]), *size, degrees)


def mask(shape: tuple[int, int], points: Array) -> Array:
    """0…1, the cover of a polygon (n, 2), smooth at its border."""
    import cv2

    drawn = np.zeros(shape, np.uint8)
    cv2.fillPoly(drawn, [_fixed(points)], 255, cv2.LINE_AA, SHIFT)
    return drawn.astype(np.float32) / 255


def fill(light: Array, points: Array, grey: float, cover: float = 1.0) -> None:
    """Fill a polygon (n, 2) in place; `cover` less than 1 lets through what is under it."""
    rows, columns = light.shape
    low = np.clip(np.floor(points.min(axis=0)) - 2, 0, (columns, rows)).astype(int)
    high = np.clip(np.ceil(points.max(axis=0)) + 3, 0, (columns, rows)).astype(int)
    if (high <= low).any():
        return
    part = light[low[1] : high[1], low[0] : high[0]]
    share = cover * mask((part.shape[0], part.shape[1]), points - low)
    part += share * (grey - part)


def line(light: Array, points: Array, grey: float, thickness: float) -> None:
    """Draw a line through points (n, 2) in place, `thickness` in pixels."""
    import cv2

    width = max(round(thickness), 1)
    cv2.polylines(light, [_fixed(points)], False, grey, width, cv2.LINE_AA, SHIFT)


def outline(along: Array, half: Array) -> tuple[Array, Array]:
    """Across and along of the closed outline of a thing with half widths `half` (n,)."""
    return np.concatenate([half, -half[::-1]]), np.concatenate([along, along[::-1]])


def cloud(rng: Generator, shape: tuple[int, int], cell: float) -> Array:
    """A smooth random field of about unit spread; `cell` is its grain in pixels."""
    import cv2

    small = (int(shape[0] / cell) + 2, int(shape[1] / cell) + 2)
    seeds = rng.standard_normal(small, dtype=np.float32)
    return cv2.resize(seeds, (shape[1], shape[0]), interpolation=cv2.INTER_CUBIC)


def write(light: Array, rng: Generator) -> None:
    """A few letters or an arrow, as on many films, in place."""
    import cv2

    rows, columns = light.shape
    drawn = np.zeros(light.shape, np.uint8)
    at = (int(rng.integers(0, columns - 20)), int(rng.integers(12, rows)))
    text = "".join(rng.choice(list("RLABDEMNX0123456789-"), int(rng.integers(1, 9))))
    size, bold = rng.uniform(0.25, 0.8), int(rng.integers(1, 3))
    cv2.putText(drawn, text, at, cv2.FONT_HERSHEY_SIMPLEX, size, 255, bold, cv2.LINE_AA)
    if rng.random() < 0.3:
        to = tuple(int(value) for value in np.array(at) + rng.integers(-60, 60, 2))
        cv2.arrowedLine(drawn, at, to, 255, bold, cv2.LINE_AA)
    light += drawn / np.float32(255) * (np.float32(rng.uniform(0.5, 1)) - light)


def picture(light: Array) -> Array:
    return (np.clip(light, 0, 1) * 255).astype(np.uint8)


def _fixed(points: Array) -> Array:
    return np.rint(points * 2**SHIFT).astype(np.int32)
