"""What dentists leave on teeth: fillings, crowns, root fillings, posts, brackets."""

import numpy as np
from numpy.random import Generator

from matching.phantoms.anatomy import outline
from matching.phantoms.materials import AMALGAM, COMPOSITE, GOLD, GUTTA_PERCHA, STEEL, smooth_step
from matching.phantoms.profile import Array, ramp
from matching.phantoms.scene import Tooth
from matching.phantoms.solid import circle_chord

# Where a bracket sits on the crown, mm above the neck.
BRACKET_UP = 4.0


def work(rng: Generator, tooth: Tooth, x: Array, t: Array) -> Array:
    """Attenuation added to a tooth by what was done to it; x, t as in `anatomy.tooth`."""
    added = np.zeros_like(x)
    for kind in tooth.work:
        added += _WORK[kind](rng, tooth, x, t)
    if tooth.has_bracket:
        added += _bracket(rng, x, t)
    return added


def _filling(rng: Generator, tooth: Tooth, x: Array, t: Array, metal: float) -> Array:
    centre = rng.uniform(-0.25, 0.25) * tooth.width
    floor = -rng.uniform(3.0, 5.0)
    wide = rng.uniform(0.18, 0.36) * tooth.width
    wobble = 0.25 * np.sin(3 * x + rng.uniform(0, 6))
    inside = smooth_step((wide - np.abs(x - centre)) / 0.25) * smooth_step(
        (floor - t + wobble) / 0.3
    )
    half, _ = outline(tooth, x, t)
    return metal * rng.uniform(1.5, 4) * inside * smooth_step((half - np.abs(x)) / 0.2)


def _amalgam(rng: Generator, tooth: Tooth, x: Array, t: Array) -> Array:
    return _filling(rng, tooth, x, t, AMALGAM)


def _composite(rng: Generator, tooth: Tooth, x: Array, t: Array) -> Array:
    return _filling(rng, tooth, x, t, COMPOSITE)


def _metal_crown(rng: Generator, tooth: Tooth, x: Array, t: Array) -> Array:
    half, _ = outline(tooth, x, t)
    end = -rng.uniform(-0.3, 1.2)
    wall = rng.uniform(0.35, 0.8)
    chord = circle_chord(x, 1.03 * half) - 0.6 * circle_chord(x, np.maximum(half - wall, 0))
    return GOLD * np.maximum(chord, 0) * smooth_step((end - t) / 0.15)


def _root_filling(rng: Generator, tooth: Tooth, x: Array, t: Array) -> Array:
    _, tips = outline(tooth, x, t)
    end = tooth.length * rng.uniform(0.8, 0.99)
    half = rng.uniform(0.25, 0.45) * (1 - 0.5 * ramp(t / tooth.length))
    line = smooth_step((half - np.abs(tips)) / 0.2) * ((t > -2) & (t < end))
    return GUTTA_PERCHA * 2 * line


def _post(rng: Generator, tooth: Tooth, x: Array, t: Array) -> Array:
    """A post, screw-shaped as often as smooth: thin, but the nearest thing to a fixture."""
    _, tips = outline(tooth, x, t)
    half = rng.uniform(0.5, 0.75) + 0.12 * (rng.random() < 0.5) * np.sin(2 * np.pi * t / 0.7)
    return STEEL * circle_chord(tips, half) * ((t > -4) & (t < 0.6 * tooth.length))


def _bracket(rng: Generator, x: Array, t: Array) -> Array:
    """A bracket of two wings and a slot, and the wire that leaves it on both sides."""
    up = -t - BRACKET_UP + rng.uniform(-0.4, 0.4)
    body = smooth_step((1.6 - np.abs(x)) / 0.2) * smooth_step((1.7 - np.abs(up)) / 0.2)
    wings = 1.2 * body * (0.45 + 0.55 * (np.abs(np.abs(x) - 0.9) < 0.5))
    wire = smooth_step((0.28 - np.abs(up)) / 0.12) * (np.abs(x) < 5.5)
    return STEEL * (wings * (np.abs(up) > 0.3) + 0.5 * wire)


_WORK = {
    "amalgam": _amalgam,
    "composite": _composite,
    "metal crown": _metal_crown,
    "root filling": _root_filling,
    "post": _post,
}
