"""Everything on the film that is not the fixture: bone, teeth, restorations, the receptor.

Attenuation is in relative units per mm: titanium : ceramic : enamel : dentine : bone : soft
tissue. They keep the order and roughly the ratio of the elements' tabulated coefficients at
a hardened dental beam (about 50 keV effective), tuned until a film looks like a periapical
one. They are not dosimetry.
"""

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray
from PIL import Image

from matching.phantoms.facts import Shape
from matching.phantoms.profile import Array, ramp
from matching.phantoms.solid import circle_chord

TITANIUM = 0.5
CERAMIC = 0.30
ENAMEL = 0.20
DENTINE = 0.12
BONE = 0.055
SOFT_TISSUE = 0.018
JAW_MM = 8.0
CHEEK_MM = 10.0

# "PHANTOM" in a 5 x 7 grid, one number a row: a font of our own is the same everywhere.
_LETTERS = {
    "P": (30, 17, 17, 30, 16, 16, 16),
    "H": (17, 17, 17, 31, 17, 17, 17),
    "A": (14, 17, 17, 31, 17, 17, 17),
    "N": (17, 25, 25, 21, 19, 19, 17),
    "T": (31, 4, 4, 4, 4, 4, 4),
    "O": (14, 17, 17, 17, 17, 17, 14),
    "M": (17, 27, 21, 21, 17, 17, 17),
}
LABEL_CORNER = (7, 7)
LABEL_GREY = 165


def smooth_step(value: Array) -> Array:
    share = ramp(value)
    return share * share * (3 - 2 * share)


def cloud(rng: Generator, shape: tuple[int, int], cell: float) -> Array:
    """Smooth random field of about unit spread; `cell` is its grain in pixels."""
    small = (int(shape[0] / cell) + 3, int(shape[1] / cell) + 3)
    seeds = Image.fromarray(rng.standard_normal(small).astype(np.float32))
    size = (int(small[1] * cell) + 1, int(small[0] * cell) + 1)
    grown = seeds.resize(size, Image.Resampling.BICUBIC)
    return np.asarray(grown, np.float32)[: shape[0], : shape[1]]


def jaw(rng: Generator, x: Array, z: Array, scale: float, crest_z: float, radius: float) -> Array:
    """Attenuation of cheek and trabecular bone; the crest lies about `crest_z` mm."""
    shape = x.shape
    slope = rng.uniform(-0.06, 0.06)
    dish = rng.uniform(0.0, 0.7) * np.exp(-np.maximum(np.abs(x) - radius, 0) / 0.8)
    depth = z - (crest_z + rng.uniform(-0.2, 0.4) + slope * x + dish)
    ridges = 1 - np.abs(cloud(rng, shape, 0.32 * scale))
    texture = 0.13 * ridges + 0.05 * cloud(rng, shape, 0.13 * scale)
    texture += 0.1 * cloud(rng, shape, 1.6 * scale)
    bone = smooth_step(depth / 0.7) * (0.92 + texture)
    plate = 0.3 * np.exp(-np.square((depth - 0.45) / 0.3))
    gradient = 1 + 0.012 * np.clip(z, -5, 20)
    soft = SOFT_TISSUE * CHEEK_MM * smooth_step((depth + 4.5) / 3)
    return soft + BONE * JAW_MM * (bone + plate) * gradient


def tooth(rng: Generator, x: Array, z: Array, neck_x: float, crest_z: float) -> tuple[Array, Array]:
    """A neighbour whose neck is `neck_x` mm from the axis: its attenuation, and the share
    (0..1) of everything else that is left (less inside, a dark ligament line around)."""
    lean = rng.uniform(-0.08, 0.08)
    length = rng.uniform(12.0, 14.5)
    neck_z = crest_z - 1.5
    off = np.abs(x - neck_x - lean * (z - neck_z))
    down = z - neck_z
    along = ramp(down / length)
    root = 2.5 * np.sqrt(1 - along) * (1 - 0.25 * along)
    crown = (2.5 + 1.3 * smooth_step(-down / 3.5)) * np.sqrt(smooth_step((down + 8) / 1.2))
    half = np.where(down > 0, root, crown)
    chord = circle_chord(off, half)
    pulp = np.where(down > -3, np.maximum(0.42 * (1 - 0.6 * along) - off, 0), 0)
    pulp = np.where(down < 0.94 * length, pulp, 0)
    shell = smooth_step((off - half + 1.2) / 0.8) * smooth_step(-down / 1.0)
    hard = DENTINE * np.maximum(chord - 2.2 * pulp, 0)
    hard += ENAMEL * np.where(chord > 0, 1.6 * shell + 0.8 * smooth_step(-down / 1.0), 0)
    rim = np.maximum(off - half, down - length)
    ligament = 0.2 * np.exp(-np.square((rim - 0.12) / 0.14)) * (down > 0)
    return hard, 1 - ligament - 0.7 * ramp(chord / JAW_MM)


