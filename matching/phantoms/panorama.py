"""A panoramic film: both arches rolled out, with what stands and shines through around them.

Positions are general knowledge of how such a film looks: jaw, spine, palate, sinuses, nose and
orbits lie where they lie on most; they are backdrops, not anatomy to be measured.
"""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from numpy.random import Generator

from matching.phantoms.anatomy import texture
from matching.phantoms.dice import Dice, either_way
from matching.phantoms.frame import Frame
from matching.phantoms.layout import Wish, place, some_work
from matching.phantoms.levels import Difficulty
from matching.phantoms.materials import BONE, JAW_MM, bell, cloud, smooth_step
from matching.phantoms.profile import Array, ramp
from matching.phantoms.scene import Jaw, Placed, Scene, Tooth

PANORAMIC_MM = (300.0, 150.0)
MAGNIFICATION = 1.25
# Widths of the crowns of one side from the middle outwards, and the roots of each (mm).
LOWER = (5.5, 6.0, 7.0, 7.2, 7.4, 11.0, 10.5)
UPPER = (8.5, 6.8, 7.8, 7.2, 7.0, 10.5, 10.0)
FIRST_MOLAR = 5
# The subject takes one of so many sites in the middle; the others are farther away from it by
# so much (mm of the film), by more where a photograph's perspective moves the middle.
NEAREST_SITES = 8
NEARER_MM, CLEAR_MM = 5.0, 22.0
CREST_UP_MM = 9.0
Site = tuple[int, float, float]


def panoramic(dice: Dice, wish: Wish, level: Difficulty) -> Scene:
    """Two jaws; the subject stands at the free site that is nearest to the film's middle."""
    rng = dice("layout")
    tilt = either_way(rng, (0, 0.3 * level.tilt[1]))
    frames = [_frame(rng, wish, level, tilt, is_upper) for is_upper in (False, True)]
    clear = wish.pixels_per_mm * (CLEAR_MM if level.screen else NEARER_MM)
    sites = _sites(dice("sites"), wish, frames, clear)
    fixtures: tuple[list[Placed], list[Placed]] = ([], [])
    for number, site in enumerate(sites):
        fixtures[site[0]].append(_planted(dice, number, site, frames, level, wish))
    jaws = []
    for side, frame in enumerate(frames):
        taken = [site[1] for site in sites if site[0] == side]
        teeth = _teeth(dice(f"teeth{side}"), frame, bool(side), taken, level)
        jaws.append(Jaw(frame, bool(side), tuple(fixtures[side]), tuple(teeth)))
    first = sites[0][0]
    return Scene("panoramic", (jaws[first], jaws[1 - first]))


def backdrop(rng: Generator, scene: Scene, size: tuple[int, int]) -> Array:
    """Attenuation of everything but teeth and metal, on a film of (width, height) pixels."""
    jaws = {jaw.is_upper: jaw for jaw in scene.jaws}
    lower = jaws[False].frame.resized(*size)
    upper = jaws[True].frame.resized(*size)
    window, above = lower.whole(), upper.whole()
    depth = window.d - np.float32(lower.bend) * window.u * window.u
    film = _mandible(rng, window.u, depth, lower.scale)
    rise = above.d - np.float32(upper.bend) * above.u * above.u
    film += _maxilla(rng, above.u, rise, upper.scale)
    film += _throat(rng, window.u, depth)
    return film.astype(np.float32)


def _frame(rng: Generator, wish: Wish, level: Difficulty, tilt: float, is_upper: bool) -> Frame:
    width, height = (round(side * wish.pixels_per_mm) for side in PANORAMIC_MM)
    scale = wish.pixels_per_mm * MAGNIFICATION * rng.uniform(*level.magnification)
    bend = rng.uniform(0.001, 0.0035) * (1 if is_upper else -1)
    down = (-CREST_UP_MM if is_upper else CREST_UP_MM) * scale
    middle = height * rng.uniform(0.47, 0.53) + down
    return Frame(scale, width / 2, middle, tilt + 180 * is_upper, width, height, bend)


