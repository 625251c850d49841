"""What stands where on a film, in millimetres of the jaw; nothing is drawn here."""

from dataclasses import dataclass

from matching.phantoms.facts import FixtureFacts, Shape
from matching.phantoms.frame import Frame


@dataclass(frozen=True)
class Placed:
    """A fixture: (u, d) mm is the middle of its box in the jaw, `turn` its tilt against the
    jaw's own axis and `lean` its tilt towards the beam (degrees), `spin` about itself (rad)."""

    facts: FixtureFacts
    shape: Shape
    u: float
    d: float
    turn: float
    lean: float
    spin: float
    restoration: str
    name: str


@dataclass(frozen=True)
class Tooth:
    """A tooth whose neck is at (u, d) mm. `width` is that of its crown; work done on it is a
    word of `WORK`, or "" for a sound one."""

    u: float
    d: float
    turn: float
    width: float
    roots: int
    length: float
    work: tuple[str, ...]
    has_bracket: bool
    name: str


WORK = ("amalgam", "composite", "metal crown", "root filling", "post")


@dataclass(frozen=True)
class Jaw:
    """`landmark` is the depth (mm) of the canal of a lower jaw, of the sinus floor of an upper
    one; `border` that of a lower jaw's lower edge. None where the film does not show it."""

    frame: Frame
    is_upper: bool
    fixtures: tuple[Placed, ...]
    teeth: tuple[Tooth, ...]
    landmark: float | None = None
    border: float | None = None


@dataclass(frozen=True)
class Scene:
    """The first fixture of the first jaw is the subject."""

    modality: str
    jaws: tuple[Jaw, ...]
