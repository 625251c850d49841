"""How hard a film is: the named levels, and what each of them contains.

| level | what it stands for |
|---|---|
| `clean` | a well taken film of a practice: one fixture, bare, under a cover screw or a healing
  cap, small tilt, some sound or filled neighbours, both jaws |
| `clinic` | a normal day: tilts, wrong exposure, blur, crowns, fillings, several fixtures, film
  edges, a collimator's cut, text |
| `hard` | a film that a person would like taken again: strong tilt in both planes, motion,
  noise, scatter, brackets, arrows, scratches, now and then photographed from a screen |
| `extreme` | beyond what a person would accept: everything at once, mostly a photograph of a
  screen, badly compressed |
"""

from dataclasses import dataclass

Range = tuple[float, float]

BARE, COVER, CAP = "none", "cover screw", "healing cap"
ABUTMENT, BALL, CROWN, METAL_CROWN = "abutment", "ball", "crown", "metal crown"
RESTORATIONS = (BARE, COVER, CAP, ABUTMENT, BALL, CROWN, METAL_CROWN)


@dataclass(frozen=True)
class Difficulty:
    """Ranges are drawn from evenly, chances are 0…1; `replace()` switches one thing.

    Degrees: `tilt` of the fixture in the film's plane and `lean` out of it, either way. mm:
    `decentre` of the fixture from the film's middle, `blur` (standard deviation), `motion`
    (length of a smear). `metal` multiplies titanium's attenuation, `exposure` is the light that
    reaches the receptor, `contrast` the exponent of the grey scale, `noise` the spread of the
    light where nothing attenuates (full light = 1),
    `scatter` the share of the light that arrives as a veil, `sharpened` how much the software of
    a sensor exaggerates edges, `jpeg` the quality of a
    compression that the film has behind it. `restored` are the restorations, equally likely.
    `fixtures` is the chance of each of at most two more fixtures where the caller names none.
    """

    name: str
    tilt: Range
    lean: Range
    decentre: Range
    magnification: Range
    metal: Range
    exposure: Range
    contrast: Range
    blur: Range
    motion: Range
    noise: Range
    scatter: Range
    sharpened: Range
    jpeg: Range
    restored: tuple[str, ...]
    neighbours: float
    fixtures: float
    fillings: float
    brackets: float
    edge: float
    collimator: float
    text: float
    arrows: float
    scratches: float
    screen: float


CLEAN = Difficulty(
    name="clean",
    tilt=(0, 4),
    lean=(0, 3),
    decentre=(0, 2),
    magnification=(1.0, 1.06),
    metal=(0.95, 1.05),
    exposure=(0.95, 1.05),
    contrast=(1.1, 1.3),
    blur=(0.03, 0.05),
    motion=(0, 0),
    noise=(0.012, 0.02),
    scatter=(0.0, 0.03),
    sharpened=(0.0, 0.4),
    jpeg=(90, 95),
    restored=(BARE, COVER, CAP),
    neighbours=0.6,
    fixtures=0.0,
    fillings=0.25,
    brackets=0.0,
    edge=0.0,
    collimator=0.0,
    text=0.0,
    arrows=0.0,
    scratches=0.0,
    screen=0.0,
)
CLINIC = Difficulty(
    name="clinic",
    tilt=(0, 15),
    lean=(0, 10),
    decentre=(0, 5),
    magnification=(0.95, 1.15),
    metal=(0.85, 1.2),
    exposure=(0.75, 1.35),
    contrast=(0.9, 1.5),
    blur=(0.04, 0.08),
    motion=(0, 0.12),
    noise=(0.02, 0.045),
    scatter=(0.02, 0.12),
    sharpened=(0.0, 1.0),
    jpeg=(70, 92),
    restored=(BARE, COVER, CAP, CAP, ABUTMENT, BALL, CROWN, CROWN, METAL_CROWN),
    neighbours=0.75,
    fixtures=0.25,
    fillings=0.5,
    brackets=0.04,
    edge=0.25,
    collimator=0.12,
    text=0.35,
    arrows=0.05,
    scratches=0.1,
    screen=0.0,
)
HARD = Difficulty(
    name="hard",
    tilt=(0, 30),
    lean=(0, 20),
    decentre=(0, 9),
    magnification=(0.85, 1.3),
    metal=(0.7, 1.4),
    exposure=(0.5, 1.9),
    contrast=(0.7, 1.8),
    blur=(0.06, 0.14),
    motion=(0, 0.35),
    noise=(0.035, 0.08),
    scatter=(0.08, 0.28),
    sharpened=(0.0, 1.8),
    jpeg=(35, 85),
    restored=(BARE, CAP, ABUTMENT, BALL, CROWN, CROWN, METAL_CROWN, METAL_CROWN),
    neighbours=0.8,
    fixtures=0.4,
    fillings=0.65,
    brackets=0.15,
    edge=0.45,
    collimator=0.3,
    text=0.5,
    arrows=0.35,
    scratches=0.35,
    screen=0.25,
)
EXTREME = Difficulty(
    name="extreme",
    tilt=(0, 45),
    lean=(8, 30),
    decentre=(0, 10),
    magnification=(0.7, 1.45),
    metal=(0.55, 1.6),
    exposure=(0.35, 2.6),
    contrast=(0.5, 2.3),
    blur=(0.1, 0.24),
    motion=(0.1, 0.8),
    noise=(0.06, 0.15),
    scatter=(0.2, 0.5),
    sharpened=(0.0, 2.5),
    jpeg=(12, 50),
    restored=(CAP, ABUTMENT, BALL, CROWN, METAL_CROWN, METAL_CROWN),
    neighbours=0.85,
    fixtures=0.5,
    fillings=0.8,
    brackets=0.3,
    edge=0.6,
    collimator=0.5,
    text=0.7,
    arrows=0.6,
    scratches=0.7,
    screen=0.8,
)
DIFFICULTIES: dict[str, Difficulty] = {
    level.name: level for level in (CLEAN, CLINIC, HARD, EXTREME)
}


def level_of(difficulty: str | Difficulty) -> Difficulty:
    """The level of that name; ValueError for an unknown one."""
    if isinstance(difficulty, Difficulty):
        return difficulty
    if difficulty not in DIFFICULTIES:
        raise ValueError(f"difficulty {difficulty!r} is none of {', '.join(DIFFICULTIES)}")
    return DIFFICULTIES[difficulty]
