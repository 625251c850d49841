"""The one way from a film to what an encoder sees: for references and queries alike.

A mismatch between the two costs more than any encoder gains (`PREPROCESSING` is therefore part
of the encoder's id): a fixture is cut out upright, platform up, with a constant margin, its
contrast is equalised in tiles (CLAHE, clip 2.0 on 8 × 8 tiles), and it is padded to a square.
"""

from dataclasses import dataclass, replace

import numpy as np
from PIL import Image

from matching.boxes import Box

# Version of everything between a decoded film and the encoder's own size and mean.
PREPROCESSING = "fixture-v1"
# Around the fixture on all four sides, as a share of its height.
MARGIN = 0.08
# Height of the cut fixture before the encoder's own size: tiles then cover the same anatomy
# on every film, however many pixels it has.
LONG_SIDE = 320
CLIP_LIMIT = 2.0
TILES = (8, 8)
VIEW_DEGREES = 5.0
# As many as `views` knows.
VIEWS = 4


@dataclass(frozen=True)
class Steps:
    """Which steps are taken; all of them but in an ablation."""

    crop: bool = True
    upright: bool = True
    contrast: bool = True


ALL = Steps()


def normalise(film: Image.Image, box: Box | None, *, steps: Steps = ALL) -> Image.Image:
    """The square picture, mode L, that stands for the fixture in `box` of a film (mode L);
    of the whole film where there is no box."""
    picture = film if box is None or not steps.crop else _cut(film, box, steps)
    picture = _sized(picture)
    if steps.contrast:
        picture = _equalised(picture)
    return square(picture)


def views(picture: Image.Image, count: int = VIEWS) -> list[Image.Image]:
    """The first `count` of: a normalised picture as it is, mirrored (left and right mean nothing
    to a fixture), turned by −5° and by 5°. Never upside down: that is another picture."""
    from PIL import ImageOps

    seen = [picture, ImageOps.mirror(picture)] if count > 1 else [picture]
    angles = (-VIEW_DEGREES, VIEW_DEGREES)[: max(count - 2, 0)]
    return seen + [picture.rotate(angle, Image.Resampling.BILINEAR) for angle in angles]


def square(image: Image.Image) -> Image.Image:
    """Pad with black to a square, the picture centred. Shape is the main cue: never stretch."""
    side = max(image.size)
    if image.size == (side, side):
        return image
    canvas = Image.new("L", (side, side), 0)
    canvas.paste(image, ((side - image.width) // 2, (side - image.height) // 2))
    return canvas


def _cut(film: Image.Image, box: Box, steps: Steps) -> Image.Image:
    margin = 2 * MARGIN * box.height
    wide = replace(box, width=box.width + margin, height=box.height + margin)
    if not steps.upright:
        points = np.array(wide.corners())
        (left, top), (right, bottom) = points.min(axis=0), points.max(axis=0)
        wide = Box((left + right) / 2, (top + bottom) / 2, right - left, bottom - top)
    return wide.cut(film, margin=0.0)


def _sized(picture: Image.Image) -> Image.Image:
    scale = LONG_SIDE / max(picture.size)
    size = (max(round(picture.width * scale), 1), max(round(picture.height * scale), 1))
    if size == picture.size:
        return picture
    # Reducing averages, enlarging does not invent edges.
    return picture.resize(size, Image.Resampling.BICUBIC, reducing_gap=2.0)


def _equalised(picture: Image.Image) -> Image.Image:
    import cv2

    clahe = cv2.createCLAHE(clipLimit=CLIP_LIMIT, tileGridSize=TILES)
    return Image.fromarray(clahe.apply(np.asarray(picture)))
