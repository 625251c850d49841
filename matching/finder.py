"""A first box around each fixture of a film, by classical image processing.

A fixture is the bright thing on a film that is long, straight, symmetric and compact. So the
film is cut at several grey levels; each connected region is laid along its axis, what is
screwed into the fixture (a cap, a crown) is cut off where the width steps, and the rest is
rated. The apex is told from the platform by the taper and by the side on which bone lies.

What it reaches on phantoms of all 32 lines of the demonstration catalogue (measured over 448
films; `matching/tests/test_finder.py` asks for nearly as much of others): the first box shares
more than half of its area with the fixture (intersection over union) on every well taken film
(median 0.87) and on 97 % of the badly taken ones (median 0.81), its axis within 1° and, but for
one film, the apex at the right end, whichever way the film is turned. On 48 films of two or
three fixtures 119 of 120 were found, with 13 boxes where there is none. It takes about 35 ms of
one core, 70 ms for a film of 2000 × 1500 pixels. Phantoms are no patients: nothing is known
about clinical films, a negative (metal dark) is not understood, and a person confirms or moves
every box.
"""

import logging
import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from PIL import Image

from matching.boxes import Box, BoxError

log = logging.getLogger(__name__)

Array = np.ndarray[Any, Any]

PROPOSALS = 6
# Long side, in pixels, of the copy that is searched: the time taken does not grow with the film.
SIDE = 288
LEVELS = 10
# As shares of the film's area: smaller is writing or noise, larger is no single fixture.
SMALLEST, LARGEST = 0.004, 0.4
ASPECTS = (1.15, 7.0)
LEAST_SCORE = 0.02
# Two boxes that share more than this part of the smaller one stand for the same fixture.
OVERLAP = 0.3
# A step of the width by this factor is where something is screwed in; what is left must be
# this share of the region.
STEP = 1.3
LEAST_BODY = 0.4
# Seats narrower than this share of the body belong to what is screwed in.
SEAT = 0.85


@dataclass(frozen=True)
class Region:
    """A bright region laid along its axis.

    `points` (m, 2) are its pixels as x, y; `down` is the unit vector of the axis and points
    down the film. Row 0 lies `first` pixels along it from `centre`; `left`, `right` and
    `count` (n,) say for each row how far the region reaches across, and its pixels.
    """

    points: Array
    centre: Array
    down: Array
    first: float
    left: Array
    right: Array
    count: Array

    @property
    def across(self) -> Array:
        return _across(self.down)

    @property
    def widths(self) -> Array:
        return np.maximum(self.right - self.left, 1)

    def rows(self, start: int, end: int) -> Array:
        """The points of the rows from `start` up to `end`."""
        along = (self.points - self.centre) @ self.down - self.first
        return self.points[(along >= start) & (along < end)]


def propose(image: Image.Image) -> list[Box]:
    """At most PROPOSALS boxes, in pixels of the film `image` (mode L), best first; none where
    nothing looks like a fixture. A film that it stumbles over is logged and gets none."""
    import cv2

    try:
        return _propose(image)
    except (cv2.error, ArithmeticError, LookupError, ValueError):
        log.exception("no box could be proposed for a film of %d × %d pixels", *image.size)
        return []


def _propose(image: Image.Image) -> list[Box]:
    grey, scale = _searched(image)
    kept: list[Box] = []
    for _score, box in sorted(_rated(grey), key=lambda rated: -rated[0]):
        if len(kept) < PROPOSALS and not any(_overlap(box, other) for other in kept):
            kept.append(box)
    return [box for box in (_enlarged(box, 1 / scale) for box in kept) if _fits(box, image)]


def _searched(image: Image.Image) -> tuple[Array, float]:
    import cv2

    scale = min(SIDE / max(image.size), 1.0)
    size = (max(round(image.width * scale), 1), max(round(image.height * scale), 1))
    small = cv2.resize(np.asarray(image), size, interpolation=cv2.INTER_AREA)
    return cv2.GaussianBlur(small, (0, 0), 1.0), scale