def _sites(rng: Generator, wish: Wish, frames: Sequence[Frame], clear: float) -> list[Site]:
    """(jaw, u, width of the tooth that is missing there); the first is nearer to the film's
    middle than all others, by `clear` pixels."""
    free = []
    for side, widths in enumerate((LOWER, UPPER)):
        edges = np.cumsum((0.0, *widths))
        for place_number, width in enumerate(widths):
            for sign in (-1, 1):
                free.append((side, sign * (edges[place_number] + width / 2), width))
    order = rng.permutation(len(free))
    wanted = [0, 1] if wish.jaw is None else [int(wish.jaw == "upper")]
    sites = [free[index] for index in order if free[index][0] in wanted]
    far = {site: _from_middle(site, frames[site[0]]) for site in sites}
    nearest = sorted(sites, key=lambda site: far[site])[:NEAREST_SITES]
    chosen = [nearest[rng.integers(len(nearest))]]
    for site in sites:
        is_free = far[site] > far[chosen[0]] + clear
        is_free = is_free and all(_apart(site, other) for other in chosen)
        if len(chosen) < len(wish.fixtures) and is_free:
            chosen.append(site)
    return chosen


def _apart(one: Site, other: Site) -> bool:
    return one[0] != other[0] or abs(one[1] - other[1]) > 6.5


def _from_middle(site: Site, frame: Frame) -> float:
    crest, _slope = frame.crest(site[1])
    x, y = frame.point(site[1], crest + 5)
    return float(np.hypot(x - frame.width / 2, y - frame.height / 2))


def _planted(
    dice: Dice,
    number: int,
    site: Site,
    frames: Sequence[Frame],
    level: Difficulty,
    wish: Wish,
) -> Placed:
    side, u, _width = site
    crest, slope = frames[side].crest(u)
    rng = dice(f"fixture{number}")
    turn = either_way(rng, level.tilt) * 0.7 + slope
    planted = place(rng, wish, number, level, u, turn)
    return replace(planted, d=planted.d + crest)


def _teeth(
    rng: Generator, frame: Frame, is_upper: bool, taken: Sequence[float], level: Difficulty
) -> list[Tooth]:
    teeth = []
    widths = UPPER if is_upper else LOWER
    edges = np.cumsum((0.0, *widths))
    missing = rng.uniform(0.05, 0.45)
    braced = rng.random() < level.brackets
    for number, width in enumerate(widths):
        for sign in (-1, 1):
            u = sign * (edges[number] + width / 2)
            tooth = _grown(rng, frame, level, u, number, width, f"{int(is_upper)}{sign}{number}")
            is_free = all(abs(u - at) > 0.5 * width + 2.2 for at in taken)
            if rng.random() > missing and is_free:
                teeth.append(replace(tooth, has_bracket=braced))
    return teeth


def _grown(
    rng: Generator, frame: Frame, level: Difficulty, u: float, number: int, width: float, name: str
) -> Tooth:
    crest, slope = frame.crest(u)
    roots = 2 if number >= FIRST_MOLAR else 1
    return Tooth(
        u=u,
        d=crest + rng.uniform(-2.0, -1.0),
        turn=slope + rng.normal(0, 3),
        width=width + rng.uniform(-0.3, 0.4),
        roots=roots,
        length=rng.uniform(11, 14),
        work=some_work(rng, level),
        has_bracket=False,
        name=name,
    )


