"""Where things stand on a periapical film: the subject first, then its neighbours."""

import math
from collections.abc import Sequence
from dataclasses import replace
from typing import NamedTuple

from numpy.random import Generator

from matching.boxes import Box
from matching.phantoms.dice import Dice, either_way
from matching.phantoms.facts import FixtureFacts, Shape, complete_shape
from matching.phantoms.frame import Frame
from matching.phantoms.levels import CROWN, METAL_CROWN, Difficulty
from matching.phantoms.profile import build_profile
from matching.phantoms.restorations import fitting
from matching.phantoms.scene import Jaw, Placed, Scene, Tooth

# A size 2 film, and how near to its edge the subject may come (mm).
PERIAPICAL_MM = (31.0, 41.0)
MARGIN_MM = 1.0
# With other fixtures on the film the subject stays so near to the middle that it is nearest,
# even after the perspective of a photograph.
CROWDED_MM = 2.0
# Radius of what stands above the platform, as a share of the platform's diameter (see solid).
HEAD_SHARE = 0.37
CROWN_MM = 3.4


class Wish(NamedTuple):
    """What the caller asks for: the fixtures, the subject first, and what is not left to chance."""

    fixtures: Sequence[FixtureFacts]
    jaw: str | None
    restoration: str | None
    pixels_per_mm: float
    style: int = 0


def periapical(dice: Dice, wish: Wish, level: Difficulty) -> Scene:
    """One jaw, the subject about in the middle of the film and entirely on it."""
    rng = dice("layout")
    sides = PERIAPICAL_MM if rng.random() < 0.5 else PERIAPICAL_MM[::-1]
    is_upper = rng.random() < 0.5 if wish.jaw is None else wish.jaw == "upper"
    tilt, share = either_way(rng, level.tilt), rng.uniform(0.2, 0.8)
    subject = place(dice("subject"), wish, 0, level, 0.0, tilt * share)
    frame = _frame(rng, wish, level, sides, subject, tilt * (1 - share), is_upper)
    fixtures, teeth = _row(dice, level, subject, wish)
    landmark = rng.uniform(11, 19) if rng.random() < 0.5 else None
    border = rng.uniform(20, 30) if not is_upper and rng.random() < 0.2 else None
    jaw = Jaw(frame, is_upper, (subject, *fixtures), tuple(teeth), landmark, border)
    return Scene("periapical", (jaw,))


def place(
    rng: Generator, wish: Wish, number: int, level: Difficulty, u: float, turn: float
) -> Placed:
    """The fixture of that number; its stated length begins about at the crest, at `u` mm along
    the jaw."""
    facts = wish.fixtures[number]
    shape = complete_shape(facts, style=wish.style)
    lean = either_way(rng, level.lean)
    sunk = rng.uniform(-0.3, 0.5)
    middle = (shape.length + shape.top_z) / 2 * math.cos(math.radians(lean))
    spin, kind = rng.uniform(0, 2 * math.pi), str(rng.choice(level.restored))
    if number == 0 and wish.restoration is not None:
        kind = wish.restoration
    return Placed(
        facts, shape, u, sunk + middle, turn, lean, spin, fitting(kind, shape), str(number)
    )


def box_of(placed: Placed, frame: Frame) -> Box:
    """Where the metal of the fixture itself lies, platform to apex."""
    top, bottom = shadow(placed.shape, placed.lean)
    turn, off = math.radians(placed.turn), (top + bottom) / 2
    x, y = frame.point(placed.u - off * math.sin(turn), placed.d + off * math.cos(turn))
    angle = (frame.angle + placed.turn + 180) % 360 - 180
    width, height = 2 * placed.shape.radius, bottom - top
    return Box(x, y, width * frame.scale, height * frame.scale, angle)


def shadow(shape: Shape, lean: float) -> tuple[float, float]:
    """Where the fixture's shadow begins and ends (mm from the middle of its axis, positive
    towards the apex) when it leans towards the beam."""
    turn = math.radians(abs(lean))
    profile = build_profile(shape)
    middle = (shape.length + shape.top_z) / 2
    along = (profile.z - middle) * math.cos(turn)
    aside = profile.crest * math.sin(turn)
    head = (shape.top_z - middle) * math.cos(turn)
    if shape.top_z < shape.platform_z:
        head -= HEAD_SHARE * shape.platform * math.sin(turn)
    return min(float((along - aside).min()), head), float((along + aside).max())


