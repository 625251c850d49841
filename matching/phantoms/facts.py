"""From what is known of an implant to a complete shape that can be drawn.

Numbers marked "general" are general knowledge of the families, not taken from a source:
they only fill what a row does not give, so that something plausible can be drawn.
"""

import random
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import NamedTuple, Protocol

from django.db.models import TextChoices

from implants.vocabulary import Apex, BodyShape, Collar, Connection, Level, Thread

Millimetres = Decimal | float | None


class FixtureFacts(Protocol):
    """The attributes that decide the shape; sizes in mm, None or "" where not known."""

    @property
    def diameter_mm(self) -> Millimetres: ...
    @property
    def length_mm(self) -> Millimetres: ...
    @property
    def platform_diameter_mm(self) -> Millimetres: ...
    @property
    def body_shape(self) -> str: ...
    @property
    def connection(self) -> str: ...
    @property
    def level(self) -> str: ...
    @property
    def collar(self) -> str: ...
    @property
    def collar_height_mm(self) -> Millimetres: ...
    @property
    def thread(self) -> str: ...
    @property
    def thread_pitch_mm(self) -> Millimetres: ...
    @property
    def thread_leads(self) -> int | None: ...
    @property
    def apex(self) -> str: ...


class ThreadForm(NamedTuple):
    pitch: float
    depth: float


# Pitch and depth in mm where the row gives none. General, except: fine V pitch 0.6 and
# rounded pitch 1.25 are the catalogue's own values for Branemark and Straumann Standard,
# coarse 1.7 is the low end of the range it gives for BLX.
THREAD_FORMS: dict[str, ThreadForm] = {
    Thread.NONE: ThreadForm(1.0, 0.0),
    Thread.FINE_V: ThreadForm(0.6, 0.27),
    Thread.V: ThreadForm(0.8, 0.35),
    Thread.ROUNDED: ThreadForm(1.25, 0.34),
    Thread.SQUARE: ThreadForm(1.0, 0.42),
    Thread.COARSE: ThreadForm(1.7, 0.62),
}
# Height in mm of the collar where the row gives none. General; flared 2.0 lies between the
# 1.8 and 2.8 mm that the catalogue gives for Straumann.
COLLAR_HEIGHTS: dict[str, float] = {
    Collar.NONE: 0.0,
    Collar.MACHINED: 1.0,
    Collar.FLARED: 2.0,
    Collar.GROOVED: 1.8,
    Collar.BACK_TAPERED: 1.8,
    Collar.SCALLOPED: 2.8,
    Collar.INTEGRAL: 2.0,
}
# What stands above the platform, in mm: an 0.7 mm external hexagon and 1.0 mm tines
# (general), a 5.5 mm abutment (general).
HEAD_HEIGHTS: dict[str, float] = {
    Connection.EXTERNAL_HEX: 0.7,
    Connection.EXTERNAL_SPLINE: 1.0,
    Connection.ONE_PIECE: 5.5,
}
DEFAULT_DIAMETER = 4.0
DEFAULT_LENGTH = 10.0
# A Morse taper's platform size names the mouth of the cone, not the shoulder (general).
DEFAULT_MORSE_MOUTH = 0.6


@dataclass(frozen=True)
class Shape:
    """A complete fixture, in mm. z runs along the axis, 0 where the stated length begins.

    z is negative towards the crown. `platform` is the outer diameter at the platform;
    `mouth` the diameter of the connection's opening, where the catalogue states it.
    """

    diameter: float
    length: float
    platform: float
    mouth: float | None
    body: str
    connection: str
    collar: str
    collar_height: float
    above_bone: bool
    thread: str
    pitch: float
    depth: float
    leads: int
    apex: str
    # How much of its radius a tapered body loses, and how deep the connection is, as a share of
    # what is documented: nothing in the catalogue says so.
    taper: float = 1.0
    cavity: float = 1.0

    @property
    def platform_z(self) -> float:
        """The platform: the stated length of a tissue level fixture leaves its collar out."""
        return -self.collar_height if self.above_bone else 0.0

    @property
    def top_z(self) -> float:
        """The highest point of the metal."""
        return self.platform_z - HEAD_HEIGHTS.get(self.connection, 0.0)

    @property
    def scallop(self) -> float:
        """How far a scalloped rim dips below the platform (general)."""
        return 0.65 * self.collar_height if self.collar == Collar.SCALLOPED else 0.0

    @property
    def seat(self) -> float:
        """The diameter of whatever is screwed in, where it leaves the fixture (general)."""
        return min(self.mouth or self.platform, 0.86 * self.platform)

    @property
    def radius(self) -> float:
        """The largest distance of any metal from the axis."""
        return max(self.diameter, self.platform) / 2


def complete_shape(facts: FixtureFacts, *, style: int = 0) -> Shape:
    """Fill the unknown with the documented defaults; ValueError for a wrong word or size.

    Another `style` than 0 fills it otherwise, as another maker (or another renderer) of the same
    facts might: thread depth, taper, depth of the connection, and a pitch that is not known.
    """
    shape = _documented(facts)
    if style == 0:
        return shape
    rng = random.Random(f"{style}|{shape}")  # noqa: S311 # nosec B311 # not for secrets
    pitch = shape.pitch * (1 if facts.thread_pitch_mm else rng.uniform(0.85, 1.2))
    return replace(
        shape,
        pitch=pitch,
        depth=min(shape.depth * rng.uniform(0.7, 1.3), 0.18 * shape.diameter, 0.75 * pitch),
        taper=rng.uniform(0.6, 1.3),
        cavity=rng.uniform(0.75, 1.25),
    )


def _documented(facts: FixtureFacts) -> Shape:
    diameter = _size(facts.diameter_mm, DEFAULT_DIAMETER)
    thread = _word(Thread, facts.thread, Thread.V)
    collar = _word(Collar, facts.collar, Collar.NONE)
    connection = _word(Connection, facts.connection, "")
    morse = connection == Connection.MORSE_TAPER
    form = THREAD_FORMS[thread]
    pitch = _size(facts.thread_pitch_mm, form.pitch)
    return Shape(
        diameter=diameter,
        length=_size(facts.length_mm, DEFAULT_LENGTH),
        platform=_platform(facts, diameter, collar, morse),
        mouth=_size(facts.platform_diameter_mm, DEFAULT_MORSE_MOUTH * diameter) if morse else None,
        body=_word(BodyShape, facts.body_shape, BodyShape.PARALLEL),
        connection=connection,
        collar=collar,
        collar_height=_size(facts.collar_height_mm, COLLAR_HEIGHTS[collar]),
        above_bone=facts.level == Level.TISSUE or collar == Collar.INTEGRAL,
        thread=thread,
        pitch=pitch,
        depth=min(form.depth, 0.16 * diameter, 0.7 * pitch),
        leads=facts.thread_leads or 1,
        apex=_word(Apex, facts.apex, Apex.ROUNDED),
    )


def _platform(facts: FixtureFacts, diameter: float, collar: str, morse: bool) -> float:
    if morse:
        return 0.94 * diameter
    return _size(
        facts.platform_diameter_mm,
        0.84 * diameter if collar == Collar.BACK_TAPERED else diameter,
    )


def _size(value: Millimetres, default: float) -> float:
    """The value, or the default where it is not known (None or 0)."""
    size = float(value or default)
    if not 0 <= size <= 60:
        raise ValueError(f"{size} mm is no size of an implant")
    return size


def _word(vocabulary: type[TextChoices], value: str, default: str) -> str:
    return str(vocabulary(value) if value else default)
