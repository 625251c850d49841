"""How much titanium a ray crosses: chords through the fixture, its cavity and its head.

Lengths are mm. x is the distance of the ray from the axis in the film plane, z the position
along the axis (see facts.Shape), y runs along the ray. The rays are parallel and at a right
angle to the axis.
"""

from typing import NamedTuple

import numpy as np

from implants.vocabulary import Apex, Collar, Connection, Thread
from matching.phantoms.connection import Stage, connection_stages
from matching.phantoms.facts import Shape
from matching.phantoms.profile import Array, Profile, build_profile, ramp

SAMPLES_PER_SIDE = 6
TINES = 6
# The part of the length that cutting flutes take (general).
FLUTE_SHARE = 0.28
FLUTES = 3


class HalfPlane(NamedTuple):
    """The points with nx * x + ny * y <= reach."""

    nx: float
    ny: float
    reach: Array | float


def titanium_mm(shape: Shape, x: Array, z: Array, *, spin: float = 0.0, fill: float = 0.0) -> Array:
    """Titanium crossed by each ray; x, z and the answer have one common shape.

    `spin` turns the fixture about its axis (radians): it moves the thread, the flats and the
    flutes. `fill` is the share of the cavity's volume taken by a screw (0 = empty).
    """
    answer = np.zeros(x.shape, np.float32)
    near = (np.abs(x) < shape.radius) & (z > shape.top_z) & (z < shape.length)
    x, z = x[near].astype(np.float32), z[near].astype(np.float32)
    profile = build_profile(shape)
    metal = _body(shape, profile, x, z, spin) + _head(shape, x, z, spin)
    metal -= (1 - fill) * _cavity(shape, x, z, spin)
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


def _body(shape: Shape, profile: Profile, x: Array, z: Array, spin: float) -> Array:
    crest = np.interp(z, profile.z, profile.crest, left=0).astype(np.float32)
    core = np.interp(z, profile.z, profile.core, left=0).astype(np.float32)
    metal = circle_chord(x, core) + _thread_shell(shape, x, z, core, crest, spin)
    if shape.collar == Collar.SCALLOPED:
        metal = np.minimum(metal, _scallop(shape, x, z))
    if shape.apex == Apex.OPEN:
        metal -= _hollow(shape, x, z, core, spin)
    if shape.apex == Apex.CUTTING:
        metal -= np.minimum(_flutes(shape, x, z, crest, spin), 0.8 * metal)
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
