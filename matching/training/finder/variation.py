"""Every film is seen another way each time: turned, cut out, enlarged, lit and spoilt anew."""

import math

import numpy as np
from numpy.random import Generator

from matching.boxes import Box
from matching.finding.geometry import box_between, ends
from matching.finding.picture import sides
from matching.training.finder.scene import Array, Scene, sorted_out

SIDE = 256


def varied(scene: Scene, rng: Generator) -> Scene:
    """The scene on a SIDE × SIDE canvas, seen another way."""
    placed = sorted_out(_placed(sorted_out(scene), rng))
    return Scene(_spoilt(placed.grey, rng), placed.boxes, placed.unsure)


def _placed(scene: Scene, rng: Generator) -> Scene:
    import cv2

    scale, focus = _scale(scene, rng), _focus(scene, rng)
    turn = _turn(rng)
    flips = np.diag([rng.choice((-1, 1)), rng.choice((-1, 1))])
    linear = scale * turn @ flips
    shift = np.array([SIDE / 2, SIDE / 2]) + rng.uniform(-0.2, 0.2, 2) * SIDE - linear @ focus
    whole = np.hstack([linear, shift[:, None]])
    grey = cv2.warpAffine(
        scene.grey,
        whole,
        (SIDE, SIDE),
        flags=cv2.INTER_AREA if scale < 0.7 else cv2.INTER_LINEAR,
        borderMode=cv2.BORDER_REPLICATE if rng.random() < 0.15 else cv2.BORDER_CONSTANT,
        borderValue=float(rng.choice((0, 0, rng.uniform(0, 120), 255, scene.grey.mean()))),
    )
    boxes, unsure = (
        tuple(_moved(box, whole, scale) for box in part) for part in (scene.boxes, scene.unsure)
    )
    return Scene(grey, boxes, unsure)


def _scale(scene: Scene, rng: Generator) -> float:
    """Mostly so that the whole film is seen, as later; also parts that one fixture fills."""
    rows, columns = scene.grey.shape
    whole = sides(columns, rows)[-1] / max(rows, columns)
    if scene.boxes and rng.random() < 0.4:
        box = scene.boxes[int(rng.integers(len(scene.boxes)))]
        return float(np.exp(rng.uniform(np.log(36), np.log(0.95 * SIDE))) / box.height)
    return float(whole * rng.uniform(0.75, 1.6))


def _focus(scene: Scene, rng: Generator) -> Array:
    """What comes near the middle of the canvas: the film's own middle, or a fixture's; any
    place of a film too large for the canvas."""
    rows, columns = scene.grey.shape
    if scene.boxes and rng.random() < 0.6:
        box = scene.boxes[int(rng.integers(len(scene.boxes)))]
        return np.array([box.x, box.y])
    spread = 0.5 - SIDE / 2 / sides(columns, rows)[-1]
    off = rng.uniform(-spread, spread, 2) * (columns, rows)
    return np.array([columns / 2, rows / 2]) + off


def _turn(rng: Generator) -> Array:
    """A rotation: seldom any, often up to 40°, at times none at all."""
    kind = rng.random()
    degrees = rng.uniform(-180, 180) if kind < 0.1 else rng.uniform(-40, 40) * (kind < 0.75)
    cosine, sine = math.cos(math.radians(degrees)), math.sin(math.radians(degrees))
    return np.array([[cosine, -sine], [sine, cosine]])


def _moved(box: Box, matrix: Array, scale: float) -> Box:
    platform, apex = (matrix[:, :2] @ end + matrix[:, 2] for end in ends(box))
    return box_between(platform, apex, box.width * scale)


def _spoilt(grey: Array, rng: Generator) -> Array:
    light = grey.astype(np.float32) / 255
    light = _graded(light, rng)
    light = _blurred(light, rng)
    if rng.random() < 0.7:
        light += rng.uniform(0, 0.07) * rng.standard_normal(light.shape, dtype=np.float32)
    pixels: Array = (np.clip(light, 0, 1) * 255).astype(np.uint8)
    return _compressed(pixels, rng) if rng.random() < 0.3 else pixels


def _graded(light: Array, rng: Generator) -> Array:
    """Another grey scale: gamma, contrast, brightness, metal burnt out, one side darker."""
    light = light ** np.exp(rng.uniform(-0.7, 0.7))
    if rng.random() < 0.6:
        low, high = rng.uniform(-0.15, 0.2), rng.uniform(0.72, 1.3)
        light = low + (high - low) * light if rng.random() < 0.6 else (light - low) / (high - low)
    if rng.random() < 0.3:
        rows, columns = light.shape
        ramp = np.linspace(-1, 1, columns)[None, :] * rng.uniform(-1, 1)
        ramp = ramp + np.linspace(-1, 1, rows)[:, None] * rng.uniform(-1, 1)
        light = light * (1 + 0.25 * ramp) if rng.random() < 0.5 else light + 0.15 * ramp
    return np.clip(light, 0, 1).astype(np.float32)


def _blurred(light: Array, rng: Generator) -> Array:
    import cv2

    kind = rng.random()
    if kind < 0.45:
        return light
    if kind < 0.85:
        return cv2.GaussianBlur(light, (0, 0), rng.uniform(0.4, 1.8))
    soft = cv2.GaussianBlur(light, (0, 0), 2.0)
    return light + rng.uniform(0.3, 1.2) * (light - soft)


def _compressed(pixels: Array, rng: Generator) -> Array:
    import cv2

    _done, data = cv2.imencode(
        ".jpg", pixels, [cv2.IMWRITE_JPEG_QUALITY, int(rng.integers(25, 90))]
    )
    return np.asarray(cv2.imdecode(data, cv2.IMREAD_GRAYSCALE))
