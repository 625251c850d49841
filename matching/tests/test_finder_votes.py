"""From the network's answer to boxes, without a network."""

import numpy as np
import pytest

from matching.boxes import Box
from matching.finding import votes
from matching.finding.geometry import box_between, covered, ends, on_film, overlap, turned_by

UPPER = Box(120, 90, 24, 80, -170)
LOWER = Box(60, 100, 26, 70, 12)


def answer(*boxes: Box, sure: float = 4.0) -> np.ndarray:  # type: ignore[type-arg]
    """What a network without fault would say of a film of 192 × 192 pixels."""
    channels = np.zeros((7, 48, 48), dtype=np.float32)
    channels[0] = -8
    y, x = np.indices((48, 48)) * votes.STRIDE + (votes.STRIDE - 1) / 2
    for box in boxes:
        (left, top), (right, bottom) = sorted(ends(box), key=lambda end: end[1])
        down = np.array([right - left, bottom - top]) / box.height
        along = (x - box.x) * down[0] + (y - box.y) * down[1]
        across = (x - box.x) * down[1] - (y - box.y) * down[0]
        here = (abs(along) < 0.42 * box.height) & (abs(across) < 0.35 * box.width)
        channels[0][here] = sure
        for channel, told in enumerate((left - x, top - y, right - x, bottom - y)):
            channels[channel + 1][here] = told[here] / votes.UNIT
        channels[5][here] = np.log(box.width / votes.UNIT)
        channels[6][here] = 5 if ends(box)[0][1] < ends(box)[1][1] else -5
    return channels


def test_each_fixture_gets_one_box_with_its_direction() -> None:
    found = votes.boxes(answer(UPPER, LOWER))

    assert len(found) == 2
    for truth in (UPPER, LOWER):
        box, score = max(found, key=lambda pair: overlap(pair[0], truth))
        assert overlap(box, truth) > 0.99
        assert turned_by(box, truth) < 0.1
        assert score > 0.9


def test_neighbours_that_touch_stay_two() -> None:
    one, other = Box(80, 90, 24, 80, 3), Box(106, 92, 24, 76, 3)

    assert len(votes.boxes(answer(one, other))) == 2


@pytest.mark.parametrize("truth", [LOWER, UPPER, Box(90, 90, 24, 80, 88), Box(90, 90, 24, 80, -89)])
def test_a_few_cells_that_take_one_end_for_the_other_are_outvoted(truth: Box) -> None:
    told = answer(truth)
    rows, columns = np.nonzero(told[0] > 0)
    ends_swapped, way_mistaken = (rows[:6], columns[:6]), (rows[-9:], columns[-9:])
    told[1:5][:, *ends_swapped] = told[[3, 4, 1, 2]][:, *ends_swapped]
    told[6][ends_swapped] *= -1
    told[6][way_mistaken] *= -1
    ((box, _score),) = votes.boxes(told)

    assert overlap(box, truth) > 0.99
    assert turned_by(box, truth) < 1


def test_a_single_cell_is_hardly_believed() -> None:
    told = answer(LOWER)
    rows, columns = np.nonzero(told[0] > 0)
    told[0][rows[1:], columns[1:]] = -8
    ((_box, score),) = votes.boxes(told)

    assert score < 0.2


def test_where_nothing_is_likely_there_is_no_box() -> None:
    assert votes.boxes(answer()) == []
    assert votes.boxes(answer(LOWER, sure=-3.0)) == []


@pytest.mark.parametrize("box", [UPPER, LOWER, Box(5, 5, 3, 9, 180), Box(1, 2, 3, 4, -90)])
def test_a_box_is_its_ends_and_its_width(box: Box) -> None:
    again = box_between(*ends(box), box.width)

    assert (again.x, again.y, again.height) == pytest.approx((box.x, box.y, box.height))
    assert turned_by(again, box) < 1e-6


def test_overlap_is_the_shared_part_of_both() -> None:
    one = Box(50, 50, 20, 40)

    assert overlap(one, one) == pytest.approx(1)
    assert overlap(one, Box(60, 50, 20, 40)) == pytest.approx(1 / 3)
    assert overlap(one, Box(50, 50, 20, 40, 180)) == pytest.approx(1)
    assert overlap(one, Box(50, 50, 40, 20, 90)) == pytest.approx(1)
    assert overlap(one, Box(500, 50, 20, 40)) == 0
    assert covered(one, Box(50, 50, 10, 10)) == pytest.approx(1)
    assert on_film(Box(0, 50, 20, 40), width=100, height=100) == pytest.approx(0.5)