def _mandible(rng: Generator, u: Array, depth: Array, scale: float) -> Array:
    """Body, both rami with their heads, the canal, and the dense lower border."""
    side = np.abs(u)
    deep, wide = rng.uniform(25, 31), rng.uniform(70, 77)
    border = deep - rng.uniform(0.0004, 0.0014) * np.square(np.maximum(side - 10, 0))
    body = _both(_both(depth, border - depth, 3), wide + 8 - side, 10)
    lean = wide + rng.uniform(0.12, 0.26) * (10 - depth)
    ramus = _both(13 - np.abs(side - lean) - 0.06 * depth, deep - 8 - depth, 12)
    notch = np.hypot((side - lean) / 7, (depth + 47) / 12) - 1
    ramus = _both(_both(ramus, depth + 46, 5), 7 * notch, 3)
    inside = -_both(-body, -ramus, 9)
    solid = smooth_step(inside / 2.0)
    rim = 0.45 * bell(inside - 2.0, 1.6)
    canal = np.abs(depth - 0.62 * border - 0.003 * np.square(side - 30))
    tunnel = smooth_step((2.0 - canal) / 1.0) * smooth_step((side - 20) / 6)
    marrow = solid * (0.85 + texture(rng, u.shape, scale) - 0.16 * tunnel) + rim
    return BONE * JAW_MM * rng.uniform(0.8, 1.2) * np.maximum(marrow, 0)


def _maxilla(rng: Generator, u: Array, rise: Array, scale: float) -> Array:
    """Alveolar bone, palate, sinuses, nose, cheekbones and the lower rims of the orbits."""
    side = np.abs(u)
    bone = smooth_step(rise / 1.5) * smooth_step((78 - side) / 26) * smooth_step((70 - rise) / 30)
    floor = rng.uniform(20, 25)
    sinus = 1 - np.hypot((side - 35) / 20, (rise - floor - 0.12 * (side - 35)) / 12)
    nose = 1 - np.hypot((side - 6.5) / 5.5, (rise - 27) / 13)
    orbit = 1 - np.hypot((side - 33) / 18, (rise - 56) / 15)
    cheek = 0.4 * bell(rise - 26 - 0.0035 * np.square(side - 52), 5) * smooth_step((side - 38) / 10)
    share = 0.7 + 0.8 * texture(rng, u.shape, scale) + cheek
    for hole, dark in ((sinus, 0.4), (nose, 0.5), (orbit, 0.5)):
        share = share * (1 - dark * smooth_step(hole * 3)) + 0.25 * bell(hole, 0.06)
    palate = 0.4 * bell(rise - 17 - 0.002 * side * side, 1.3) * smooth_step((50 - side) / 14)
    septum = 0.4 * bell(side, 1.1) * smooth_step((rise - 14) / 3) * smooth_step((42 - rise) / 4)
    return BONE * JAW_MM * bone * (share + palate + septum)


def _throat(rng: Generator, u: Array, depth: Array) -> Array:
    """Soft tissue all over, the spine's shadow in the middle and its bones at both sides, and
    the air behind the tongue and between the lips."""
    side = np.abs(u)
    thick = rng.uniform(0.18, 0.4)
    soft = thick * smooth_step((118 - side) / 25) * smooth_step((58 - depth) / 30)
    ghost = rng.uniform(0.1, 0.5) * np.exp(-np.square(u / rng.uniform(9, 18)))
    ghost = ghost * (0.35 + 0.65 * ramp((depth + 50) / 70))
    bones = 0.3 * smooth_step((side - 97) / 9) * smooth_step((122 - side) / 8)
    bones = bones * (0.8 + 0.2 * np.sin(depth / 3.2 + 0.05 * side))
    air = 0.4 * bell(side - 92 - 0.25 * depth, 7) * smooth_step((depth + 70) / 30)
    mouth = 0.35 * bell(depth + 30 + 0.004 * side * side, 4) * smooth_step((66 - side) / 14)
    lips = 0.4 * bell(depth + CREST_UP_MM, 3.5) * smooth_step((40 - side) / 25)
    fog = 0.06 * cloud(rng, u.shape, max(u.shape[1] / 12, 2))
    return np.maximum((soft + fog) * (1 - air - mouth - lips) + ghost + bones, 0.02)


def _both(one: Array, other: Array, rounding: float) -> Array:
    """The intersection of two regions (positive inside, mm), its corner rounded."""
    share = ramp(0.5 + (other - one) / (2 * rounding))
    mixed: Array = other + (one - other) * share - rounding * share * (1 - share)
    return mixed
