"""What stands on a phantom film, told with it: a box for each fixture that can be seen."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from matching.boxes import Box
from matching.phantoms.facts import FixtureFacts
from matching.phantoms.layout import box_of
from matching.phantoms.scene import Scene

Covered = NDArray[np.bool_]
# A fixture of which the film shows less than this share is not told.
LEAST_VISIBLE = 0.15


@dataclass(frozen=True)
class PhantomFixture:
    """A fixture of a film: `box` (film pixels) is where its own metal begins and ends, platform
    to apex, without what is screwed into it. `visible` is the share of the box on the film."""

    box: Box
    facts: FixtureFacts
    jaw: str
    restoration: str
    visible: float


def truths_of(scene: Scene, covered: Covered) -> tuple[PhantomFixture, ...]:
    """The subject first. `covered` (rows, columns) is where the film shows nothing."""
    found = []
    for jaw in scene.jaws:
        for placed in jaw.fixtures:
            box = box_of(placed, jaw.frame)
            visible = _visible(box, covered)
            word = "upper" if jaw.is_upper else "lower"
            if visible >= LEAST_VISIBLE:
                found.append(PhantomFixture(box, placed.facts, word, placed.restoration, visible))
    return tuple(found)


def _visible(box: Box, covered: Covered) -> float:
    """The share of the box that the film shows, by the points of a grid."""
    corner = np.array(box.corners())
    across, down = corner[1] - corner[0], corner[3] - corner[0]
    steps = (np.arange(12) + 0.5) / 12
    points = corner[0] + steps[:, None, None] * down + steps[None, :, None] * across
    rows, columns = covered.shape
    inside = ((points >= 0) & (points < (columns, rows))).all(axis=-1)
    x, y = points[inside].astype(int).T
    return float((~covered[y, x]).sum() / inside.size)
