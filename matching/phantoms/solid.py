"""How much titanium a ray crosses: chords through the fixture, its cavity and its head.

Lengths are mm. x is the distance of the ray from the axis in the film plane, z the position
along the axis (see facts.Shape), y runs along the ray. The rays are parallel.

A fixture that leans towards the beam is crossed at an angle: each ray meets its near side at
another z than its far side. Its threaded body is then summed up in slabs of equal y, each at
its own z, which shows the threads as ellipses and the rims as lenses; of cavity, head, flutes
and perforations, which are narrow, the chord is averaged over three such z instead (an
approximation: what stands on one side only is smeared, not moved).
"""

from typing import NamedTuple

import numpy as np

from implants.vocabulary import Apex, Collar, Connection, Thread
from matching.phantoms.connection import Stage, connection_stages
from matching.phantoms.facts import Shape
from matching.phantoms.profile import Array, Profile, build_profile, ramp

SAMPLES_PER_SIDE = 6
# Less than this (degrees) is drawn as upright; slabs of a leaning body; places within the depth
# of a detail (as shares of its reach) where its chord is taken.
LEAST_LEAN = 0.5
SLABS = 14
DETAIL_SHARES = (-0.8, 0.0, 0.8)
TINES = 6
# The part of the length that cutting flutes take (general).
FLUTE_SHARE = 0.28
FLUTES = 3


class HalfPlane(NamedTuple):
    """The points with nx * x + ny * y <= reach."""

    nx: float
    ny: float
    reach: Array | float


def titanium_mm(
    shape: Shape,
    x: Array,
    z: Array,
    *,
    spin: float = 0.0,
    fill: float = 0.0,
    lean: float = 0.0,
) -> Array:
    """Titanium crossed by each ray; x, z and the answer have one common shape.

    `spin` turns the fixture about its axis (radians): it moves the thread, the flats and the
    flutes. `fill` is the share of the cavity's volume taken by a screw (0 = empty). `lean` is
    the angle (degrees) between the ray and a plane at a right angle to the axis; z is then
    where the ray meets the plane through the axis that is parallel to the film's x.
    """
    answer: Array = np.zeros(x.shape, np.float32)
    slope = float(np.tan(np.radians(lean)))
    over = shape.radius * abs(slope)
    near = (np.abs(x) < shape.radius) & (z > shape.top_z - over) & (z < shape.length + over)
    x, z = x[near].astype(np.float32), z[near].astype(np.float32)
    profile = build_profile(shape)
    metal: Array
    if abs(lean) < LEAST_LEAN:
        metal = _straight(shape, profile, x, z, spin) + _details(shape, profile, x, z, spin, fill)
    else:
        metal = _leaning(shape, profile, x, z, spin, slope)
        for share in DETAIL_SHARES:
            shifted = z - np.float32(share * 0.3 * shape.platform * slope)
            metal += _details(shape, profile, x, shifted, spin, fill) / len(DETAIL_SHARES)
        metal = metal / np.float32(np.cos(np.radians(lean)))
    if shape.collar == Collar.SCALLOPED:
        metal = np.minimum(metal, _scallop(shape, x, z))
    answer[near] = np.maximum(metal, 0)
    return answer


def circle_chord(x: Array, radius: Array | float) -> Array:
    """Chord of a circle (or of a row of circles) centred on the axis."""
    return 2 * np.sqrt(np.maximum(np.square(radius) - x * x, 0))


def convex_chord(x: Array, radius: Array | float, planes: list[HalfPlane]) -> Array:
    """Chord of the region inside a circle and all half-planes."""
    high = circle_chord(x, radius) / 2
    low = -high
    for plane in planes:
        if abs(plane.ny) < 1e-6:
            outside = plane.nx * x > plane.reach
            high = np.where(outside, low, high)
        elif plane.ny > 0:
            high = np.minimum(high, (plane.reach - plane.nx * x) / plane.ny)
        else:
            low = np.maximum(low, (plane.reach - plane.nx * x) / plane.ny)
    return np.maximum(high - low, 0)


