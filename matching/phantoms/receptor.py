"""From attenuation to the grey of a film: exposure, scatter, blur, noise, and its faults."""

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from matching.boxes import Box
from matching.phantoms.dice import Dice
from matching.phantoms.levels import Difficulty
from matching.phantoms.materials import cloud
from matching.phantoms.profile import Array

Pixels = NDArray[np.uint8]

# Resolution (pixels per mm) at which the noise of a level is meant: coarser pixels average.
NOISE_AT = 22.0
VEIL_MM = 6.0
SHARPEN_MM = 0.12
# Radius of the round field of a tube, as a share of the film's longer side.
TUBE_SHARE = 0.7


def exposed(dice: Dice, level: Difficulty, attenuation: Array, pixels_per_mm: float) -> Array:
    """Grey (0…1, metal bright) of a film behind this attenuation.

    Beer-Lambert: light = exposure * exp(-attenuation), then a grey scale.
    """
    rng = dice("receptor")
    exposure, contrast = rng.uniform(*level.exposure), rng.uniform(*level.contrast)
    noise, scatter = rng.uniform(*level.noise), rng.uniform(*level.scatter)
    sigma, length = rng.uniform(*level.blur), rng.uniform(*level.motion)
    light = np.exp(-attenuation) * np.float32(exposure)
    light = _veiled(light, scatter, pixels_per_mm)
    light = _blurred(light, sigma * pixels_per_mm)
    light = _smeared(rng, light, length * pixels_per_mm)
    spread = noise * min(pixels_per_mm / NOISE_AT, 1.0)
    light += np.float32(spread) * np.sqrt(np.maximum(light, 0)) * _grain(dice("noise"), light.shape)
    grey = np.clip(1 - light, 0, 1) ** np.float32(contrast)
    return _sharpened(grey, dice("software").uniform(*level.sharpened), pixels_per_mm)


