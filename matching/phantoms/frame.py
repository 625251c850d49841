"""From millimetres along a jaw to pixels of the film, and back."""

import math
from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np

from matching.phantoms.profile import Array


class Window(NamedTuple):
    """A rectangle of the film, and where in the jaw its pixels lie (mm, one common shape)."""

    rows: slice
    columns: slice
    u: Array
    d: Array


@dataclass(frozen=True)
class Frame:
    """`u` runs along the jaw, `d` from the crest into the bone, both mm.

    (x, y) is the pixel of u = d = 0, `angle` by how many degrees d is turned clockwise from
    pointing straight down the film: about 0 in the lower jaw, about 180 in the upper one.
    `bend` is the curve of the jaw: the crest lies at d = bend * u².
    """

    scale: float
    x: float
    y: float
    angle: float
    width: int
    height: int
    bend: float = 0.0

    def point(self, u: float, d: float) -> tuple[float, float]:
        """The pixel of a place in the jaw (0, 0 is the film's corner, not a pixel's middle)."""
        sine, cosine = self._turn
        return (
            self.x + self.scale * (u * cosine - d * sine),
            self.y + self.scale * (u * sine + d * cosine),
        )

    def crest(self, u: float) -> tuple[float, float]:
        """Depth of the crest at `u` (mm), and how it slopes there (degrees clockwise)."""
        return self.bend * u * u, math.degrees(math.atan(2 * self.bend * u))

    def window(self, u: float, d: float, across: float, along: float, turn: float) -> Window:
        """The pixels around a place in the jaw, as far as something reaches that is turned by
        `turn` degrees against the jaw: `across` and `along` it, mm either way."""
        x, y = self.point(u, d)
        angle = math.radians(self.angle + turn)
        sine, cosine = abs(math.sin(angle)), abs(math.cos(angle))
        wide = (across * cosine + along * sine) * self.scale
        tall = (across * sine + along * cosine) * self.scale
        rows = slice(*_held(y - tall, y + tall, self.height))
        columns = slice(*_held(x - wide, x + wide, self.width))
        return self._mapped(rows, columns)

    def whole(self) -> Window:
        return self._mapped(slice(0, self.height), slice(0, self.width))

    def resized(self, width: int, height: int) -> "Frame":
        """The same view on a film of another number of pixels."""
        across, down = width / self.width, height / self.height
        return replace(
            self,
            scale=self.scale * down,
            x=self.x * across,
            y=self.y * down,
            width=width,
            height=height,
        )

    @property
    def _turn(self) -> tuple[float, float]:
        return math.sin(math.radians(self.angle)), math.cos(math.radians(self.angle))

    def _mapped(self, rows: slice, columns: slice) -> Window:
        sine, cosine = self._turn
        right = (np.arange(columns.start, columns.stop, dtype=np.float32) + 0.5 - self.x)[None, :]
        down = (np.arange(rows.start, rows.stop, dtype=np.float32) + 0.5 - self.y)[:, None]
        right, down = right / self.scale, down / self.scale
        u, d = right * cosine + down * sine, down * cosine - right * sine
        return Window(rows, columns, u.astype(np.float32), d.astype(np.float32))


def _held(low: float, high: float, size: int) -> tuple[int, int]:
    first = min(max(math.floor(low), 0), size)
    return first, max(min(math.ceil(high) + 1, size), first)
