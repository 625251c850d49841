"""How another hand could draw the same fixture: so that nothing is learnt of one renderer.

A look changes the form a little (taper, waist), and may replace the projection of a helical
thread by a drawing: a bright outline with teeth and bands.
"""

from dataclasses import dataclass

import numpy as np
from numpy.random import Generator

from matching.phantoms.facts import Shape
from matching.phantoms.profile import Array, build_profile, ramp
from matching.phantoms.solid import circle_chord, thread_wave, titanium_mm


@dataclass(frozen=True)
class Look:
    """`taper` and `waist` narrow (negative) or widen the body towards the tip and in its
    middle, as shares. A `drawn` fixture has left and right teeth `phase` turns apart, bands of
    strength `bands` that lean by `lean` turns across the body, a shade from flat (0) to round
    (1), and a cavity `hollow` times as deep as its own."""

    taper: float = 0.0
    waist: float = 0.0
    is_drawn: bool = False
    phase: float = 0.5
    bands: float = 0.0
    lean: float = 0.0
    shade: float = 1.0
    hollow: float = 1.0


FAITHFUL = Look()
DRAWN = 0.4


def random_look(rng: Generator) -> Look:
    taper, waist = (float(value) for value in rng.uniform((-0.14, -0.08), (0.12, 0.08)))
    if rng.random() >= DRAWN:
        return Look(taper, waist)
    return Look(
        taper,
        waist,
        is_drawn=True,
        phase=float(rng.choice([0.0, 0.5, rng.random()])),
        bands=float(rng.uniform(0, 0.5)),
        lean=float(rng.choice([0.0, rng.uniform(-0.5, 0.5)])),
        shade=float(rng.uniform(0, 1)),
        hollow=float(rng.choice([0.0, 1.0], p=[0.4, 0.6])),
    )


def metal_mm(
    look: Look, shape: Shape, x: Array, z: Array, *, spin: float, fill: float, lean: float
) -> Array:
    """mm of titanium as this look has it; x, z (mm) and the answer have one common shape."""
    along = ramp(z / shape.length)
    width = 1 + look.taper * along + look.waist * 4 * along * (1 - along)
    across = x / width
    if look.is_drawn:
        return _drawn(look, shape, across, z, fill)
    return titanium_mm(shape, across, z, spin=spin, fill=fill, lean=lean)


def _drawn(look: Look, shape: Shape, x: Array, z: Array, fill: float) -> Array:
    profile = build_profile(shape)
    crest = np.interp(z, profile.z, profile.crest, left=0, right=0)
    core = np.interp(z, profile.z, profile.core, left=0, right=0)
    lead = shape.pitch
    turns = z / lead + np.where(x > 0, look.phase, 0.0)
    half = core + (crest - core) * thread_wave(shape.thread, turns.astype(np.float32))
    inside = np.abs(x) < half
    round_chord = circle_chord(x, half)
    flat = np.where(inside, 1.6 * half.max(initial=0.1), 0.0)
    metal = look.shade * round_chord + (1 - look.shade) * flat
    threaded = (crest - core > 1e-3) & inside
    bands = thread_wave(
        shape.thread, (z / lead + look.lean * x / shape.diameter).astype(np.float32)
    )
    metal = metal * np.where(threaded, 1 - look.bands * (1 - bands), 1.0)
    if look.hollow:
        metal = metal - look.hollow * (1 - fill) * _cavity(shape, x, z)
    return np.maximum(metal, 0).astype(np.float32)


def _cavity(shape: Shape, x: Array, z: Array) -> Array:
    from matching.phantoms.connection import connection_stages

    air = np.zeros_like(x)
    for stage in connection_stages(shape):
        inside = (z >= stage.top) & (z < stage.bottom)
        radius = (stage.radius_top + stage.radius_bottom) / 2
        air = np.where(inside, circle_chord(x, radius), air)
    return air
