"""The finder on phantoms: numbers a little below what was measured (see `matching.finder`)."""

import math

import numpy as np
import pytest
from PIL import Image

from implants.catalogue import CatalogueFacts, demo_catalogue
from matching.boxes import Box
from matching.finder import PROPOSALS, propose
from matching.phantoms import DIFFICULTIES, render, render_phantom
from matching.phantoms.facts import complete_shape
from matching.tests.test_boxes import turned

# Seeds that the finder was not tuned on.
SEED = 4000


def truth(facts: CatalogueFacts, seed: int, difficulty: str) -> Box:
    """Where the phantom's fixture really lies: what its own random stream says."""
    level, shape = DIFFICULTIES[difficulty], complete_shape(facts)
    stream = render._generator(facts, seed, difficulty)
    view = render._view(stream, shape, level)
    stream = render._generator(facts, seed, difficulty)
    stream.uniform(*level.zoom)
    tilt = float(stream.uniform(*level.tilt))
    right, down = (float(stream.uniform(*level.shift)) for _ in range(2))
    height = (shape.length - shape.top_z) * view.scale
    return Box(240 + right, 360 + down, 2 * shape.radius * view.scale, height, tilt)


def shared(one: Box, other: Box) -> float:
    """Intersection over union, by counting the points of a grid."""
    x, y = np.meshgrid(np.arange(-500, 2000, 3.0), np.arange(-500, 2000, 3.0))
    first, second = (_inside(box, x, y) for box in (one, other))
    return float((first & second).sum() / (first | second).sum())


def _inside(box: Box, x: np.ndarray, y: np.ndarray) -> np.ndarray:  # type: ignore[type-arg]
    turn = math.radians(box.angle)
    across = (x - box.x) * math.cos(turn) + (y - box.y) * math.sin(turn)
    along = (y - box.y) * math.cos(turn) - (x - box.x) * math.sin(turn)
    inside: np.ndarray = (np.abs(across) < box.width / 2) & (np.abs(along) < box.height / 2)  # type: ignore[type-arg]
    return inside


def off_by(one: Box, other: Box) -> float:
    """Degrees between two axes, with their direction, 0…180."""
    return abs((one.angle - other.angle + 180) % 360 - 180)


def found(difficulty: str, degrees: float) -> tuple[list[float], list[float]]:
    """For each line of the catalogue: what the first box shares with the fixture, and by how
    much its axis is off where it is the fixture's."""
    areas, angles = [], []
    for number, facts in enumerate(demo_catalogue()):
        phantom = render_phantom(facts, seed=SEED + number, difficulty=difficulty)
        film, box = turned(phantom, truth(facts, SEED + number, difficulty), degrees)
        boxes = propose(film)
        areas.append(shared(boxes[0], box) if boxes else 0.0)
        if areas[-1] > 0.5:
            angles.append(off_by(boxes[0], box))
    return areas, angles


@pytest.mark.parametrize("degrees", [0, 180])
def test_on_a_well_taken_film_the_first_box_is_the_fixture_s(degrees: float) -> None:
    areas, angles = found("easy", degrees)
    assert sum(area > 0.5 for area in areas) >= 31
    assert np.median(areas) > 0.8
    assert np.mean(np.array(angles) < 3) > 0.95


def test_on_a_badly_taken_and_turned_film_it_mostly_is() -> None:
    areas, angles = found("clinic", -35)
    assert sum(area > 0.5 for area in areas) >= 28
    assert np.median(areas) > 0.7
    assert np.mean(np.array(angles) < 3) > 0.9


def test_each_fixture_of_a_film_gets_a_box() -> None:
    lines = demo_catalogue()
    hits = 0
    for number in range(6):
        film = Image.new("L", (720, 720))
        boxes = []
        for place in range(2):
            facts = lines[(5 * number + 11 * place) % len(lines)]
            phantom = render_phantom(facts, seed=SEED + number, difficulty="easy")
            film.paste(phantom.crop((60, 0, 420, 720)), (360 * place, 0))
            box = truth(facts, SEED + number, "easy")
            boxes.append(Box(box.x - 60 + 360 * place, box.y, box.width, box.height, box.angle))
        proposed = propose(film)
        hits += sum(any(shared(one, box) > 0.5 for one in proposed) for box in boxes)
    assert hits >= 11


def test_boxes_are_in_pixels_of_the_film_whatever_its_size() -> None:
    facts = demo_catalogue()[4]
    phantom = render_phantom(facts, seed=SEED)
    (small, *_), (large, *_) = propose(phantom), propose(phantom.resize((1440, 2160)))
    assert large.x == pytest.approx(3 * small.x, abs=6)
    assert large.height == pytest.approx(3 * small.height, rel=0.03)
    large.check(1440, 2160)


@pytest.mark.parametrize(
    "film",
    [
        Image.new("L", (800, 600), 90),
        Image.new("L", (32, 32), 0),
        Image.new("L", (32, 256), 255),
        Image.linear_gradient("L"),
        Image.fromarray(np.random.default_rng(1).integers(0, 255, (300, 400), dtype=np.uint8)),
    ],
    ids=["grey", "tiny", "thin", "gradient", "noise"],
)
def test_a_film_without_any_fixture_gets_no_more_than_a_few_boxes(film: Image.Image) -> None:
    boxes = propose(film)
    assert len(boxes) <= PROPOSALS
    for box in boxes:
        box.check(*film.size)


def test_nothing_is_proposed_on_plain_grey() -> None:
    assert propose(Image.new("L", (800, 600), 90)) == []
