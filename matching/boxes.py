"""Rotated boxes around one fixture, platform to apex, and the upright picture they cut out."""

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Self

import numpy as np
from django.utils.translation import gettext as _
from PIL import Image

# What stands around the fixture on the cut picture, as a share of the box's own size.
MARGIN = 0.08
MIN_SIDE = 16.0
MAX_ASPECT = 12.0


class BoxError(ValueError):
    """The box cannot be used. `str()` is a sentence for people."""


@dataclass(frozen=True)
class Box:
    """A fixture on a film, in film pixels: centre (x right, y down), `width` across the
    fixture, `height` from platform to apex.

    `angle` is in degrees, −180 < angle ≤ 180: by how much the way from the platform to the
    apex is turned clockwise (as seen on the screen) from pointing straight down. 0 is a
    fixture of the lower jaw, 180 one of the upper jaw.
    """

    x: float
    y: float
    width: float
    height: float
    angle: float = 0.0

    @classmethod
    def of(cls, data: Mapping[str, Any]) -> Self:
        """Raises BoxError for what is no five numbers."""
        try:
            x, y, width, height, angle = (
                float(data[name]) for name in ("x", "y", "width", "height", "angle")
            )
        except (KeyError, TypeError, ValueError) as error:
            raise BoxError(_("The box could not be read. Please draw it again.")) from error
        if not all(math.isfinite(value) for value in (x, y, width, height, angle)):
            raise BoxError(_("The box could not be read. Please draw it again."))
        return cls(x, y, width, height, _normal(angle))

    def as_json(self) -> dict[str, float]:
        return {name: round(value, 2) for name, value in asdict(self).items()}

    def check(self, film_width: int, film_height: int) -> None:
        """Raise BoxError unless the box shows a fixture on a film of this size."""
        if min(self.width, self.height) < MIN_SIDE:
            raise BoxError(_("The box is too small to show a fixture."))
        if max(self.width, self.height) > MAX_ASPECT * min(self.width, self.height):
            raise BoxError(_("The box is too elongated to show a fixture."))
        is_inside = 0 <= self.x <= film_width and 0 <= self.y <= film_height
        if not is_inside or max(self.width, self.height) > math.hypot(film_width, film_height):
            raise BoxError(_("The box does not lie on the film."))

    def corners(self) -> list[tuple[float, float]]:
        """Platform left and right (as seen with the platform up), then apex right and left."""
        turn = math.radians(self.angle)
        across = (math.cos(turn), math.sin(turn))
        down = (-math.sin(turn), math.cos(turn))
        half_width, half_height = self.width / 2, self.height / 2
        return [
            (
                self.x + side * half_width * across[0] + end * half_height * down[0],
                self.y + side * half_width * across[1] + end * half_height * down[1],
            )
            for side, end in ((-1, -1), (1, -1), (1, 1), (-1, 1))
        ]

    def cut(
        self, image: Image.Image, *, margin: float = MARGIN, most: int | None = None
    ) -> Image.Image:
        """The fixture upright, platform up, with the margin around it; mode L.

        What lies outside the film takes the film's mean grey: no edge is invented. With `most`
        the longer side has no more pixels than that, picked and not averaged: their greys are
        spread as those of all of them.
        """
        width = max(round(self.width * (1 + 2 * margin)), 1)
        height = max(round(self.height * (1 + 2 * margin)), 1)
        turn = math.radians(self.angle)
        cosine, sine = math.cos(turn), math.sin(turn)
        left = self.x - cosine * width / 2 + sine * height / 2
        top = self.y - sine * width / 2 - cosine * height / 2
        is_inside = all(
            0 <= left + cosine * right - sine * down <= image.width
            and 0 <= top + sine * right + cosine * down <= image.height
            for right in (0, width)
            for down in (0, height)
        )
        apart = max(width, height) / most if most and most < max(width, height) else 1.0
        cosine, sine = cosine * apart, sine * apart
        return image.transform(
            (max(round(width / apart), 1), max(round(height / apart), 1)),
            Image.Transform.AFFINE,
            (cosine, -sine, left, sine, cosine, top),
            resample=Image.Resampling.BICUBIC,
            fillcolor=0 if is_inside else mean_grey(image),
        )


def mean_grey(image: Image.Image) -> int:
    """Of an image of mode L, rounded."""
    import cv2

    return round(cv2.mean(np.asarray(image))[0])


def _normal(angle: float) -> float:
    turned = angle % 360.0
    return turned - 360.0 if turned > 180.0 else turned
