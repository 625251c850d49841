"""What is on a sketched film and is no fixture: bone, teeth and what dentists put in them."""

import numpy as np
from numpy.random import Generator

from matching.training.finder.canvas import Place, cloud, fill, line, outline
from matching.training.finder.scene import Array


def background(rng: Generator, shape: tuple[int, int], scale: float) -> Array:
    """Anything from a plain grey to a jaw with its texture; light 0…1."""
    rows, columns = shape
    y, x = np.indices(shape, dtype=np.float32)
    light = np.full(shape, rng.uniform(0.05, 0.55), np.float32)
    if rng.random() < 0.35:
        waves = np.sin(x / columns * rng.uniform(1, 6) + rng.uniform(0, 6))
        light += rng.uniform(0.05, 0.25) * waves * np.cos(y / rows * rng.uniform(1, 6))
    if rng.random() < 0.6:
        light += rng.uniform(0.02, 0.14) * cloud(rng, shape, rng.uniform(25, 120))
    if rng.random() < 0.65:
        ridges = 1 - np.abs(cloud(rng, shape, max(rng.uniform(0.3, 1.2) * scale, 2)))
        light += rng.uniform(0.02, 0.09) * ridges
    if rng.random() < 0.5:
        _crest(light, rng, y)
    return np.clip(light, 0, 0.62)


def _crest(light: Array, rng: Generator, y: Array) -> None:
    """Bone ends at a wavy line; past it there is little but air, in place."""
    rows, columns = light.shape
    line_y = rng.uniform(0.2, 0.7) * rows + 0.04 * rows * cloud(rng, (1, columns), columns / 4)
    past = 1 / (1 + np.exp(np.clip((y - line_y) / rng.uniform(1, 6), -30, 30)))
    if rng.random() < 0.5:
        past = 1 - past
    light *= 1 - rng.uniform(0.4, 1.0) * past


def tooth(light: Array, rng: Generator, place: Place) -> None:
    """A tooth whose neck is at `place`, its root along the axis, in place."""
    root, crown = rng.uniform(10, 15), rng.uniform(6, 9)
    neck, wide = rng.uniform(1.8, 3.2), rng.uniform(2.6, 4.8)
    grey = rng.uniform(0.35, 0.75)
    along = np.linspace(0, root, 14)
    half = neck * (1 - (along / root) ** rng.uniform(1.2, 3)) + 0.3
    fill(light, place.points(*outline(along, half + 0.35)), rng.uniform(0.05, 0.3), 0.7)
    fill(light, place.points(*outline(along, half)), grey, rng.uniform(0.6, 1))
    up, bulge = _crown_outline(rng, crown, neck, wide)
    fill(light, place.points(*outline(up, bulge)), min(grey + rng.uniform(0, 0.25), 1))
    _canal(light, rng, place, root)
    _repaired(light, rng, place, crown, wide)


def _crown_outline(rng: Generator, tall: float, neck: float, wide: float) -> tuple[Array, Array]:
    up = np.linspace(0, tall, 10)
    share = np.clip(up / tall * rng.uniform(1.2, 3), 0, 1)
    half = (neck + (wide - neck) * share) * (1 - rng.uniform(0.02, 0.4) * (up / tall) ** 4)
    return -up, half


def _canal(light: Array, rng: Generator, place: Place, root: float) -> None:
    """The pulp, dark; or a filled root canal or a post, as bright as a fixture but thin."""
    along, kind = np.array([rng.uniform(-3, 1), rng.uniform(0.6, 0.95) * root]), rng.random()
    points = place.points(np.array([0, rng.uniform(-0.4, 0.4)]), along)
    if kind < 0.55:
        line(light, points, rng.uniform(0.15, 0.4), rng.uniform(0.3, 1) * place.scale)
    elif kind < 0.85:
        line(light, points, rng.uniform(0.75, 1), rng.uniform(0.3, 0.9) * place.scale)
    if kind > 0.75:
        along = np.array([-rng.uniform(1, 4), rng.uniform(3, 8)])
        half = np.array([rng.uniform(0.5, 0.9), rng.uniform(0.3, 0.6)])
        fill(light, place.points(*outline(along, half)), rng.uniform(0.8, 1))


