"""What the network should answer for boxes, and the loss of what it does answer."""

from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from matching.boxes import Box
from matching.finding.geometry import ends
from matching.finding.votes import CORE_ACROSS, CORE_ALONG, STRIDE, UNIT
from matching.training.finder.scene import Scene

Array = NDArray[np.float32]

# Exponent and balance of the focal loss (Lin 2017, arXiv 1708.02002).
FOCUS, BALANCE = 2.0, 0.5
# What each part of the loss weighs.
FOUND, ENDS, WIDTH, WAY = 4.0, 6.0, 3.0, 6.0


class Target(NamedTuple):
    """For every cell: `fixture` 1 or 0, `counts` 0 where no answer is wrong, `told` (5, …) as the
    network's channels 1 to 5, `is_up` 1 where the platform is the upper end, and the `height` in
    pixels of the fixture that the cell lies in."""

    fixture: Array
    counts: Array
    told: Array
    is_up: Array
    height: Array


def target(scene: Scene) -> Target:
    """The target for a film, one value for each STRIDE × STRIDE pixels."""
    rows, columns = scene.grey.shape
    shape = (rows // STRIDE, columns // STRIDE)
    answer = Target(
        np.zeros(shape, np.float32),
        np.ones(shape, np.float32),
        np.zeros((5, *shape), np.float32),
        np.zeros(shape, np.float32),
        np.ones(shape, np.float32),
    )
    y, x = (np.indices(shape) * STRIDE + (STRIDE - 1) / 2).astype(np.float32)
    nearest = np.full(shape, np.inf, np.float32)
    for box in (*scene.unsure, *scene.boxes):
        _enter(answer, box, x, y, nearest)
        if box in scene.unsure:
            answer.fixture[nearest < np.inf] = answer.counts[nearest < np.inf] = 0
    return answer


def _enter(answer: Target, box: Box, x: Array, y: Array, nearest: Array) -> None:
    """Where no other box's middle is nearer, the cells in `box` stand for it."""
    platform, apex = ends(box)
    down = (np.array(apex) - platform) / box.height
    along = np.abs((x - box.x) * down[0] + (y - box.y) * down[1]) / (box.height / 2)
    across = np.abs((x - box.x) * down[1] - (y - box.y) * down[0]) / (box.width / 2)
    # A core narrower than a cell would have no cell at all.
    least = STRIDE / box.width
    away = np.maximum(along, across)
    here = (along <= 1.05) & (across <= max(1.05, least)) & (away < nearest)
    nearest[here] = away[here]
    core = (along <= CORE_ALONG) & (across <= max(CORE_ACROSS, least))
    answer.fixture[here] = answer.counts[here] = core[here]
    answer.height[here], answer.is_up[here] = box.height, platform[1] < apex[1]
    upper, lower = sorted((platform, apex), key=lambda end: end[1])
    told = (upper[0] - x, upper[1] - y, lower[0] - x, lower[1] - y)
    for channel, values in enumerate(told):
        answer.told[channel][here] = values[here] / UNIT
    answer.told[4][here] = np.log(box.width / UNIT)


def loss(answer: Tensor, wanted: list[Tensor]) -> Tensor:
    """The mean loss of answers (n, 7, …); `wanted` are the parts of Target, stacked."""
    fixture, counts, told, is_up, height = wanted
    sure = functional.binary_cross_entropy_with_logits(answer[:, 0], fixture, reduction="none")
    right = torch.exp(-sure)
    balance = BALANCE * fixture + (1 - BALANCE) * (1 - fixture)
    positives = (fixture * counts).sum().clamp(min=1.0)
    found = (balance * (1 - right) ** FOCUS * sure * counts).sum() / positives
    off = functional.smooth_l1_loss(answer[:, 1:6], told, reduction="none", beta=0.03)
    # In parts of the fixture's own height: a small one must be met as well as a large one.
    far = off[:, :4].sum(1) * UNIT / height
    way = functional.binary_cross_entropy_with_logits(answer[:, 6], is_up, reduction="none")
    each = ENDS * far + WIDTH * off[:, 4] + WAY * way
    return FOUND * found + (each * fixture * counts).sum() / positives