def polygon(sides: int, apothem: Array | float, spin: float) -> list[HalfPlane]:
    angles = spin + 2 * np.pi * np.arange(sides) / sides
    return [HalfPlane(float(np.sin(a)), float(np.cos(a)), apothem) for a in angles]


def thread_wave(form: str, phase: Array) -> Array:
    """Height of the thread, 0 root to 1 crest, at `phase` turns of the pitch (any real)."""
    rise: Array = 1 - np.abs(2 * (phase - np.floor(phase)) - 1)
    if form == Thread.ROUNDED:
        return rise * rise * (3 - 2 * rise)
    if form == Thread.SQUARE:
        return ramp((rise - 0.4) * 4)
    if form == Thread.COARSE:
        return ramp((rise - 0.45) * 2.2)
    return rise


def _straight(shape: Shape, profile: Profile, x: Array, z: Array, spin: float) -> Array:
    """The threaded body without cavity or slots, crossed at a right angle."""
    core, crest = profile.at(z)
    return circle_chord(x, core) + _thread_shell(shape, x, z, core, crest, spin)


def _leaning(
    shape: Shape, profile: Profile, x: Array, z: Array, spin: float, slope: float
) -> Array:
    """The same body in slabs along the ray, each at its own z."""
    thick = np.float32(2 * shape.radius / SLABS)
    total = np.zeros_like(x)
    for number in range(SLABS):
        y = np.float32((number + 0.5) * thick - shape.radius)
        along = z - y * np.float32(slope)
        core, crest = profile.at(along)
        radius = np.sqrt(x * x + y * y)
        turns = shape.leads * (np.arctan2(x, y) + np.float32(spin)) / np.float32(2 * np.pi)
        wave = thread_wave(shape.thread, along / np.float32(shape.pitch) - turns)
        # The radius grows by this much from one side of the slab to the other.
        step = thick * np.maximum(abs(y) / np.maximum(radius, 1e-3), np.float32(0.2))
        inside = ramp((core + (crest - core) * wave - radius) / step + 0.5)
        total += np.where(crest > 0, inside, 0)
    return total * thick


def _details(shape: Shape, profile: Profile, x: Array, z: Array, spin: float, fill: float) -> Array:
    """What head, cavity, perforations and flutes add to the body, or take from it."""
    core, crest = profile.at(z)
    metal = _head(shape, x, z, spin) - (1 - fill) * _cavity(shape, x, z, spin)
    if shape.apex == Apex.OPEN:
        metal -= _hollow(shape, x, z, core, spin)
    if shape.apex == Apex.CUTTING:
        metal -= np.minimum(_flutes(shape, x, z, crest, spin), 1.6 * circle_chord(x, core))
    return metal


def _thread_shell(
    shape: Shape, x: Array, z: Array, core: Array, crest: Array, spin: float
) -> Array:
    """Metal between core and crest: a helix, so its left and right flanks are half a lead
    apart (half a pitch for one or three starts, level for two)."""
    shell = np.zeros_like(x)
    threaded = (crest - core > 1e-3) & (np.abs(x) < crest)
    if not threaded.any():
        return shell
    x, z, core, crest = x[threaded], z[threaded], core[threaded], crest[threaded]
    inner = circle_chord(x, core) / 2
    span = circle_chord(x, crest) / 2 - inner
    turns = z / shape.pitch
    total = np.zeros_like(x)
    for sample in range(SAMPLES_PER_SIDE):
        y = inner + span * ((sample + 0.5) / SAMPLES_PER_SIDE)
        height = (np.sqrt(x * x + y * y) - core) / (crest - core)
        angle = np.arctan2(x, y)
        for theta in (angle, np.pi - angle):
            phase = turns - shape.leads * (theta + spin) / (2 * np.pi)
            over = thread_wave(shape.thread, phase.astype(np.float32)) - height
            total += ramp(over * 6 + 0.5)
    shell[threaded] = total * span / SAMPLES_PER_SIDE
    return shell


