"""What another renderer, or another maker, might screw into a fixture: any profile at all.

The laboratory draws a few kinds of restorations; what is learned must not hang on their forms.
All sizes are in mm and general knowledge.
"""

import numpy as np
from numpy.random import Generator

from matching.phantoms.facts import Shape
from matching.phantoms.profile import Array, ramp
from matching.phantoms.restorations import Mounted
from matching.phantoms.solid import circle_chord

CROWNED, CHANNELLED, APART = 0.45, 0.5, 0.35


def random_mount(rng: Generator, shape: Shape, x: Array, z: Array) -> Mounted:
    """A cap, an abutment, a post, with or without a crown, on the platform of `shape`; mm of
    each material for rays at x, z mm (see `matching.phantoms.restorations`)."""
    up = shape.platform_z - z
    titanium = float(rng.uniform(0.7, 1.3)) * _turned_part(rng, shape, x, up)
    nothing = np.zeros_like(titanium)
    if rng.random() > CROWNED:
        return Mounted(titanium, nothing, nothing)
    crown = circle_chord(x + float(rng.normal(0, 0.4)), _crown(rng, shape, x, up))
    if rng.random() < 0.6:
        ceramic = np.maximum(float(rng.uniform(0.3, 1.1)) * crown - 0.6 * titanium, 0)
        return Mounted(titanium, ceramic, nothing)
    return Mounted(titanium, nothing, float(rng.uniform(0.15, 0.6)) * crown)


def _turned_part(rng: Generator, shape: Shape, x: Array, up: Array) -> Array:
    """A stack of cones, at times bent, hollow above, or a hair's breadth off the platform."""
    tall = float(np.exp(rng.uniform(np.log(0.5), np.log(9.0))))
    knots = np.sort(rng.uniform(0, tall, int(rng.integers(0, 4))))
    heights = np.array([0.0, *knots, tall])
    halves = 0.5 * shape.platform * rng.uniform(0.35, 1.6, len(heights))
    halves[0] = 0.5 * shape.seat * rng.uniform(0.75, 1.3)
    half = np.interp(up, heights, halves) * np.sqrt(ramp((tall - up) / rng.uniform(0.05, 1.0)))
    bend = float(rng.normal(0, 0.12)) if rng.random() < 0.4 else 0.0
    metal = circle_chord(x - bend * np.maximum(up - heights[1] / 2, 0), half)
    if rng.random() < CHANNELLED:
        is_hollow = (np.abs(x) < rng.uniform(0.4, 1.1)) & (up > rng.uniform(0, 0.6) * tall)
        metal = np.maximum(metal - np.where(is_hollow, rng.uniform(0.4, 2.0), 0), 0)
    least = float(rng.uniform(0.03, 0.2)) if rng.random() < APART else -shape.scallop
    part: Array = np.where((up >= least) & (up < tall), metal, 0)
    return part


def _crown(rng: Generator, shape: Shape, x: Array, up: Array) -> Array:
    """Half the width of a crown at each height."""
    wide, begin = rng.uniform(2.2, 5.5), rng.uniform(-0.2, 3.0)
    tall = begin + rng.uniform(4.0, 9.0)
    neck = rng.uniform(0.7, 1.3) * shape.seat / 2
    bulge = np.sin(0.5 * np.pi * ramp((up - begin) / rng.uniform(1.0, 5.0)))
    top = tall + rng.uniform(0, 0.6) * np.cos(x * rng.uniform(0.5, 2.0) + rng.uniform(0, 6.3))
    half: Array = (neck + (wide - neck) * bulge) * np.sqrt(ramp((top - up) / 0.8))
    return np.where(up > begin, half, 0)
