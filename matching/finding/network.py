"""The network: for every fourth pixel, whether a fixture is there and where it begins and ends.

A small encoder and decoder in the manner of a U-Net (Ronneberger 2015, arXiv 1505.04597) whose
cells each vote for a whole box, as in FCOS (Tian 2019, arXiv 1904.01355). This module imports
torch: import it inside functions only.
"""

from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn import functional

# The film is given twice, compared with its wide and its near surroundings (see `picture`).
CHANNELS_IN = 2
# Logit of being a fixture; x, y of its upper and of its lower end as seen from the cell; log of
# its width; logit of its platform being the upper end.
CHANNELS_OUT = 7
WIDTHS = (16, 32, 64, 96, 96, 64)
DECODED = 48


class Convolution(nn.Sequential):
    """3 × 3 without bias, batch norm, ReLU."""

    def __init__(self, inputs: int, outputs: int, *, stride: int = 1, size: int = 3) -> None:
        super().__init__(
            nn.Conv2d(inputs, outputs, size, stride, size // 2, bias=False),
            nn.BatchNorm2d(outputs),
            nn.ReLU(inplace=True),
        )


class Stage(nn.Module):
    """Half the resolution, then two convolutions beside a short cut."""

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        self.down = Convolution(inputs, outputs, stride=2)
        self.body = nn.Sequential(Convolution(outputs, outputs), Convolution(outputs, outputs))

    def forward(self, picture: Tensor) -> Tensor:
        small = self.down(picture)
        answer: Tensor = small + self.body(small)
        return answer


class FinderNetwork(nn.Module):
    """(n, 2, height, width) to (n, 7, height / 4, width / 4), both sides multiples of 64."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = Convolution(CHANNELS_IN, WIDTHS[0], stride=2)
        self.stages = nn.ModuleList(Stage(inputs, outputs) for inputs, outputs in pairwise(WIDTHS))
        self.sideways = nn.ModuleList(nn.Conv2d(width, DECODED, 1) for width in WIDTHS[1:])
        self.merged = nn.ModuleList(Convolution(DECODED, DECODED) for _ in WIDTHS[1:])
        self.answer = nn.Conv2d(DECODED, CHANNELS_OUT, 1)
        # Most of a film is no fixture: begin there.
        self.answer.get_parameter("bias").data[0] = -3.0

    def forward(self, picture: Tensor) -> Tensor:
        seen = []
        picture = self.stem(picture)
        for stage in self.stages:
            picture = stage(picture)
            seen.append(picture)
        decoded: Tensor | None = None
        levels = zip(reversed(seen), reversed(self.sideways), reversed(self.merged), strict=True)
        for features, sideways, merged in levels:
            side = sideways(features)
            if decoded is not None:
                side = side + functional.interpolate(decoded, scale_factor=2.0, mode="nearest")
            decoded = merged(side)
        answer: Tensor = self.answer(decoded)
        return answer


def laid_out(network: FinderNetwork) -> FinderNetwork:
    """The same network with its weights in the order in which a CPU convolves fastest."""
    for weight in network.parameters():
        if weight.dim() == 4:
            weight.data = weight.data.contiguous(memory_format=torch.channels_last)
    return network