def _frame(
    rng: Generator,
    wish: Wish,
    level: Difficulty,
    sides: tuple[float, float],
    subject: Placed,
    tilt: float,
    is_upper: bool,
) -> Frame:
    """The film laid around the subject."""
    width, height = (round(side * wish.pixels_per_mm) for side in sides)
    scale = wish.pixels_per_mm * rng.uniform(*level.magnification)
    scale = min(scale, _largest(subject, width, height, tilt))
    away, towards = rng.uniform(*level.decentre), rng.uniform(0, 2 * math.pi)
    if len(wish.fixtures) > 1:
        away = min(away, 0.3 if level.screen else CROWDED_MM)
    frame = Frame(scale, 0, 0, tilt + 180 * is_upper, width, height)
    x, y = frame.point(subject.u, subject.d)
    reach = [
        max(abs(c[axis] - (x, y)[axis]) for c in box_of(subject, frame).corners())
        for axis in (0, 1)
    ]
    shift = (away * scale * math.cos(towards), away * scale * math.sin(towards))
    room = [
        max(size / 2 - far - MARGIN_MM * wish.pixels_per_mm, 0)
        for size, far in zip((width, height), reach, strict=True)
    ]
    right, down = (min(max(part, -most), most) for part, most in zip(shift, room, strict=True))
    return Frame(scale, width / 2 + right - x, height / 2 + down - y, frame.angle, width, height)


def _largest(subject: Placed, width: int, height: int, tilt: float) -> float:
    """The largest scale (pixels per mm) at which the subject is entirely on the film."""
    box = box_of(subject, Frame(1.0, 0, 0, tilt, width, height))
    x, y = zip(*box.corners(), strict=True)
    margin = 2 * MARGIN_MM
    return min(width / (max(x) - min(x) + margin), height / (max(y) - min(y) + margin))


def _row(
    dice: Dice, level: Difficulty, subject: Placed, wish: Wish
) -> tuple[list[Placed], list[Tooth]]:
    """What stands along the jaw on both sides of the subject, outwards."""
    fixtures: list[Placed] = []
    teeth: list[Tooth] = []
    waiting = list(range(1, len(wish.fixtures)))
    rng = dice("row")
    sides = (1, -1) if rng.random() < 0.5 else (-1, 1)
    reach = {side: _taken(subject) for side in sides}
    braced = rng.random() < level.brackets
    for place_number in range(4):
        for side in sides:
            name = f"{place_number}{side}"
            if waiting and (place_number or rng.random() < 0.85):
                turn = subject.turn + rng.normal(0, 0.15 * level.tilt[1] + 1)
                other = place(dice(f"fixture{name}"), wish, waiting.pop(0), level, 0, turn)
                u = side * (reach[side] + rng.uniform(1.6, 4.0) + _taken(other))
                fixtures.append(replace(other, u=u))
                reach[side] = abs(u) + _taken(other)
            elif rng.random() < level.neighbours:
                grown = _tooth(dice(f"tooth{name}"), level, side, reach[side], braced, name)
                teeth.append(grown)
                reach[side] = abs(grown.u) + 0.5 * grown.width
            else:
                reach[side] += rng.uniform(5, 8)
    return fixtures, teeth


def _taken(placed: Placed) -> float:
    """Half the room (mm) that a fixture and its crown take along the jaw."""
    is_wide = placed.restoration in (CROWN, METAL_CROWN)
    return max(placed.shape.radius, CROWN_MM * is_wide)


def _tooth(
    rng: Generator, level: Difficulty, side: int, reach: float, braced: bool, name: str
) -> Tooth:
    width = float(rng.choice((6.0, 7.0, 7.5, 8.0, 10.0, 10.5))) + rng.uniform(-0.4, 0.4)
    roots = 2 if width > 9 else 1
    work = some_work(rng, level)
    u = side * (reach + max(rng.normal(0.2, 0.5), -0.2) + 0.5 * width)
    return Tooth(
        u,
        rng.uniform(-2.2, -0.8),
        rng.uniform(-5, 5),
        width,
        roots,
        rng.uniform(11.5, 15.0),
        work,
        braced,
        name,
    )


def some_work(rng: Generator, level: Difficulty) -> tuple[str, ...]:
    """What was done to a tooth: words of `scene.WORK`."""
    if rng.random() >= level.fillings:
        return ()
    choice = rng.random()
    if choice < 0.4:
        return ("amalgam",)
    if choice < 0.55:
        return ("composite",)
    if choice < 0.7:
        return ("metal crown",)
    if choice < 0.85:
        return ("root filling", "amalgam")
    return ("root filling", "post", "metal crown")
