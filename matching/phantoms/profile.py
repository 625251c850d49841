"""The fixture as a solid of revolution: two radii along the axis, in mm.

`crest` is the envelope of the thread tips, `core` the body under them; where they are equal
the surface is smooth. Proportions (taper, apex form, bevels) are general knowledge of the
families; the diameters, lengths and heights are the row's.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from implants.vocabulary import Apex, BodyShape, Collar, Connection, Thread
from matching.phantoms.facts import Shape

Array = NDArray[np.floating[Any]]
STEP_MM = 0.02


@dataclass(frozen=True)
class Profile:
    """Axial positions `z` (n,), ascending, and the two radii there (n,), all mm."""

    z: Array
    crest: Array
    core: Array

    def at(self, z: Array) -> tuple[Array, Array]:
        """Core and crest at each z; 0 above and below the metal."""
        place = np.rint((z - self.z[0]) / STEP_MM).astype(np.int32)
        inside = (place >= 0) & (place < len(self.z))
        place = np.clip(place, 0, len(self.z) - 1)
        return np.where(inside, self.core[place], 0), np.where(inside, self.crest[place], 0)


def ramp(value: Array) -> Array:
    """`value` held between 0 and 1."""
    held: Array = np.clip(value, 0, 1)
    return held


def build_profile(shape: Shape) -> Profile:
    start = shape.top_z if shape.connection == Connection.ONE_PIECE else shape.platform_z
    z = np.arange(start, shape.length + STEP_MM / 2, STEP_MM, dtype=np.float32)
    body = shape.diameter / 2 * _taper(shape, z) * _apex(shape, z)
    threads = _threads_begin(shape)
    crest = np.where(z < threads, _collar(shape, z), body)
    crest = np.where(z < threads, crest, _blend(crest, body, z - threads, _step(shape)))
    depth = shape.depth * ramp((z - threads) / _run_in(shape))
    core = np.maximum(crest - depth * _core_growth(shape, z), 0.5 * crest)
    return Profile(z, crest.astype(np.float32), core.astype(np.float32))


def _taper(shape: Shape, z: Array) -> Array:
    share = ramp(z / shape.length)
    if shape.body == BodyShape.TAPERED:
        return 1 - 0.4 * shape.taper * share
    if shape.body == BodyShape.SEMI_TAPERED:
        return 1 - 0.32 * shape.taper * ramp((share - 0.5) / 0.5)
    return np.ones_like(z)


def _apex(shape: Shape, z: Array) -> Array:
    """The share of the body radius that is left towards the tip, (n,)."""
    left = np.clip(shape.length - z, 0, None)
    if shape.apex == Apex.OPEN:
        return np.ones_like(z)
    if shape.apex == Apex.FLAT:
        return _dome(left, 0.5, 0.72)
    if shape.apex == Apex.CUTTING:
        return _dome(left, 0.9, 0.6)
    if shape.apex == Apex.NARROW:
        point = 1 - 0.42 * ramp(1 - left / (0.3 * shape.length))
        return point * _dome(left, 0.5, 0.35)
    return _dome(left, 0.3 * shape.diameter, 0.15)


def _dome(left: Array, height: float, flat: float) -> Array:
    """A quarter ellipse over the last `height` mm that ends on a flat of share `flat`."""
    rise = ramp(1 - left / height)
    ellipse: Array = np.sqrt(1 - rise * rise)
    return flat + (1 - flat) * ellipse


def _run_in(shape: Shape) -> float:
    """Where the thread reaches its depth: after one pitch, or slowly on the thick neck that a
    coarse thread leaves around the connection."""
    return 0.45 * shape.length if _coarse(shape) else max(shape.pitch, 0.1)


def _coarse(shape: Shape) -> bool:
    return shape.body == BodyShape.TAPERED and shape.thread == Thread.COARSE


def _core_growth(shape: Shape, z: Array) -> Array:
    """Coarse threads deepen towards the tip: a narrow core under a wide thread."""
    if _coarse(shape):
        return 1 + 0.25 * ramp(z / shape.length)
    return np.ones_like(z)


def _threads_begin(shape: Shape) -> float:
    if shape.collar == Collar.BACK_TAPERED:
        return 0.5
    if shape.above_bone or shape.collar == Collar.NONE:
        return 0.3
    return shape.collar_height


def _step(shape: Shape) -> float:
    if shape.collar == Collar.BACK_TAPERED:
        return shape.collar_height
    return max(0.2, abs(shape.platform - shape.diameter) / 2)


def _blend(crest: Array, body: Array, past: Array, over: float) -> Array:
    """Lead from the collar's last radius to the body's, along `over` mm."""
    below = past >= 0
    last = float(crest[~below][-1]) if (~below).any() else float(body[0])
    share = ramp(past / over)
    return np.where(below, last + (body - last) * share, crest)


def _collar(shape: Shape, z: Array) -> Array:
    platform, body = shape.platform / 2, shape.diameter / 2
    down = z - shape.platform_z
    if shape.collar == Collar.INTEGRAL:
        return _neck_and_abutment(shape, down)
    if shape.collar == Collar.FLARED:
        # A tulip: concave towards the bone, with a 45 degree shoulder at its rim.
        flare = ramp(1 - down / shape.collar_height) ** 1.8
        tulip: Array = np.minimum(body + (platform - body) * flare, platform - 0.45 + down)
        return tulip
    if shape.collar == Collar.BACK_TAPERED:
        return platform + (body - platform) * 0.25 * ramp(down / 0.5)
    bevelled: Array = np.minimum(platform, platform - 0.15 + down)
    if shape.collar == Collar.GROOVED:
        # Concentric grooves, 0.3 mm apart and 0.12 mm deep (general).
        groove: Array = np.abs(np.sin(np.pi * down / 0.3))
        return bevelled - 0.12 * groove
    return bevelled


def _neck_and_abutment(shape: Shape, down: Array) -> Array:
    """`down` is measured from the margin: the neck is below it, the abutment above."""
    platform, body = shape.platform / 2, shape.diameter / 2
    margin = max(platform, 1.12 * body)
    neck = body + (margin - body) * ramp(1 - down / shape.collar_height)
    abutment = 0.8 * margin + 0.075 * down
    rim = _dome(down - shape.top_z + shape.platform_z, 0.5, 0.6)
    return np.where(down < 0, abutment * rim, neck)
