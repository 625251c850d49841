"""A second, closer look at a box: where exactly the fixture begins and ends.

The finder sees the whole film small. Here the surroundings of one box are cut out along its
axis, and a small network says where platform and apex lie in them: a crop that is too long or
too short costs more than any encoder gains.
"""

import math
import threading
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from django.conf import settings
from PIL import Image

from matching.boxes import Box

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


def refined(image: Image.Image, box: Box) -> Box:
    """The box around the same fixture, closer to it; `image` is the film (mode L)."""
    for _look in range(LOOKS):
        box = moved(box, _answer(seen(image, box)))
    return box


def window_of(box: Box) -> Box:
    """What is looked at around a box."""
    wide = WIDE_BY_HEIGHT * box.height + WIDE_BY_WIDTH * box.width
    return Box(box.x, box.y, wide, TALL * box.height, box.angle)


def seen(image: Image.Image, box: Box) -> Array:
    """The window around a box as the network takes it, float32 of shape (HEIGHT, WIDTH)."""
    return standardised(window_of(box).cut(image, margin=0.0))


def standardised(part: Image.Image) -> Array:
    """A part of a film, mode L, at the network's size and with mean 0 and spread 1."""
    small = part.resize((WIDTH, HEIGHT), Image.Resampling.BILINEAR, reducing_gap=2.0)
    grey = np.asarray(small, dtype=np.float32)
    return (grey - grey.mean()) / (grey.std() + 4.0)  # type: ignore[no-any-return]


def moved(box: Box, answer: Array) -> Box:
    """The box that an answer means.

    The five numbers are platform x and y and apex x and y, from the middle of `box` along its
    own axes in units of its height, and the natural logarithm of the width in units of its own.
    """
    platform_x, platform_y, apex_x, apex_y, width = (float(one) for one in answer)
    turn = math.radians(box.angle)
    right, down = (platform_x + apex_x) / 2, (platform_y + apex_y) / 2
    along, across = max(apex_y - platform_y, 0.05), apex_x - platform_x
    lean = math.degrees(math.atan2(-across, along))
    angle = (box.angle + lean + 180.0) % 360.0 - 180.0
    return Box(
        box.x + box.height * (right * math.cos(turn) - down * math.sin(turn)),
        box.y + box.height * (right * math.sin(turn) + down * math.cos(turn)),
        box.width * math.exp(max(min(width, 1.0), -1.0)),
        box.height * math.hypot(along, across),
        angle if angle > -180.0 else 180.0,
    )


def new_network() -> "nn.Module":
    """(n, 1, HEIGHT, WIDTH) to (n, 5); see `moved`."""
    from torch import nn

    sides = (1, 24, 48, 72, 96, 128)
    layers: list[nn.Module] = []
    for inputs, outputs in pairwise(sides):
        for stride, first in ((2, inputs), (1, outputs)):
            layers += [nn.Conv2d(first, outputs, 3, stride, 1, bias=False)]
            layers += [nn.BatchNorm2d(outputs), nn.ReLU(inplace=True)]
    flat = sides[-1] * (HEIGHT // 32) * (WIDTH // 32)
    layers += [nn.Flatten(), nn.Linear(flat, 128), nn.ReLU(inplace=True), nn.Linear(128, 5)]
    return nn.Sequential(*layers)


def _answer(picture: Array) -> Array:
    import torch

    with torch.inference_mode():
        answer: Array = _loaded()(torch.from_numpy(picture)[None, None])[0].numpy()
    return answer


_network: Any = None
_lock = threading.Lock()


def _loaded() -> Any:
    global _network
    if _network is None:
        with _lock:
            if _network is None:
                _network = load(WEIGHTS)
    return _network


def load(weights: Path) -> "nn.Module":
    """The network with the weights of a file. OSError or RuntimeError where they are not."""
    import torch
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    torch.set_num_threads(settings.RAIOX_TORCH_THREADS)
    network = new_network()
    try:
        network.load_state_dict(load_file(weights))
    except SafetensorError as error:
        raise RuntimeError(f"{weights.name} holds no weights") from error
    return network.eval().requires_grad_(False)
