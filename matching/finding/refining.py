"""A second, closer look at a box: whether a fixture is in it, and where it begins and ends.

The finder sees the whole film small. Here the surroundings of one box are cut out along its
axis, and a small network says where platform and apex lie in them: a crop that is too long or
too short costs more than any encoder gains. It also tells roots of teeth from fixtures, for
which the finder has few pixels.
"""

import math
from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from PIL import Image

from matching.boxes import Box
from matching.finding.geometry import ends, scaled
from matching.finding.votes import share
from matching.runtime import networks

if TYPE_CHECKING:
    from torch import nn

Array = np.ndarray[Any, Any]

WEIGHTS = Path(__file__).parent.parent / "weights" / "refiner.safetensors"
# Of the picture that is looked at, in pixels.
WIDTH, HEIGHT = 96, 128
# The window around a box, as shares of the box's own height and width.
TALL = 1.9
WIDE_BY_HEIGHT, WIDE_BY_WIDTH = 0.6, 1.2
LOOKS = 2
# Pixels from platform to apex that are worth looking at.
ENOUGH = 160.0


def refined(image: Image.Image, boxes: Sequence[Box]) -> list[tuple[Box, float]]:
    """For each box the one around the same fixture, closer to it, and how sure it is that there
    is one, 0…1; `image` is the film (mode L)."""
    if not boxes:
        return []
    small, factor = _reduced(image, min(box.height for box in boxes))
    near, film = [scaled(box, factor) for box in boxes], np.asarray(small)
    for _look in range(LOOKS):
        answers = _answers(np.stack([seen(film, box) for box in near]))
        moves = zip(near, answers, strict=True)
        near = [_bounded(moved(box, answer), max(small.size)) for box, answer in moves]
    sure = share(answers[:, 5])
    return [(scaled(box, 1 / factor), told) for box, told in zip(near, sure.tolist(), strict=True)]


def _reduced(image: Image.Image, height: float) -> tuple[Image.Image, float]:
    """The film so small that a fixture of this height still has ENOUGH pixels, and the factor:
    what is looked at takes as long on a large film as on a small one."""
    factor = min(ENOUGH / height, 1.0)
    if factor > 0.8:
        return image, 1.0
    size = (max(round(image.width * factor), 1), max(round(image.height * factor), 1))
    return image.resize(size, Image.Resampling.BILINEAR, reducing_gap=2.0), factor


def _bounded(box: Box, most: float) -> Box:
    """No larger than the film, whatever the network said."""
    if max(box.width, box.height) <= most:
        return box
    return replace(box, width=min(box.width, most), height=min(box.height, most))


def window_of(box: Box) -> Box:
    """What is looked at around a box."""
    wide = WIDE_BY_HEIGHT * box.height + WIDE_BY_WIDTH * box.width
    return Box(box.x, box.y, wide, TALL * box.height, box.angle)


def seen(film: Array, box: Box) -> Array:
    """The window around a box of a film, greys (rows, columns), as the network takes it: float32
    of shape (HEIGHT, WIDTH). Outside of the film is its mean grey."""
    import cv2

    window, turn = window_of(box), math.radians(box.angle)
    # Twice the size, then the mean of four: grain would else be picked out, not averaged.
    right, down = window.width / (2 * WIDTH), window.height / (2 * HEIGHT)
    cosine, sine = math.cos(turn), math.sin(turn)
    across, along = (1 - 2 * WIDTH) / 2, (1 - 2 * HEIGHT) / 2
    way = np.array(
        [
            [right * cosine, -down * sine, window.x - 0.5],
            [right * sine, down * cosine, window.y - 0.5],
        ]
    )
    way[:, 2] += way[:, 0] * across + way[:, 1] * along
    part = cv2.warpAffine(
        film,
        way,
        (2 * WIDTH, 2 * HEIGHT),
        flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP,
        borderMode=cv2.BORDER_CONSTANT,
        borderValue=cv2.mean(film)[:1],
    )
    return _standardised(cv2.resize(part, (WIDTH, HEIGHT), interpolation=cv2.INTER_AREA))


def standardised(part: Image.Image) -> Array:
    """A part of a film, mode L, at the network's size and with mean 0 and spread 1."""
    small = part.resize((WIDTH, HEIGHT), Image.Resampling.BILINEAR, reducing_gap=2.0)
    return _standardised(np.asarray(small))


def _standardised(small: Array) -> Array:
    grey = small.astype(np.float32)
    return (grey - grey.mean()) / (grey.std() + 4.0)  # type: ignore[no-any-return]


def moved(box: Box, answer: Array) -> Box:
    """The box that an answer means.

    Its first five numbers are platform x and y and apex x and y, from the middle of the window
    around `box`, x in units of its width and y in units of its height, and the natural
    logarithm of the fixture's width in units of the window's: all of it can be seen in the
    window alone, which is squeezed to one size whatever its shape was.
    """
    window = window_of(box)
    platform_x, apex_x = (float(one) * window.width for one in answer[0:4:2])
    platform_y, apex_y = (float(one) * window.height for one in answer[1:4:2])
    turn = math.radians(box.angle)
    right, down = (platform_x + apex_x) / 2, (platform_y + apex_y) / 2
    along, across = max(apex_y - platform_y, 0.05 * box.height), apex_x - platform_x
    angle = (box.angle - math.degrees(math.atan2(across, along)) + 180.0) % 360.0 - 180.0
    return Box(
        box.x + right * math.cos(turn) - down * math.sin(turn),
        box.y + right * math.sin(turn) + down * math.cos(turn),
        window.width * math.exp(min(float(answer[4]), 0.0)),
        math.hypot(along, across),
        angle if angle > -180.0 else 180.0,
    )


def mend(box: Box, true: Box) -> Array:
    """The five numbers that make `true` of `box`, float32 of shape (5,); see `moved`."""
    window, turn = window_of(box), math.radians(box.angle)
    shares = []
    for x, y in ends(true):
        right, down = x - box.x, y - box.y
        shares.append((right * math.cos(turn) + down * math.sin(turn)) / window.width)
        shares.append((down * math.cos(turn) - right * math.sin(turn)) / window.height)
    return np.array([*shares, math.log(true.width / window.width)], np.float32)


def new_network() -> "nn.Module":
    """(n, 1, HEIGHT, WIDTH) to (n, 6): the numbers of `moved`, and the logit of there being a
    fixture at all."""
    from torch import nn

    sides = (1, 24, 48, 72, 96, 128)
    layers: list[nn.Module] = []
    for inputs, outputs in pairwise(sides):
        for stride, first in ((2, inputs), (1, outputs)):
            layers += [nn.Conv2d(first, outputs, 3, stride, 1, bias=False)]
            layers += [nn.BatchNorm2d(outputs), nn.ReLU(inplace=True)]
    flat = sides[-1] * (HEIGHT // 32) * (WIDTH // 32)
    layers += [nn.Flatten(), nn.Linear(flat, 128), nn.ReLU(inplace=True), nn.Linear(128, 6)]
    return nn.Sequential(*layers)


def _answers(pictures: Array) -> Array:
    """(n, HEIGHT, WIDTH) to (n, 6)."""
    return NETWORK(pictures[:, None])


def load(weights: Path) -> "nn.Module":
    """The network with the weights of a file. OSError or RuntimeError where they are not."""
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    network = new_network()
    try:
        network.load_state_dict(load_file(weights))
    except SafetensorError as error:
        raise RuntimeError(f"{weights.name} holds no weights") from error
    return network.eval().requires_grad_(False)


NETWORK = networks.Own("refiner", weights=WEIGHTS, in_torch=load)
