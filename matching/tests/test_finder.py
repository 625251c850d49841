"""The finder on phantoms and on films drawn by another hand: a little below what is measured
(`manage.py measure_finder`)."""

import logging
import threading
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from implants.catalogue import demo_catalogue
from matching import finder
from matching.boxes import Box
from matching.evaluation import finding
from matching.finding.geometry import overlap, turned_by
from matching.phantoms import Phantom, render_film
from matching.runtime.networks import Own
from matching.tests.other_renderer import Drawn, film
from matching.tests.test_boxes import turned

# Pixels of a millimetre: an eighth of the area of a real film, drawn in a tenth of the time.
SMALL = 8.0
SEED = 500_000


def phantoms(*, count: int = 16, difficulty: str = "clinic") -> list[Phantom]:
    lines = demo_catalogue()
    return [
        render_film(
            lines[2 * number % len(lines)],
            seed=SEED + number,
            difficulty=difficulty,
            others=[lines[(5 * number + 3) % len(lines)]] if number % 2 else [],
            jaw="upper" if number % 4 < 2 else "lower",
            pixels_per_mm=SMALL,
        )
        for number in range(count)
    ]


def drawn_elsewhere(*, count: int = 12) -> list[Drawn]:
    kinds = ("bands", "screw", "flat")
    return [
        film(seed, kinds=(kinds[seed % 3], kinds[seed // 3 % 3])[: 1 + seed % 2], is_upper=seed > 5)
        for seed in range(count)
    ]


def shares(boxes: list[Box], truths: tuple[Box, ...]) -> list[float]:
    """For each fixture what the best box shares with it."""
    return [max((overlap(box, truth) for box in boxes), default=0.0) for truth in truths]


def test_fixtures_of_both_jaws_are_found_among_crowns_and_fillings() -> None:
    found = finding.summed_up(finding.examine(phantoms()))

    assert found.fixtures >= 20
    assert found.recall >= 0.95
    assert found.precision >= 0.9
    assert found.mean_overlap > 0.75
    assert found.right_way >= 0.95
    assert set(found.by_jaw) == {"lower", "upper"}


def test_small_fixtures_of_a_panoramic_film_are_found() -> None:
    lines = demo_catalogue()
    films = [
        render_film(
            lines[number],
            seed=SEED,
            difficulty="clean",
            others=lines[number + 1 : number + 3],
            modality="panoramic",
            pixels_per_mm=4.5,
        )
        for number in (0, 9)
    ]
    found = finding.summed_up(finding.examine(films))

    assert found.fixtures >= 5
    assert found.recall >= 0.8
    assert found.precision >= 0.7


def test_fixtures_that_another_hand_drew_are_found() -> None:
    found = [
        share for one in drawn_elsewhere() for share in shares(finder.propose(one.image), one.boxes)
    ]

    assert np.mean(np.array(found) >= 0.5) >= 0.9


def test_crowns_fillings_brackets_and_posts_are_no_fixtures() -> None:
    boxes = [finder.propose(film(seed, kinds=()).image) for seed in range(100, 110)]

    assert sum(map(len, boxes)) <= 1


@pytest.mark.parametrize("degrees", [35, -40, 180])
def test_a_turned_film_makes_no_difference(degrees: float) -> None:
    phantom = phantoms(count=1, difficulty="clean")[0]
    image, truth = turned(phantom.image, phantom.fixtures[0].box, degrees)
    box = finder.best(image)

    assert box is not None
    assert overlap(box, truth) > 0.6
    assert turned_by(box, truth) < 6


def test_a_fixture_that_fills_the_film_is_found() -> None:
    phantom = phantoms(count=1, difficulty="clean")[0]
    truth = phantom.fixtures[0].box
    left, top = truth.x - 0.55 * truth.height, truth.y - 0.55 * truth.height
    side = round(1.1 * truth.height)
    cut = phantom.image.crop((round(left), round(top), round(left) + side, round(top) + side))
    box = finder.best(cut)

    assert box is not None
    assert overlap(box, Box(side / 2, side / 2, truth.width, truth.height, truth.angle)) > 0.6


def test_boxes_are_in_pixels_of_the_film_whatever_its_size() -> None:
    small = phantoms(count=1, difficulty="clean")[0].image
    (one, *_), (large, *_) = (
        finder.propose(image)
        for image in (small, small.resize((small.width * 3, small.height * 3)))
    )

    assert (large.x, large.y) == pytest.approx((3 * one.x, 3 * one.y), rel=0.05)
    assert large.height == pytest.approx(3 * one.height, rel=0.05)


def test_the_surest_comes_first_and_no_two_boxes_lie_on_each_other() -> None:
    for phantom in phantoms(count=6):
        found = finder.find(phantom.image)

        assert [one.score for one in found] == sorted((one.score for one in found), reverse=True)
        assert all(0 < one.score <= 1 for one in found)
        assert finder.propose(phantom.image) == [one.box for one in found]
        assert finder.best(phantom.image) == found[0].box
        for number, one in enumerate(found):
            one.box.check(*phantom.image.size)
            assert all(overlap(one.box, other.box) < 0.4 for other in found[:number])


@pytest.mark.parametrize(
    "odd",
    [
        Image.new("L", (800, 600), 90),
        Image.new("L", (1, 1), 0),
        Image.new("L", (3, 900), 200),
        Image.new("L", (32, 256), 255),
        Image.new("L", (5000, 40), 120),
        Image.linear_gradient("L"),
        Image.fromarray(np.random.default_rng(1).integers(0, 255, (300, 400), dtype=np.uint8)),
    ],
    ids=["grey", "one pixel", "line", "white", "strip", "gradient", "noise"],
)
def test_a_film_that_shows_nothing_gets_no_box(odd: Image.Image) -> None:
    assert finder.find(odd) == []
    assert finder.best(odd) is None


def test_threads_that_come_first_together_load_it_once(
    settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    loaded = []

    def load(weights: Path) -> Any:
        loaded.append(weights)
        return finder.load(weights)

    settings.RAIOX_RUNTIME = "torch"
    own = Own("finder", weights=finder.WEIGHTS, in_torch=load)
    monkeypatch.setattr(finder, "NETWORK", own)
    image = phantoms(count=1)[0].image
    answers = []

    def search() -> None:
        answers.append(finder.propose(image))

    threads = [threading.Thread(target=search) for _thread in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert loaded == [finder.WEIGHTS]
    assert answers[0]
    assert answers == 4 * [answers[0]]


@pytest.mark.parametrize(
    "content", [None, b"", b"no weights at all"], ids=["none", "empty", "text"]
)
def test_without_its_weights_it_proposes_nothing_and_says_why(
    content: bytes | None,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    file = tmp_path / "finder.safetensors"
    if content is not None:
        file.write_bytes(content)
    own = Own("finder", weights=file, in_torch=finder.load)
    monkeypatch.setattr(finder, "NETWORK", own)

    with caplog.at_level(logging.ERROR):
        assert finder.propose(film(0, kinds=("bands",)).image) == []
    assert "no box could be proposed" in caplog.text
