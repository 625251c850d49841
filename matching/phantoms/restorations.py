"""What is screwed into a fixture. mm of titanium, ceramic and crown metal for each ray.

x is mm across the fixture, z mm along it (see facts.Shape). All sizes are general knowledge.
"""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from numpy.random import Generator

from implants.vocabulary import Connection
from matching.phantoms import levels
from matching.phantoms.facts import Shape
from matching.phantoms.materials import smooth_step
from matching.phantoms.profile import Array, ramp
from matching.phantoms.solid import circle_chord


class Mounted(NamedTuple):
    """mm of each material; 0 where the restoration has none of it."""

    titanium: Array
    ceramic: Array
    metal: Array


def mounted(rng: Generator, kind: str, shape: Shape, x: Array, z: Array) -> Mounted:
    """The restoration of that kind; a one-piece implant takes a crown or nothing."""
    return _KINDS[kind](rng, shape, x, z)


def fitting(kind: str, shape: Shape) -> str:
    """The restoration that is possible on this fixture and nearest to the one asked for."""
    crowns = (levels.CROWN, levels.METAL_CROWN)
    if shape.connection != Connection.ONE_PIECE or kind in crowns:
        return kind
    return levels.BARE


def _only(titanium: Array) -> Mounted:
    nothing = np.zeros_like(titanium)
    return Mounted(titanium, nothing, nothing)


def _bare(rng: Generator, shape: Shape, x: Array, z: Array) -> Mounted:
    return _only(np.zeros_like(x))


def _cover(rng: Generator, shape: Shape, x: Array, z: Array) -> Mounted:
    """A cover screw: a flat lid on the platform."""
    up = shape.platform_z - z
    tall = rng.uniform(0.5, 1.0) + max(shape.platform_z - shape.top_z, 0)
    half = 0.47 * shape.platform * np.sqrt(ramp((tall - up) / 0.25))
    recess = np.where((up > tall - 0.5) & (np.abs(x) < 0.5), 0.9, 0)
    return _only(np.where(up >= 0, np.maximum(circle_chord(x, half) - recess, 0), 0))


def _cap(rng: Generator, shape: Shape, x: Array, z: Array) -> Mounted:
    """A healing cap that widens towards its domed top."""
    height, spread = rng.uniform(2.0, 5.0), rng.uniform(0.95, 1.4)
    up = shape.platform_z - z
    wide = spread * shape.platform / 2
    flare = rng.uniform(1.0, 2.5)
    half = shape.seat / 2 + (wide - shape.seat / 2) * ramp(up / flare)
    dome = ramp((height - up) / rng.uniform(0.3, 0.8))
    half = half * np.sqrt(dome * (2 - dome))
    recess = np.where((up > height - 1.2) & (np.abs(x) < 0.6), 1.1, 0)
    metal = np.maximum(circle_chord(x, half) - recess, 0)
    return _only(np.where(up >= -shape.scallop, metal, 0))


def _abutment(rng: Generator, shape: Shape, x: Array, z: Array) -> Mounted:
    """A waist, a shoulder, and a cone that may be bent to one side."""
    up = shape.platform_z - z
    gum, tall = rng.uniform(0.8, 2.5), rng.uniform(5.0, 8.0)
    bend = rng.choice((0.0, 0.0, 0.26)) * rng.choice((-1, 1))
    x = x - bend * np.maximum(up - gum, 0)
    waist = shape.seat / 2 * (1 + 0.35 * smooth_step(up / gum))
    cone = 0.5 * shape.seat * (1 - 0.06 * np.maximum(up - gum, 0))
    half = np.where(up < gum, waist, cone)
    channel = np.where((up > gum) & (np.abs(x) < 0.9), 1.6, 0)
    metal = np.maximum(circle_chord(x, half) - channel, 0)
    return _only(np.where((up >= -shape.scallop) & (up < tall), metal, 0))


def _ball(rng: Generator, shape: Shape, x: Array, z: Array) -> Mounted:
    """The ball of an overdenture's anchor on its neck."""
    up = shape.platform_z - z
    gum = rng.uniform(1.0, 3.0)
    stem = np.where(up < gum, shape.seat / 2, 0.7)
    ball = np.sqrt(np.maximum(1.15**2 - np.square(up - gum - 1.6), 0))
    half = np.where((up >= -shape.scallop) & (up < gum + 1.6), stem, 0)
    return _only(circle_chord(x, np.maximum(half, ball)))


def _crown(rng: Generator, shape: Shape, x: Array, z: Array) -> Mounted:
    """A ceramic crown on a titanium post."""
    post, body = _post_and_body(rng, shape, x, z)
    return Mounted(post, np.maximum(0.85 * circle_chord(x, body) - 0.6 * post, 0), np.zeros_like(x))


def _metal_crown(rng: Generator, shape: Shape, x: Array, z: Array) -> Mounted:
    """A crown of metal under ceramic, or of metal alone: opaque."""
    post, body = _post_and_body(rng, shape, x, z)
    coping = circle_chord(x, body * rng.uniform(0.75, 1.0))
    return Mounted(post, np.maximum(circle_chord(x, body) - coping, 0), 0.5 * coping)


def _post_and_body(rng: Generator, shape: Shape, x: Array, z: Array) -> tuple[Array, Array]:
    """mm of the abutment, and half the width of the crown over it."""
    wide, tall = rng.uniform(2.8, 5.2), rng.uniform(7.0, 10.0)
    up = shape.platform_z - z
    radius = shape.seat / 2 * (1 - 0.06 * np.clip(up, 0, 5))
    post = np.where((up >= -shape.scallop) & (up < 5), circle_chord(x, radius), 0)
    begin = rng.uniform(0.4, 1.8)
    bulge = smooth_step((up - begin) / 3.2)
    neck = 0.53 * shape.seat
    cusps = tall - 0.5 + 0.5 * np.cos(2 * np.pi * x / (1.1 * wide))
    half = np.where(up > begin, neck + (wide - neck) * bulge, 0)
    return post, half * np.sqrt(smooth_step((cusps - up) / 0.8))


_KINDS: dict[str, Callable[[Generator, Shape, Array, Array], Mounted]] = {
    levels.BARE: _bare,
    levels.COVER: _cover,
    levels.CAP: _cap,
    levels.ABUTMENT: _abutment,
    levels.BALL: _ball,
    levels.CROWN: _crown,
    levels.METAL_CROWN: _metal_crown,
}