def _rated(grey: Array) -> Iterator[tuple[float, Box]]:
    low, high = (float(value) for value in np.percentile(grey, (35, 99.5)))
    for level in np.linspace(low, high, LEVELS + 2)[1:-1]:
        for points in _bright(grey >= level):
            fixture = _fixture(points)
            if fixture is None or (box := _box(fixture)) is None:
                continue
            score, is_upside_down = _rate(grey, fixture, box)
            if score >= LEAST_SCORE:
                yield score, _turned_over(box) if is_upside_down else box


def _bright(mask: Array) -> Iterator[Array]:
    """The points (m, 2) of each connected region of a likely size."""
    import cv2

    opened = cv2.morphologyEx(mask.astype(np.uint8), cv2.MORPH_OPEN, np.ones((3, 3), np.uint8))
    _count, labels, stats, _centres = cv2.connectedComponentsWithStats(opened, connectivity=4)
    for label, (left, top, width, height, area) in enumerate(stats):
        if label and SMALLEST <= area / mask.size <= LARGEST:
            window = labels[top : top + height, left : left + width] == label
            rows, columns = np.nonzero(window)
            yield np.stack([columns + left, rows + top], axis=1).astype(np.float32)


def _fixture(points: Array) -> Region | None:
    """The region without what is attached to it, its axis found anew after each cut."""
    region = _laid_out(points)
    for _again in range(3):
        start, end = _body(region.widths)
        kept = region.rows(start, end)
        if end - start < 12 or len(kept) < 60:
            return None
        if len(kept) > 0.99 * len(region.points):
            break
        region = _laid_out(kept)
    return region


def _laid_out(points: Array) -> Region:
    centre = points.mean(axis=0)
    _values, vectors = np.linalg.eigh(np.cov((points - centre).T))
    down = vectors[:, 1].astype(np.float32)
    down = down if down[1] >= 0 else -down
    along, across = (points - centre) @ down, (points - centre) @ _across(down)
    first = float(np.floor(along.min()))
    rows = (along - first).astype(int)
    count = np.bincount(rows)
    left, right = np.full(len(count), np.inf), np.full(len(count), -np.inf)
    np.minimum.at(left, rows, across)
    np.maximum.at(right, rows, across)
    left[count == 0] = right[count == 0] = 0
    return Region(points, centre, down, first, left, right + 1, count)


def _across(down: Array) -> Array:
    return np.array([down[1], -down[0]], dtype=np.float32)


