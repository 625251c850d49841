"""Fixtures for sketched films: solids of the phantoms' kind, and plain silhouettes."""

from dataclasses import replace

import numpy as np
from numpy.random import Generator

from matching.boxes import Box
from matching.phantoms.solid import titanium_mm
from matching.training.finder.canvas import Place, fill, line, outline
from matching.training.finder.scene import Array
from matching.training.finder.surroundings import crown
from matching.training.identities import random_shape


def draw_fixture(light: Array, rng: Generator, place: Place) -> Box:
    """Draw one fixture whose platform is about at `place`, and at times something screwed
    into it, in place; the answer is its box."""
    kind = rng.random()
    if kind < 0.4:
        box, top, seat = _solid(light, rng, place)
    elif kind < 0.7:
        box, top, seat = _silhouette(light, rng, place)
    else:
        box, top, seat = _banded(light, rng, place)
    if rng.random() < 0.75:
        turned = replace(place, **dict(zip(("x", "y"), _above(place, top), strict=True)))
        restored(light, rng, turned, seat)
    return box


def _above(place: Place, top: float) -> tuple[float, float]:
    (x, y), *_ = place.points(np.zeros(1), np.array([top]))
    return float(x), float(y)


def _solid(light: Array, rng: Generator, place: Place) -> tuple[Box, float, float]:
    """The projection of a solid, with any strength of the beam."""
    shape = random_shape(rng)
    rows, columns = np.indices(light.shape, dtype=np.float32)
    right, down = (columns - place.x) / place.scale, (rows - place.y) / place.scale
    cosine, sine = np.cos(place.turn), np.sin(place.turn)
    across, along = right * cosine + down * sine, down * cosine - right * sine
    metal = titanium_mm(
        shape, across, along, spin=rng.uniform(0, 6.3), fill=float(rng.choice((0, 0, 0.7, 1)))
    )
    left = np.exp(-rng.uniform(0.25, 2.0) * metal)
    white = rng.uniform(0.75, 1.05)
    light[:] = np.where(metal > 0, np.maximum(white - (white - light) * left, light), light)
    box = place.box(shape.top_z, shape.length, 2 * shape.radius)
    return box, shape.platform_z, shape.seat / 2


def _silhouette(light: Array, rng: Generator, place: Place) -> tuple[Box, float, float]:
    """A white or grey outline of any profile, with or without threads and inner lines."""
    length, body = rng.uniform(5, 16), rng.uniform(1.4, 3.2)
    along = np.linspace(0, length, 90)
    half = body * _profile(rng, along / length)
    half = np.maximum(half + _thread(rng, along, body), 0.15 * body)
    points = place.points(*outline(along, half))
    grey = rng.uniform(0.65, 1)
    fill(light, points, grey, rng.uniform(0.8, 1))
    if rng.random() < 0.4:
        _inner(light, rng, place, length, body, grey)
    if rng.random() < 0.25:
        line(light, points, rng.uniform(0.7, 1), rng.uniform(0.2, 0.5) * place.scale)
    return place.box(0, length, 2 * float(half.max())), 0.0, float(half[0]) * rng.uniform(0.4, 0.85)


def _profile(rng: Generator, share: Array) -> Array:
    """The half width along the fixture in parts of the body's, (n,): taper, apex, collar."""
    taper = 1 - rng.uniform(0, 0.65) * np.clip(share - rng.choice((0, 0.5)), 0, 1)
    end = np.clip((share - 1 + rng.uniform(0.02, 0.3)) / 0.3, 0, 1)
    tip = np.sqrt(1 - (rng.uniform(0.2, 0.97) * end) ** 2)
    collar = np.where(share < rng.uniform(0.04, 0.25), rng.uniform(0.85, 1.3), 1)
    return taper * tip * (collar if rng.random() < 0.5 else 1)


def _thread(rng: Generator, along: Array, body: float) -> Array:
    if rng.random() < 0.3:
        return np.zeros_like(along)
    turns = along / rng.uniform(0.5, 2) + rng.uniform(0, 1)
    wave = np.abs(2 * (turns - np.floor(turns)) - 1)
    if rng.random() < 0.4:
        wave = (wave > rng.uniform(0.3, 0.7)).astype(float)
    return rng.uniform(0.05, 0.3) * body * wave * (along > rng.uniform(0, 3))


def _inner(
    light: Array, rng: Generator, place: Place, length: float, body: float, grey: float
) -> None:
    """A cavity from the platform, and threads drawn as lines across."""
    if rng.random() < 0.6:
        deep, half = rng.uniform(0.2, 0.7) * length, rng.uniform(0.2, 0.6) * body
        hole = outline(np.array([0, deep]), np.array([half, half * rng.uniform(0.5, 1)]))
        fill(light, place.points(*hole), grey * rng.uniform(0.5, 1), rng.uniform(0.4, 1))
    if rng.random() < 0.6:
        pitch, lean = rng.uniform(0.6, 2), rng.uniform(-0.6, 0.6)
        shade = float(rng.choice((rng.uniform(0.3, 0.7), 1.0)))
        for z in np.arange(rng.uniform(0, 3), 0.95 * length, pitch):
            turn = place.points(np.array([-body, body]) * 0.9, np.array([z, z + lean]))
            line(light, turn, shade, rng.uniform(0.15, 0.4) * place.scale)


def _banded(light: Array, rng: Generator, place: Place) -> tuple[Box, float, float]:
    """A trapezium with bright bands that stick out a little, as simple programs draw them."""
    length, half = rng.uniform(6, 16), rng.uniform(1.2, 3)
    taper, out = rng.uniform(0.3, 1), rng.uniform(1, 1.3)
    grey, bands = rng.uniform(0.6, 0.95), int(rng.integers(0, 20))
    ends = outline(np.array([0, length]), np.array([half, half * taper]))
    fill(light, place.points(*ends), grey)
    for band in range(bands):
        share, thick = band / bands, length / bands * rng.uniform(0.25, 0.6)
        reach = half * (1 - (1 - taper) * share) * out
        strip = outline(np.array([0, thick]) + share * length, np.array([reach, 0.95 * reach]))
        fill(light, place.points(*strip), min(grey + rng.uniform(-0.15, 0.3), 1))
    width = 2 * half * (out if bands else 1)
    return place.box(0, length, width), 0.0, half * rng.uniform(0.4, 0.85)


def restored(light: Array, rng: Generator, place: Place, seat: float) -> None:
    """A cover screw, a healing cap, an abutment or a crown on a seat of half width `seat` mm,
    its foot at `place`, in place."""
    kind, grey = rng.random(), rng.uniform(0.65, 1)
    if kind < 0.35:
        tall, wide = rng.uniform(0.4, 3), seat * rng.uniform(0.8, 1.1)
        part = outline(np.array([-tall, 0.3]), np.full(2, wide))
    elif kind < 0.6:
        tall, wide = rng.uniform(1.5, 6), seat * rng.uniform(0.6, 2)
        part = outline(np.array([-tall, -0.6 * tall, 0.2]), np.array([wide, wide, seat]))
    else:
        tall = rng.uniform(3, 7)
        part = outline(np.array([-tall, 0.2]), np.array([seat * rng.uniform(0.4, 0.9), seat]))
    fill(light, place.points(*part), grey)
    if kind > 0.7:
        low = replace(
            place, **dict(zip(("x", "y"), _above(place, -rng.uniform(0, 2)), strict=True))
        )
        crown(light, rng, low, tall=rng.uniform(5, 10), wide=rng.uniform(2.5, 5.5))