def _veiled(light: Array, share: float, pixels_per_mm: float) -> Array:
    """Scattered light reaches the receptor from all around: a smooth veil."""
    import cv2

    rows, columns = light.shape
    step = max(int(VEIL_MM * pixels_per_mm / 6), 1)
    small = cv2.resize(
        light, (max(columns // step, 2), max(rows // step, 2)), interpolation=cv2.INTER_AREA
    )
    veil = cv2.resize(cv2.GaussianBlur(small, (0, 0), 4.0), (columns, rows))
    mixed: Array = (1 - share) * light + np.float32(share) * veil
    return mixed.astype(np.float32)


def _blurred(light: Array, sigma: float) -> Array:
    import cv2

    if sigma < 0.2:
        return light
    return np.asarray(cv2.GaussianBlur(light, (0, 0), sigma), np.float32)


def _sharpened(grey: Array, amount: float, pixels_per_mm: float) -> Array:
    """Edges exaggerated as a sensor's software does it: a dark halo around bright metal."""
    import cv2

    soft = cv2.GaussianBlur(grey, (0, 0), max(SHARPEN_MM * pixels_per_mm, 0.6))
    sharp: Array = np.clip(grey + np.float32(amount) * (grey - soft), 0, 1)
    return sharp


def _smeared(rng: Generator, light: Array, length: float) -> Array:
    """The patient or the tube moved by `length` pixels while the film was taken."""
    import cv2

    turn = rng.uniform(0, np.pi)
    if length < 1:
        return light
    side = int(length / 2) + 1
    steps = np.linspace(-length / 2, length / 2, 4 * side + 1)
    kernel = np.zeros((2 * side + 1, 2 * side + 1), np.float32)
    rows, columns = (
        np.rint(side + steps * part).astype(int) for part in (np.sin(turn), np.cos(turn))
    )
    np.add.at(kernel, (rows, columns), 1 / len(steps))
    smeared = cv2.filter2D(light, -1, kernel, borderType=cv2.BORDER_REPLICATE)
    return np.asarray(smeared, np.float32)


def _grain(rng: Generator, shape: tuple[int, ...]) -> Array:
    """Unit noise that is a little correlated between neighbouring pixels."""
    white = rng.standard_normal((shape[0] + 1, shape[1] + 1), dtype=np.float32)
    grain: Array = (white[1:, 1:] + white[:-1, 1:] + white[1:, :-1] + white[:-1, :-1]) / 2
    return grain


def faults(
    dice: Dice, level: Difficulty, grey: Array, subject: Box, pixels_per_mm: float
) -> NDArray[np.bool_]:
    """Edge, collimator's cut and scratches, in place; the subject stays on the film. The answer
    says where the film shows nothing for it."""
    chance = dice("faults")
    covered = np.zeros(grey.shape, bool)
    if chance.random() < level.edge:
        covered |= _edge(dice("edge"), grey, subject, pixels_per_mm)
    if chance.random() < level.collimator:
        covered |= _cut(dice("collimator"), grey, subject)
    if chance.random() < level.scratches:
        _scratch(dice("scratches"), grey, pixels_per_mm)
    return covered


def _edge(rng: Generator, grey: Array, subject: Box, pixels_per_mm: float) -> NDArray[np.bool_]:
    """What lies past one slanted edge of the receptor is black, or the scanner's white."""
    turns = int(rng.integers(4))
    x, y = np.array(subject.corners()).T
    room = (x.min(), y.min(), grey.shape[1] - x.max(), grey.shape[0] - y.max())
    # The side that n quarter turns anticlockwise bring to the left: left, top, right, bottom.
    inset = min(rng.uniform(0.2, 1.4) * pixels_per_mm, max(room[turns] - 2, 0))
    slant = rng.uniform(-0.02, 0.02)
    rows, columns = np.rot90(grey, turns).shape
    line = np.arange(columns, dtype=np.float32)[None, :]
    beyond = line < inset + slant * (np.arange(rows, dtype=np.float32)[:, None] - rows / 2)
    covered = np.rot90(beyond, -turns)
    grey[covered] = rng.choice((0.02, 0.02, 0.97))
    return covered


def _cut(rng: Generator, grey: Array, subject: Box) -> NDArray[np.bool_]:
    """A round tube missed a corner: no light came there, so it is white."""
    rows, columns = grey.shape
    corner = np.array([rng.choice((0, columns)), rng.choice((0, rows))], float)
    inward = np.array([columns / 2, rows / 2]) - corner
    far = float(np.linalg.norm(inward))
    inward /= far
    depth, radius = rng.uniform(0.1, 0.45) * far, TUBE_SHARE * max(rows, columns)
    middle = corner + inward * (depth + radius)
    while np.hypot(*(np.array(subject.corners()) - middle).T).max() > 0.95 * radius:
        middle = middle - 0.03 * far * inward
        if (middle - corner) @ inward < 0.5 * radius:
            return np.zeros(grey.shape, bool)
    x = np.arange(columns, dtype=np.float32)[None, :] - middle[0]
    y = np.arange(rows, dtype=np.float32)[:, None] - middle[1]
    share = np.clip((np.hypot(x, y) - radius) / (0.015 * max(rows, columns)) + 0.5, 0, 1)
    grey += ((0.96 - grey) * share).astype(np.float32)
    covered: NDArray[np.bool_] = share > 0.5
    return covered


def _scratch(rng: Generator, grey: Array, pixels_per_mm: float) -> None:
    """Scratches, dust and a patch of stain."""
    import cv2

    rows, columns = grey.shape
    for _ in range(rng.integers(2, 9)):
        start = rng.uniform(0, 1, 2) * (columns, rows)
        turn, far = rng.uniform(0, np.pi), rng.uniform(1, 14) * pixels_per_mm
        end = start + far * np.array([np.cos(turn), np.sin(turn)])
        one, other = ([int(value) for value in point] for point in (start, end))
        cv2.line(grey, one, other, float(rng.choice((0.05, 0.9))), 1, cv2.LINE_AA)
    for _ in range(rng.integers(0, 25)):
        spot = [int(value) for value in rng.uniform(0, 1, 2) * (columns, rows)]
        size = max(round(rng.uniform(0.05, 0.15) * pixels_per_mm), 1)
        cv2.circle(grey, spot, size, float(rng.choice((0.1, 0.95))), -1, cv2.LINE_AA)
    stain = np.clip(cloud(rng, grey.shape, 5 * pixels_per_mm) - 1.2, 0, 1)
    grey += (rng.uniform(-0.4, 0.4) * stain * (1 - grey)).astype(np.float32)
    np.clip(grey, 0, 1, out=grey)