def _head(shape: Shape, x: Array, z: Array, spin: float) -> Array:
    above = z < shape.platform_z
    if shape.connection == Connection.EXTERNAL_HEX:
        # Across flats 0.66 of the platform: 2.7 mm on a 4.1 mm platform (general).
        hexagon = polygon(6, 0.33 * shape.platform, spin)
        return np.where(above, convex_chord(x, 0.37 * shape.platform, hexagon), 0)
    if shape.connection == Connection.EXTERNAL_SPLINE:
        return np.where(above, _tines(shape, x, z, spin), 0)
    return np.zeros_like(x)


def _tines(shape: Shape, x: Array, z: Array, spin: float) -> Array:
    """Six blocks standing on the rim of the platform, a little narrower at the top."""
    outer, inner = 0.46 * shape.platform, 0.27 * shape.platform
    width = 0.1 * shape.platform * (1 - 0.2 * (shape.platform_z - z))
    metal = np.zeros_like(x)
    for angle in spin + 2 * np.pi * np.arange(TINES) / TINES:
        metal += convex_chord(x, outer, _slot(float(angle), inner, width))
    return metal


def _slot(angle: float, beyond: Array | float, half_width: Array | float) -> list[HalfPlane]:
    """A strip that points outwards at `angle`, from the distance `beyond` on."""
    sine, cosine = float(np.sin(angle)), float(np.cos(angle))
    return [
        HalfPlane(-sine, -cosine, -beyond),
        HalfPlane(cosine, -sine, half_width),
        HalfPlane(-cosine, sine, half_width),
    ]


def _flutes(shape: Shape, x: Array, z: Array, crest: Array, spin: float) -> Array:
    """Slots cut into the last part of the body; they deepen and lean towards the tip."""
    reach = FLUTE_SHARE * shape.length
    along = ramp((z - shape.length + reach) / reach)
    cut = np.zeros_like(x)
    inside = along > 0
    for start in spin + 2 * np.pi * np.arange(FLUTES) / FLUTES:
        beyond = shape.diameter / 2 * (1 - 0.52 * np.sqrt(along[inside]))
        slot = _slot(float(start), beyond, 0.17 * shape.diameter)
        cut[inside] += convex_chord(x[inside], crest[inside], slot)
    return cut


def _scallop(shape: Shape, x: Array, z: Array) -> Array:
    """The longest chord left under a rim that dips towards and away from the observer."""
    share = ramp((z - shape.platform_z) / shape.scallop)
    return np.where(share >= 1, np.inf, shape.platform * np.sqrt(share))


def _hollow(shape: Shape, x: Array, z: Array, core: Array, spin: float) -> Array:
    """An open cylinder: bored from the tip up to 40 % of the length, walls perforated."""
    bored = z > 0.4 * shape.length
    bore = 0.62 * core
    air = np.where(bored, circle_chord(x, bore), 0)
    wall = (circle_chord(x, core) - circle_chord(x, bore)) / 2
    for row, share in enumerate((0.52, 0.69, 0.86)):
        for angle in spin + np.pi / 4 * (row % 2) + np.pi / 2 * np.arange(4):
            centre = shape.diameter / 2 * np.sin(angle)
            squeeze = max(abs(float(np.cos(angle))), 0.15)
            off = np.hypot((x - centre) / squeeze, z - share * shape.length)
            air += np.where(off < 0.13 * shape.diameter, wall, 0)
    return air


def _cavity(shape: Shape, x: Array, z: Array, spin: float) -> Array:
    air = np.zeros_like(x)
    for stage in connection_stages(shape):
        inside = (z >= stage.top) & (z < stage.bottom) & (np.abs(x) < stage.reach)
        if inside.any():
            air[inside] += _stage_chord(stage, x[inside], z[inside], spin)
    return air


def _stage_chord(stage: Stage, x: Array, z: Array, spin: float) -> Array:
    share = (z - stage.top) / (stage.bottom - stage.top)
    radius = stage.radius_top + (stage.radius_bottom - stage.radius_top) * share
    if not stage.sides:
        return circle_chord(x, radius)
    corner = 1.45 if stage.sides == 3 else 1 / np.cos(np.pi / stage.sides)
    return convex_chord(x, radius * corner, polygon(stage.sides, radius, spin))