def healing_cap(rng: Generator, shape: Shape, x: Array, z: Array) -> Array:
    """mm of titanium of a cap that widens towards its domed top."""
    height, spread = rng.uniform(2.0, 4.5), rng.uniform(1.0, 1.35)
    up = shape.platform_z - z
    wide = spread * shape.platform / 2
    half = shape.seat / 2 + (wide - shape.seat / 2) * ramp(up / 1.5)
    dome = ramp((height - up) / 0.5)
    half = half * np.sqrt(dome * (2 - dome))
    recess = np.where((up > height - 1.2) & (np.abs(x) < 0.6), 1.1, 0)
    metal = np.maximum(circle_chord(x, half) - recess, 0)
    return np.where(up >= -shape.scallop, metal, 0)


def crown(rng: Generator, shape: Shape, x: Array, z: Array) -> tuple[Array, Array]:
    """mm of titanium abutment and mm of ceramic of a screwed crown."""
    wide, tall = rng.uniform(3.2, 4.4), rng.uniform(8.0, 9.5)
    up = shape.platform_z - z
    post = shape.seat / 2 * (1 - 0.06 * np.clip(up, 0, 5))
    abutment = np.where((up >= -shape.scallop) & (up < 5), circle_chord(x, post), 0)
    begin = rng.uniform(0.6, 1.4)
    bulge = smooth_step((up - begin) / 3.2)
    neck = 0.53 * shape.seat
    half = np.where(up > begin, neck + (wide - neck) * bulge, 0)
    cusps = tall - 0.5 + 0.5 * np.cos(2 * np.pi * x / (1.1 * wide))
    chord = 0.85 * circle_chord(x, half) * smooth_step((cusps - up) / 0.25)
    return abutment, np.maximum(chord - 0.6 * abutment, 0)


def blur(image: Array, sigma: float) -> Array:
    """Gaussian blur of a (rows, columns) array, sigma in pixels."""
    reach = max(1, int(np.ceil(2.5 * sigma)))
    weights = np.exp(-0.5 * np.square(np.arange(-reach, reach + 1) / sigma))
    weights = (weights / weights.sum()).astype(np.float32)
    for axis in (0, 1):
        padded = np.pad(image, [(reach, reach) if a == axis else (0, 0) for a in (0, 1)], "edge")
        size = image.shape[axis]
        image = sum(
            (w * np.take(padded, range(k, k + size), axis) for k, w in enumerate(weights)),
            np.zeros_like(image),
        )
    return image


def grain(rng: Generator, shape: tuple[int, int]) -> Array:
    """Unit noise that is a little correlated between neighbouring pixels."""
    white = rng.standard_normal((shape[0] + 1, shape[1] + 1), dtype=np.float32)
    return (white[1:, 1:] + white[:-1, 1:] + white[1:, :-1] + white[:-1, :-1]) / 2


def film_edge(rng: Generator, image: Array) -> None:
    """Blacken what lies past one slanted edge of the receptor, in place."""
    rows, columns = image.shape
    inset, slant = rng.uniform(4, 26), rng.uniform(-0.03, 0.03)
    line = np.arange(columns, dtype=np.float32)[None, :]
    beyond = line < inset + slant * (np.arange(rows, dtype=np.float32)[:, None] - rows / 2)
    if rng.random() < 0.5:
        beyond = beyond[:, ::-1]
    image[beyond] = 0.02


def burn_label(pixels: NDArray[np.uint8]) -> None:
    """Write PHANTOM into the corner, always the same place and size, in place."""
    glyphs = []
    for letter in "PHANTOM":
        bits = [[row << 1 >> (5 - column) & 1 for column in range(6)] for row in _LETTERS[letter]]
        glyphs.append(np.array(bits, bool))
    word = np.pad(np.kron(np.hstack(glyphs), np.ones((2, 2), bool)), 3)
    top, left = LABEL_CORNER
    plate = pixels[top : top + word.shape[0], left : left + word.shape[1]]
    plate[:] = np.where(word, LABEL_GREY, 0)