def _repaired(light: Array, rng: Generator, place: Place, tall: float, wide: float) -> None:
    kind = rng.random()
    if kind < 0.25:
        crown(light, rng, place, tall=tall, wide=wide)
    elif kind < 0.5:
        for _again in range(int(rng.integers(1, 4))):
            filling(light, rng, place, tall=tall, wide=wide)
    elif kind < 0.6:
        bracket(light, rng, place, tall=tall)


def crown(light: Array, rng: Generator, place: Place, *, tall: float, wide: float) -> None:
    """A metal or ceramic crown, at times with a darker stump inside, in place."""
    neck = wide * rng.uniform(0.6, 0.9)
    up, half = _crown_outline(rng, tall, neck, wide)
    fill(light, place.points(*outline(up, half)), rng.uniform(0.6, 1))
    if rng.random() < 0.3:
        stump = place.points(*outline(up * 0.7, half * 0.7))
        fill(light, stump, rng.uniform(0.4, 0.8), rng.uniform(0.3, 1))


def filling(light: Array, rng: Generator, place: Place, *, tall: float, wide: float) -> None:
    """An amalgam filling: a white blob of any form, in place."""
    angles = np.sort(rng.uniform(0, 2 * np.pi, int(rng.integers(5, 11))))
    size = rng.uniform(0.6, 2.2)
    across = rng.uniform(-0.7, 0.7) * wide + size * rng.uniform(0.5, 1.3) * np.cos(angles)
    along = -rng.uniform(0.2, 0.95) * tall + size * rng.uniform(0.5, 1.3) * np.sin(angles)
    fill(light, place.points(across, along), rng.uniform(0.8, 1))


def bracket(light: Array, rng: Generator, place: Place, *, tall: float) -> None:
    """An orthodontic bracket with its slot and the wire through it, in place."""
    side, up = rng.uniform(1, 2), -rng.uniform(0.3, 0.8) * tall
    square = outline(np.array([up - side, up + side]), np.full(2, side * rng.uniform(0.7, 1.2)))
    fill(light, place.points(*square), rng.uniform(0.75, 1))
    slot = place.points(np.array([-side, side]), np.array([up, up]))
    line(light, slot, rng.uniform(0.3, 0.7), 0.4 * place.scale)
    if rng.random() < 0.7:
        wire = place.points(np.array([-20, 20]), np.array([up, up + rng.uniform(-2, 2)]))
        line(light, wire, rng.uniform(0.75, 1), rng.uniform(0.3, 0.7) * place.scale)


def clutter(light: Array, rng: Generator, scale: float) -> None:
    """Something bright of no meaning: a bar, a disc, a ring, a sheet; in place."""
    rows, columns = light.shape
    spot = (rng.uniform(0, columns), rng.uniform(0, rows))
    place = Place(*spot, rng.uniform(0, 2 * np.pi), scale)
    kind, grey = rng.random(), rng.uniform(0.6, 1)
    if kind < 0.3:
        long = rng.uniform(15, 50)
        bar = outline(np.array([-long, long]), np.full(2, rng.uniform(0.3, 1.5)))
        fill(light, place.points(*bar), grey)
    elif kind < 0.6:
        angles, size = np.linspace(0, 2 * np.pi, 20), rng.uniform(0.5, 4)
        disc = place.points(size * np.cos(angles), size * np.sin(angles))
        if rng.random() < 0.5:
            fill(light, disc, grey)
        else:
            line(light, disc, grey, rng.uniform(0.3, 1) * scale)
    elif kind < 0.8:
        corner = outline(np.array([0.0, 60]), np.array([rng.uniform(5, 40), 60]))
        fill(light, place.points(*corner), float(rng.choice((0, grey))))
    else:
        filling(light, rng, place, tall=4, wide=4)
