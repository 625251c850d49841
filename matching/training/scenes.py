"""Windows of whole films for the closer look: fixtures, and what the finder takes for some."""

import numpy as np
from numpy.random import Generator
from PIL import Image

from matching import finder
from matching.boxes import Box
from matching.finding import refining
from matching.finding.geometry import covered
from matching.training.finder.films import film
from matching.training.finder.scene import Scene
from matching.training.finder.variation import varied

# How wrong a box may be: natural logarithms for height and width, shares of the true height for
# the middle along and across, degrees for the angle.
HEIGHT_OFF, WIDTH_OFF = 0.45, 0.4
ALONG_OFF, ACROSS_OFF = 0.22, 0.12
ANGLE_OFF = 14.0
# How often the finder takes what is screwed in for a part of the fixture, and up to how much of
# the fixture's own height.
WITH_RESTORATION, MOST_ABOVE = 0.4, 0.9
# The finder's worst guesses are asked for too.
LEAST_SCORE = 0.15
# A guess that shares more than this with a fixture is neither right nor wrong.
APART = 0.15
# Of a film's wrong boxes, those that nobody guessed.
BY_CHANCE = 1

Array = refining.Array


class Scenes:
    """`count` films of many hands, with the boxes of their fixtures and wrong ones."""

    def __init__(self, *, count: int, seed: int) -> None:
        self._films: list[tuple[Image.Image, tuple[Box, ...], list[Box]]] = []
        for number in range(count):
            rng = np.random.default_rng((seed, 2, number))
            scene = varied(film(rng), rng)
            image = Image.fromarray(scene.grey)
            self._films.append((image, scene.boxes, _wrong(rng, image, scene)))

    def fixture(self, rng: Generator) -> tuple[Array, Array]:
        """A window around a box that lies badly, and the five numbers that mend it."""
        while True:
            image, boxes, _wrong = self._any(rng)
            if boxes:
                true = boxes[int(rng.integers(len(boxes)))]
                near = shaken(rng, true)
                return refining.seen(np.asarray(image), near), refining.mend(near, true)

    def nothing(self, rng: Generator) -> Array:
        """A window around what is no fixture."""
        while True:
            image, _boxes, wrong = self._any(rng)
            if wrong:
                box = wrong[int(rng.integers(len(wrong)))]
                return refining.seen(np.asarray(image), shaken(rng, box))

    def _any(self, rng: Generator) -> tuple[Image.Image, tuple[Box, ...], list[Box]]:
        return self._films[int(rng.integers(len(self._films)))]


def shaken(rng: Generator, box: Box) -> Box:
    """The box as wrong as the closer look must expect it."""
    down, across = box.height * rng.uniform((-ALONG_OFF, -ACROSS_OFF), (ALONG_OFF, ACROSS_OFF))
    height = box.height * float(np.exp(rng.uniform(-HEIGHT_OFF, HEIGHT_OFF)))
    if rng.random() < WITH_RESTORATION:
        above = box.height * float(rng.uniform(0, MOST_ABOVE))
        down, height = 0.3 * down - above / 2, box.height * float(rng.uniform(0.9, 1.1)) + above
    turn = np.radians(box.angle)
    return Box(
        float(box.x + across * np.cos(turn) - down * np.sin(turn)),
        float(box.y + across * np.sin(turn) + down * np.cos(turn)),
        box.width * float(np.exp(rng.uniform(-WIDTH_OFF, WIDTH_OFF))),
        height,
        (box.angle + float(rng.uniform(-ANGLE_OFF, ANGLE_OFF)) + 180.0) % 360.0 - 180.0,
    )


def _wrong(rng: Generator, image: Image.Image, scene: Scene) -> list[Box]:
    guessed = [box for box, _score in finder.guesses(image, least=LEAST_SCORE)]
    by_chance = [_anywhere(rng, image) for _one in range(BY_CHANCE)]
    fixtures = (*scene.boxes, *scene.unsure)
    return [
        box
        for box in (*guessed, *by_chance)
        if not any(covered(box, fixture) > APART for fixture in fixtures)
    ]


def _anywhere(rng: Generator, image: Image.Image) -> Box:
    height = float(rng.uniform(0.15, 0.6) * image.height)
    return Box(
        float(rng.uniform(0.1, 0.9) * image.width),
        float(rng.uniform(0.1, 0.9) * image.height),
        height / float(rng.uniform(1.5, 5.0)),
        height,
        float(rng.uniform(-30, 30)) + (180.0 if rng.random() < 0.5 else 0.0),
    )
