"""The closer look at a box."""

import numpy as np
import pytest

from matching.boxes import Box
from matching.finding import refining
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
