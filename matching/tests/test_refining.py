"""The closer look at a box."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from matching import finder
from matching.boxes import Box
from matching.finding import refining
from matching.training import refiner
from matching.training.scenes import shaken


@pytest.mark.parametrize("angle", [0.0, 12.0, -75.0, 180.0])
def test_the_numbers_that_mend_a_box_make_the_true_one_of_it(angle: float) -> None:
    true = Box(410.0, 300.0, 62.0, 240.0, angle)
    near = shaken(np.random.default_rng(3), true)

    mended = refining.moved(near, np.append(refining.mend(near, true), 0.0))

    assert (mended.x, mended.y) == pytest.approx((true.x, true.y), abs=0.01)
    assert (mended.width, mended.height) == pytest.approx((true.width, true.height), rel=1e-4)
    assert np.cos(np.radians(mended.angle - true.angle)) == pytest.approx(1.0, abs=1e-6)


def test_what_is_seen_of_a_box_is_its_surroundings_whatever_its_size() -> None:
    for size in (20.0, 400.0):
        box = Box(0.0, 0.0, size / 3, size)
        window = refining.window_of(box)

        assert window.height > 1.5 * box.height
        assert window.width > 2 * box.width


def test_a_film_is_not_looked_at_closer_than_it_needs() -> None:
    film = Image.new("L", (2400, 3000), 90)
    seen = refining.refined(film, [Box(1200.0, 1500.0, 300.0, 1000.0)])

    assert len(seen) == 1
    box, sure = seen[0]
    assert 0 <= sure < finder.LEAST_SURE
    assert max(box.width, box.height) <= 3000
    assert refining.refined(film, []) == []


def test_a_short_training_writes_weights_that_can_be_loaded(tmp_path: Path) -> None:
    file = tmp_path / "refiner.safetensors"
    losses = []
    refiner.train(
        file,
        steps=2,
        workers=0,
        identities=8,
        poses=1,
        films=4,
        report=lambda _step, loss: losses.append(loss),
    )

    assert len(losses) == 2
    assert np.isfinite(losses).all()
    assert not refining.load(file).training
