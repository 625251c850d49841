"""Films that another hand could have drawn: simple shapes on any background.

The finder must not learn one renderer's manner: half of its films are sketches, in which
everything that is no property of a fixture (grey scale, texture, profile, neighbours) is random.
"""

import numpy as np
from numpy.random import Generator

from matching.boxes import Box
from matching.finding.geometry import covered
from matching.training.finder.canvas import Place, picture, write
from matching.training.finder.implants import draw_fixture
from matching.training.finder.scene import Array, Scene, sorted_out
from matching.training.finder.surroundings import background, clutter, tooth

SIDES = (200, 340)
MOST_FIXTURES = 4


def sketch(rng: Generator) -> Scene:
    """One film with no fixture or up to four, in any pose."""
    shape = (int(rng.integers(*SIDES)), int(rng.integers(*SIDES)))
    scale = float(np.exp(rng.uniform(np.log(3.5), np.log(20))))
    light = background(rng, shape, scale)
    places = _row(rng, shape, scale)
    teeth = rng.random(len(places)) < rng.uniform(0, 0.9)
    for place in [place for place, is_tooth in zip(places, teeth, strict=True) if is_tooth]:
        tooth(light, rng, place)
    for _again in range(int(rng.poisson(0.5))):
        clutter(light, rng, scale)
    boxes: list[Box] = []
    free = [place for place, is_tooth in zip(places, teeth, strict=True) if not is_tooth]
    for place in free[: int(rng.integers(0, MOST_FIXTURES + 1))]:
        boxes.append(draw_fixture(light, rng, place))
    _labelled(light, rng)
    return sorted_out(Scene(picture(light), tuple(_apart(boxes))))


def _row(rng: Generator, shape: tuple[int, int], scale: float) -> list[Place]:
    """Places side by side along a jaw, in random order, all pointing much the same way."""
    rows, columns = shape
    apart, turn = rng.uniform(5.5, 10) * scale, rng.uniform(-0.5, 0.5)
    y = rng.uniform(0.15, 0.5) * rows
    xs = np.arange(rng.uniform(-0.5, 0.5) * apart, columns + apart / 2, apart)
    places = [
        Place(
            float(x + rng.normal(0, 0.08) * apart),
            float(y + (x - columns / 2) * np.tan(turn / 2) + rng.normal(0, 1.2) * scale),
            float(turn + rng.normal(0, 0.1)),
            scale,
        )
        for x in xs
    ]
    return [places[number] for number in rng.permutation(len(places))]


def _labelled(light: Array, rng: Generator) -> None:
    for _again in range(int(rng.poisson(0.3))):
        write(light, rng)
    if rng.random() < 0.1:
        edge, rows = int(rng.integers(1, 40)), light.shape[0]
        light[:, :edge] = float(rng.choice((0, 1)))
        light[rows - edge // 2 :] = light[0, 0]


def _apart(boxes: list[Box]) -> list[Box]:
    """Without those that a later fixture was drawn over."""
    return [
        box
        for number, box in enumerate(boxes)
        if not any(covered(box, later) > 0.6 for later in boxes[number + 1 :])
    ]
