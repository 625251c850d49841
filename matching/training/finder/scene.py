"""A film with the boxes of its fixtures: what the finder is trained on."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from matching.boxes import Box
from matching.finding.geometry import on_film

Array = np.ndarray[Any, Any]


@dataclass(frozen=True)
class Scene:
    """`grey` (rows, columns) of uint8 and the fixtures' boxes in its pixels; of the `unsure`
    ones too little lies on the film to ask for them."""

    grey: Array
    boxes: tuple[Box, ...]
    unsure: tuple[Box, ...] = ()


# Of a fixture cut off by the film's edge this share must be left to ask for it.
LEAST_LEFT = 0.55


def sorted_out(scene: Scene) -> Scene:
    """The scene with its boxes put where they belong: those cut off are unsure."""
    rows, columns = scene.grey.shape
    left = {box: on_film(box, width=columns, height=rows) for box in scene.boxes}
    whole = tuple(box for box, share in left.items() if share >= LEAST_LEFT)
    cut = tuple(box for box, share in left.items() if 0 < share < LEAST_LEFT)
    return Scene(scene.grey, whole, (*scene.unsure, *cut))
