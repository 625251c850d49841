"""Films drawn by another hand than `matching.phantoms` and the trainer's sketches: with PIL's
plain shapes, at the size of a real film. Only for tests: nothing is trained on them."""

import math
from dataclasses import dataclass

import numpy as np
from PIL import Image, ImageDraw, ImageFilter

from matching.boxes import Box

SIZE = (600, 800)


@dataclass(frozen=True)
class Drawn:
    image: Image.Image
    boxes: tuple[Box, ...]


class Pen:
    """Draws shapes given along an axis that begins at (x, y) and is turned by `degrees`."""

    def __init__(self, image: Image.Image, x: float, y: float, degrees: float) -> None:
        self._draw = ImageDraw.Draw(image)
        self._x, self._y, self._degrees = x, y, degrees
        turn = math.radians(degrees)
        self._cosine, self._sine = math.cos(turn), math.sin(turn)

    def at(self, across: float, along: float) -> tuple[float, float]:
        return (
            self._x + across * self._cosine - along * self._sine,
            self._y + across * self._sine + along * self._cosine,
        )

    def shape(self, points: list[tuple[float, float]], grey: int) -> None:
        self._draw.polygon([self.at(*point) for point in points], fill=grey)

    def stroke(self, points: list[tuple[float, float]], grey: int, width: int) -> None:
        self._draw.line([self.at(*point) for point in points], fill=grey, width=width)

    def box(self, height: float, width: float) -> Box:
        x, y = self.at(0, height / 2)
        return Box(x, y, width, height, (self._degrees + 180) % 360 - 180)


def fixture(pen: Pen, rng: np.random.Generator, kind: str) -> Box:
    """`bands`: a trapezium with bright bands; `screw`: a zigzag outline, shaded like a rod;
    `flat`: burnt out to plain white."""
    height, half = rng.uniform(180, 320), rng.uniform(34, 62)
    taper = rng.uniform(0.5, 1.0)
    if kind == "screw":
        _screw(pen, rng, height, half, taper)
        return pen.box(height, 2 * half)
    body = [(-half, 0), (half, 0), (half * taper, height), (-half * taper, height)]
    pen.shape(body, 255 if kind == "flat" else 215)
    if kind == "flat":
        return pen.box(height, 2 * half)
    step = height / 11
    for turn in range(11):
        reach = half * (1 - (1 - taper) * turn / 11) * 1.12
        low = turn * step
        pen.shape(
            [(-reach, low), (reach, low), (reach, low + step / 2), (-reach, low + step / 2)], 245
        )
    return pen.box(height, 2.24 * half)


def _screw(pen: Pen, rng: np.random.Generator, height: float, half: float, taper: float) -> None:
    turns = int(rng.integers(8, 15))
    left, right = [], []
    for step in range(2 * turns + 1):
        along = height * step / (2 * turns)
        reach = half * (1 - (1 - taper) * (along / height)) * (1 if step % 2 else 0.82)
        right.append((reach, along))
        left.append((-reach, min(along + height / (4 * turns), height)))
    pen.shape(right + left[::-1], 185)
    core = [(x * 0.55, y) for x, y in right] + [(x * 0.55, y) for x, y in left[::-1]]
    pen.shape(core, 235)
    pen.shape([(-half * 0.3, 0), (half * 0.3, 0), (half * 0.2, height / 3)], 165)


def tooth(pen: Pen, rng: np.random.Generator, work: str) -> None:
    """A tooth with its neck at the pen; `work` is what a dentist put into it."""
    half, root, crown = rng.uniform(48, 70), rng.uniform(230, 300), rng.uniform(130, 170)
    pen.shape([(-half * 0.8, 0), (half * 0.8, 0), (half * 0.15, root), (-half * 0.15, root)], 125)
    top = [(-half * 0.8, 0), (-half, -crown * 0.7), (0, -crown), (half, -crown * 0.7)]
    pen.shape([*top, (half * 0.8, 0)], 165)
    pen.stroke([(0, -crown * 0.4), (0, root * 0.85)], 70, 8)
    if work == "crown":
        pen.shape([(x * 1.05, y) for x, y in top] + [(half * 0.84, 0)], 250)
    if work == "filling":
        pen.shape(
            [(-20, -crown * 0.9), (26, -crown * 0.85), (30, -crown * 0.5), (-12, -crown * 0.4)], 250
        )
    if work == "bracket":
        pen.shape([(-26, -100), (26, -100), (26, -55), (-26, -55)], 250)
        pen.stroke([(-300, -78), (300, -78)], 235, 9)
    if work == "post":
        pen.stroke([(0, -crown * 0.3), (0, root * 0.5)], 250, 18)


WORK = ("none", "crown", "filling", "bracket", "post")


def film(seed: int, *, kinds: tuple[str, ...], is_upper: bool = False) -> Drawn:
    """A film with a fixture of each kind between teeth; from a jaw's bone to air."""
    rng = np.random.default_rng(seed)
    image = _jaw(rng)
    places = [
        (100 + 200 * place + rng.uniform(-15, 15), rng.uniform(270, 330)) for place in range(3)
    ]
    order = rng.permutation(3)
    boxes = []
    for number, place in enumerate(order):
        pen = Pen(image, *places[place], float(rng.uniform(-9, 9)))
        if number >= len(kinds):
            tooth(pen, rng, WORK[int(rng.integers(len(WORK)))])
            continue
        boxes.append(fixture(pen, rng, kinds[number]))
        if rng.random() < 0.5:
            pen.shape([(-24, 0), (24, 0), (34, -60), (-34, -60)], 240)
    return _taken(image, boxes, rng, is_upper=is_upper)


def _jaw(rng: np.random.Generator) -> Image.Image:
    y, x = np.mgrid[0 : SIZE[1], 0 : SIZE[0]]
    grain = rng.normal(0, 1, (SIZE[1] // 12 + 2, SIZE[0] // 12 + 2)).astype(np.float32)
    texture = np.asarray(Image.fromarray(grain).resize(SIZE, Image.Resampling.BICUBIC))
    bone = 85 + 9 * texture + 18 * np.sin(x / SIZE[0] * 2.5 + rng.uniform(0, 6))
    crest = 300 + 20 * np.sin(x / 170 + rng.uniform(0, 6))
    return Image.fromarray(np.clip(np.where(y > crest, bone, 22), 0, 255).astype(np.uint8))


def _taken(
    image: Image.Image, boxes: list[Box], rng: np.random.Generator, *, is_upper: bool
) -> Drawn:
    soft = image.filter(ImageFilter.GaussianBlur(float(rng.uniform(1, 3))))
    noisy = np.asarray(soft, dtype=np.float32) + rng.normal(0, rng.uniform(2, 9), SIZE[::-1])
    taken = Image.fromarray(np.clip(noisy, 0, 255).astype(np.uint8))
    if not is_upper:
        return Drawn(taken, tuple(boxes))
    turned = [
        Box(SIZE[0] - b.x, SIZE[1] - b.y, b.width, b.height, b.angle % 360 - 180) for b in boxes
    ]
    return Drawn(taken.rotate(180), tuple(turned))