def _body(widths: Array) -> tuple[int, int]:
    """The rows, from and up to, of the fixture alone.

    A step of the width counts only if its narrower side is long enough to be the fixture: so
    the taper of an apex is none. Between the step and the body may lie a seat.
    """
    reach = max(len(widths) // 14, 2)
    even = _smooth(widths, max(len(widths) // 14, 3))
    margin = max(len(widths) // 10, reach)
    places = np.arange(margin, len(widths) - margin)
    if not len(places):
        return 0, len(widths)
    falls = even[places - reach] / even[places + reach]
    after = np.where(len(widths) - places >= LEAST_BODY * len(widths), falls, 0)
    before = np.where(places >= LEAST_BODY * len(widths), 1 / falls, 0)
    if max(after.max(), before.max()) < STEP:
        return 0, len(widths)
    if after.max() >= before.max():
        place = int(places[after.argmax()])
        return place + _seat(even[place:]), len(widths)
    place = int(places[before.argmax()])
    return 0, place - _seat(even[:place][::-1])


def _smooth(values: Array, size: int) -> Array:
    padded = np.pad(values, size // 2, mode="edge")
    return np.convolve(padded, np.ones(size) / size, "valid")[: len(values)]


def _seat(widths: Array) -> int:
    """How many rows at the beginning belong to the narrow seat of what was cut off."""
    core = float(np.median(widths))
    low = int(widths[: max(len(widths) // 3, 1)].argmin())
    if widths[low] >= SEAT * core:
        return low
    return int(np.argmax(widths[low:] > (widths[low] + core) / 2)) + low


def _box(region: Region) -> Box | None:
    used = region.count > 0
    left = float(np.percentile(region.left[used], 2))
    right = float(np.percentile(region.right[used], 98))
    width, height = right - left, float(len(used))
    if width < 6 or not ASPECTS[0] <= height / width <= ASPECTS[1]:
        return None
    middle = region.down * (region.first + height / 2) + region.across * (left + right) / 2
    x, y = (float(value) for value in region.centre + middle)
    angle = math.degrees(math.atan2(-float(region.down[0]), float(region.down[1])))
    return Box(x, y, width, height, angle)


def _rate(grey: Array, region: Region, box: Box) -> tuple[float, bool]:
    """How much it looks like a fixture (0…1), and whether the apex lies above."""
    columns, rows = region.points.T.astype(int)
    inside = float(grey[rows, columns].mean())
    beside, above, below = _around(grey, box)
    contrast = max(inside - beside, 0.0) / 255 * inside / 255
    size = math.sqrt(box.height / max(grey.shape))
    score = contrast * size * _regularity(region) * _wholeness(grey, region, box)
    fifth = max(len(region.widths) // 5, 1)
    first, last = (float(part.mean()) for part in (region.widths[:fifth], region.widths[-fifth:]))
    taper = (first - last) / max(first, last)
    return score, taper + (below - above) / max(above, below, 1.0) < 0


def _around(grey: Array, box: Box) -> tuple[float, float, float]:
    """Mean grey beside the fixture, and beside its upper and its lower end."""
    turn = math.radians(box.angle)
    along = np.linspace(-0.8, 0.8, 41)[:, None] * box.height
    across = np.array([-0.78, -0.7, -0.62, 0.62, 0.7, 0.78])[None, :] * box.width
    x = box.x + across * math.cos(turn) - along * math.sin(turn)
    y = box.y + across * math.sin(turn) + along * math.cos(turn)
    rows, columns = grey.shape
    sides = grey[np.clip(y, 0, rows - 1).astype(int), np.clip(x, 0, columns - 1).astype(int)].mean(
        axis=1
    )
    return float(sides[8:-8].mean()), float(sides[:16].mean()), float(sides[-16:].mean())


def _regularity(region: Region) -> float:
    """1 for a straight, symmetric, solid rod of even width, towards 0 for everything else."""
    widths = region.widths
    lean = np.abs(region.left + region.right).mean() / widths.mean()
    solid = region.count.sum() / widths.sum()
    even = 1 - widths.std() / widths.mean()
    return float(max(1 - lean, 0.0) ** 2 * solid * max(even, 0.1))


def _wholeness(grey: Array, region: Region, box: Box) -> float:
    """Less than 1 where the film ends before the region does: that is mostly a tooth."""
    far = np.array(grey.shape[::-1])
    beyond = ((np.array(box.corners()) < -2) | (np.array(box.corners()) > far + 2)).any(axis=1)
    at_edge = ((region.points < 2) | (region.points > far - 3)).any(axis=1).sum()
    cut_off = at_edge / (2 * (box.width + box.height))
    return float((1 - beyond.mean() / 2) * max(1 - 4 * cut_off, 0.1))


def _turned_over(box: Box) -> Box:
    angle = box.angle - 180.0 if box.angle > 0 else box.angle + 180.0
    return Box(box.x, box.y, box.width, box.height, angle)


def _overlap(one: Box, other: Box) -> bool:
    import cv2

    first, second = (((b.x, b.y), (b.width, b.height), b.angle) for b in (one, other))
    kind, points = cv2.rotatedRectangleIntersection(first, second)
    if kind == cv2.INTERSECT_NONE:
        return False
    shared = cv2.contourArea(cv2.convexHull(points))
    return bool(shared > OVERLAP * min(one.width * one.height, other.width * other.height))


def _enlarged(box: Box, by: float) -> Box:
    return Box(box.x * by, box.y * by, box.width * by, box.height * by, box.angle)


def _fits(box: Box, image: Image.Image) -> bool:
    try:
        box.check(*image.size)
    except BoxError:
        return False
    return True
