"""Boxes as two ends and a width, and how much two of them share."""

import math
from typing import Any

import numpy as np

from matching.boxes import Box

Point = tuple[float, float] | np.ndarray[Any, Any]


def box_between(platform: Point, apex: Point, width: float) -> Box:
    """The box whose short sides have `platform` and `apex` (x, y) as their middles."""
    (x, y), (far_x, far_y) = platform, apex
    right, down = float(far_x - x), float(far_y - y)
    angle = math.degrees(math.atan2(-right, down))
    middle = (float(x + far_x) / 2, float(y + far_y) / 2)
    return Box(*middle, float(width), math.hypot(right, down), 180.0 if angle == -180.0 else angle)


def ends(box: Box) -> tuple[tuple[float, float], tuple[float, float]]:
    """The middles of the short sides, platform and apex, as (x, y)."""
    turn = math.radians(box.angle)
    right, down = -math.sin(turn) * box.height / 2, math.cos(turn) * box.height / 2
    return (box.x - right, box.y - down), (box.x + right, box.y + down)


def scaled(box: Box, by: float) -> Box:
    return Box(box.x * by, box.y * by, box.width * by, box.height * by, box.angle)


def shared_area(one: Box, other: Box) -> float:
    """The area, in square pixels, that lies in both boxes."""
    import cv2

    if math.hypot(one.x - other.x, one.y - other.y) >= _reach(one) + _reach(other):
        return 0.0
    kind, points = cv2.rotatedRectangleIntersection(_rectangle(one), _rectangle(other))
    if kind == cv2.INTERSECT_NONE or points is None:
        return 0.0
    return float(cv2.contourArea(cv2.convexHull(points)))


def overlap(one: Box, other: Box) -> float:
    """Intersection over union of two rotated boxes, 0…1."""
    both = shared_area(one, other)
    return both / max(one.width * one.height + other.width * other.height - both, 1e-9)


def covered(one: Box, other: Box) -> float:
    """The share of the smaller box that lies in the other, 0…1."""
    smaller = min(one.width * one.height, other.width * other.height)
    return shared_area(one, other) / max(smaller, 1e-9)


def on_film(box: Box, *, width: int, height: int) -> float:
    """The share of the box that lies on a film of this size in pixels, 0…1."""
    film = Box(width / 2, height / 2, width, height)
    return shared_area(box, film) / max(box.width * box.height, 1e-9)


def turned_by(one: Box, other: Box) -> float:
    """Degrees between the ways from platform to apex, 0…180."""
    return abs((one.angle - other.angle + 180) % 360 - 180)


def _reach(box: Box) -> float:
    return math.hypot(box.width, box.height) / 2


def _rectangle(box: Box) -> tuple[tuple[float, float], tuple[float, float], float]:
    return (box.x, box.y), (box.width, box.height), box.angle
