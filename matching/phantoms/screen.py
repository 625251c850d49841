"""A film photographed from a screen: perspective, moiré, glare, vignette and a frame."""

import math

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from matching.boxes import Box
from matching.phantoms.profile import Array

Pixels = NDArray[np.uint8]


def photographed(rng: Generator, pixels: Pixels) -> tuple[Pixels, Array]:
    """The photograph, of the film's own size, and the (3, 3) homography from film to photo."""
    import cv2

    rows, columns = pixels.shape
    matrix = _perspective(rng, rows, columns)
    surround = int(rng.integers(8, 70))
    warped = cv2.warpPerspective(
        pixels, matrix, (columns, rows), flags=cv2.INTER_LINEAR, borderValue=surround
    )
    photo: Array = np.asarray(warped, np.float32)
    x = np.linspace(-1, 1, columns, dtype=np.float32)[None, :]
    y = np.linspace(-1, 1, rows, dtype=np.float32)[:, None]
    photo *= 1 + _moire(rng, x * columns / 2, y * rows / 2)
    photo = rng.uniform(8, 40) + photo * rng.uniform(0.65, 0.95)
    photo += _glare(rng, x, y)
    photo *= 1 - rng.uniform(0.1, 0.5) * (x * x + y * y) / 2
    photo = np.asarray(cv2.GaussianBlur(photo, (0, 0), rng.uniform(0.4, 0.9)), np.float32)
    return np.clip(np.rint(photo), 0, 255).astype(np.uint8), matrix


def moved(box: Box, matrix: Array) -> Box:
    """The rotated box nearest to what a homography makes of `box`."""
    corners = np.array([(x, y, 1.0) for x, y in box.corners()]) @ np.asarray(matrix).T
    points = corners[:, :2] / corners[:, 2:]
    top, bottom = (points[0] + points[1]) / 2, (points[2] + points[3]) / 2
    left, right = (points[0] + points[3]) / 2, (points[1] + points[2]) / 2
    down, across = bottom - top, right - left
    middle = points.mean(axis=0)
    angle = math.degrees(math.atan2(-down[0], down[1]))
    width, height = float(np.hypot(*across)), float(np.hypot(*down))
    return Box(float(middle[0]), float(middle[1]), width, height, angle)


def _perspective(rng: Generator, rows: int, columns: int) -> Array:
    """Each corner of the film moves inwards by 1 to 10 % of the side, on its own."""
    import cv2

    film = np.array([(0, 0), (columns, 0), (columns, rows), (0, rows)], np.float32)
    inwards = np.array([(1, 1), (-1, 1), (-1, -1), (1, -1)])
    steps = rng.uniform(0.01, 0.1, (4, 2)) * (columns, rows) * inwards
    return np.asarray(cv2.getPerspectiveTransform(film, (film + steps).astype(np.float32)))


def _moire(rng: Generator, x: Array, y: Array) -> Array:
    """Bands of the screen's pixels beating against the camera's, and of its lines."""
    bands = np.zeros(np.broadcast_shapes(x.shape, y.shape), np.float32)
    for _ in range(2):
        turn, period = rng.uniform(0, np.pi), rng.uniform(5, 40)
        wave = 2 * np.pi * (x * math.cos(turn) + y * math.sin(turn)) / period
        bend = rng.uniform(-1, 1) * np.square(x / 300) + rng.uniform(-1, 1) * np.square(y / 300)
        bands += rng.uniform(0.01, 0.06) * np.sin(wave + 3 * bend)
    grid = np.sin(2 * np.pi * x / rng.uniform(2.2, 3.5)) * np.sin(
        2 * np.pi * y / rng.uniform(2.2, 3.5)
    )
    return (bands + rng.uniform(0.0, 0.05) * grid).astype(np.float32)


def _glare(rng: Generator, x: Array, y: Array) -> Array:
    """A lamp or a window mirrored by the glass."""
    light = np.zeros(np.broadcast_shapes(x.shape, y.shape), np.float32)
    for _ in range(rng.integers(0, 3)):
        turn = rng.uniform(0, np.pi)
        right, down = x - rng.uniform(-1, 1), y - rng.uniform(-1, 1)
        along = right * math.cos(turn) + down * math.sin(turn)
        across = down * math.cos(turn) - right * math.sin(turn)
        spread = np.square(along / rng.uniform(0.3, 0.9)) + np.square(
            across / rng.uniform(0.1, 0.4)
        )
        light += rng.uniform(15, 90) * np.exp(-spread)
    return light.astype(np.float32)
