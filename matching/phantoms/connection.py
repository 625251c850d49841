"""The cavity of each connection, as a stack of stages below the top of the metal.

Sources: hexagon of the Screw-Vent 1.5 mm deep under a lead-in bevel, cone of NobelParallel
12 degrees, synOcta cone 8 degrees, Grand Morse 16 degrees in all with a hexagon below
("three internal steps"), Cone Morse 11.5 degrees in all (all from the catalogue rows).
Radii as shares of the platform and screw channels are general knowledge.
"""

from collections.abc import Callable
from math import radians, tan
from typing import NamedTuple

from implants.vocabulary import Connection
from matching.phantoms.facts import Shape

# Grand Morse mouths are 3.0 mm, Cone Morse 2.5 mm (catalogue): the size tells them apart.
GRAND_MORSE_MOUTH = 2.75


class Stage(NamedTuple):
    """From z `top` to `bottom` (mm), radius linear in between; sides 0 = round."""

    top: float
    bottom: float
    radius_top: float
    radius_bottom: float
    sides: int = 0

    @property
    def reach(self) -> float:
        return 1.5 * max(self.radius_top, self.radius_bottom)


def connection_stages(shape: Shape) -> list[Stage]:
    """The stages of the cavity, from the top; none for a one-piece or unknown connection."""
    plan = _PLANS.get(shape.connection)
    if plan is None:
        return []
    stages = []
    top = shape.top_z
    # Short fixtures have short screw channels: the tip stays solid.
    floor = max(0.62 * shape.length, 0.5)
    for depth, radius_top, radius_bottom, sides in plan(shape):
        bottom = min(top + depth * shape.cavity, floor)
        if bottom > top:
            stages.append(Stage(top, bottom, radius_top, radius_bottom, sides))
        top = bottom
    return stages


_Plan = list[tuple[float, float, float, int]]


def _external(shape: Shape) -> _Plan:
    channel = 0.2 * shape.platform
    return [(5.0, channel, channel, 0), (0.5, channel, 0.0, 0)]


def _internal_hex(shape: Shape) -> _Plan:
    flat = 0.335 * shape.platform
    return [
        (0.4, 0.45 * shape.platform, 0.38 * shape.platform, 0),
        (1.5, flat, flat, 6),
        (3.6, 0.23 * shape.platform, 0.23 * shape.platform, 0),
        (0.5, 0.23 * shape.platform, 0.0, 0),
    ]


def _internal_octagon(shape: Shape) -> _Plan:
    mouth = 0.36 * shape.platform
    narrow = mouth - 1.2 * tan(radians(8))
    return [
        (1.2, mouth, narrow, 0),
        (1.2, 0.94 * narrow, 0.92 * narrow, 8),
        (2.6, 0.2 * shape.platform, 0.2 * shape.platform, 0),
        (0.5, 0.2 * shape.platform, 0.0, 0),
    ]


def _trichannel(shape: Shape) -> _Plan:
    lobes, bore = 0.29 * shape.platform, 0.25 * shape.platform
    return [
        (0.3, 0.38 * shape.platform, 0.36 * shape.platform, 0),
        (2.2, lobes, lobes, 3),
        (1.6, bore, bore, 0),
        (2.4, 0.19 * shape.platform, 0.19 * shape.platform, 0),
        (0.4, 0.19 * shape.platform, 0.0, 0),
    ]


def _internal_conical(shape: Shape) -> _Plan:
    mouth = 0.39 * shape.platform
    narrow = mouth - 1.7 * tan(radians(12))
    return [
        (1.7, mouth, narrow, 0),
        (1.3, 0.9 * narrow, 0.9 * narrow, 6),
        (2.8, 0.7 * narrow, 0.7 * narrow, 0),
        (0.4, 0.7 * narrow, 0.0, 0),
    ]


def _morse_taper(shape: Shape) -> _Plan:
    size = shape.mouth or 0.6 * shape.diameter
    mouth = min(size / 2, 0.42 * shape.diameter)
    if size >= GRAND_MORSE_MOUTH:
        narrow = mouth - 2.6 * tan(radians(8))
        steps = [(2.6, mouth, narrow, 0), (1.2, 0.85 * narrow, 0.85 * narrow, 6)]
    else:
        narrow = mouth - 4.2 * tan(radians(5.75))
        steps = [(4.2, mouth, narrow, 0)]
    return [*steps, (2.6, 0.66 * narrow, 0.66 * narrow, 0), (0.4, 0.66 * narrow, 0.0, 0)]


_PLANS: dict[str, Callable[[Shape], _Plan]] = {
    Connection.EXTERNAL_HEX: _external,
    Connection.EXTERNAL_SPLINE: _external,
    Connection.INTERNAL_HEX: _internal_hex,
    Connection.INTERNAL_OCTAGON: _internal_octagon,
    Connection.INTERNAL_TRICHANNEL: _trichannel,
    Connection.INTERNAL_CONICAL: _internal_conical,
    Connection.MORSE_TAPER: _morse_taper,
}
