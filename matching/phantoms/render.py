"""A phantom film: facts and a seed in, a greyscale picture out."""

import hashlib
import io
from dataclasses import dataclass
from decimal import Decimal
from typing import NamedTuple

import numpy as np
from numpy.random import Generator
from PIL import Image

from implants.vocabulary import Connection
from matching.phantoms import film
from matching.phantoms.facts import FixtureFacts, Shape, complete_shape
from matching.phantoms.profile import Array
from matching.phantoms.solid import titanium_mm

Range = tuple[float, float]

WIDTH, HEIGHT = 480, 720
PIXELS_PER_MM = 36.0
MARGIN_PX = 56
JPEG_QUALITY = 90

SIZES = (
    "diameter_mm",
    "length_mm",
    "platform_diameter_mm",
    "collar_height_mm",
    "thread_pitch_mm",
    "thread_leads",
)
WORDS = ("body_shape", "connection", "level", "collar", "thread", "apex")


@dataclass(frozen=True)
class Difficulty:
    """How a film is taken; ranges are drawn from evenly, chances are 0..1.

    Degrees for the tilt in the film plane, pixels for shift and blur; `zoom` multiplies
    PIXELS_PER_MM, `exposure` the light that reaches the receptor, `contrast` is the exponent
    of the grey scale, `noise` the spread where nothing attenuates (full light = 1).
    """

    tilt: Range
    shift: Range
    zoom: Range
    exposure: Range
    contrast: Range
    blur: Range
    noise: Range
    neighbours: float
    restored: float
    edge: float


DIFFICULTIES: dict[str, Difficulty] = {
    # A well taken film of a bare fixture: what references are made of.
    "easy": Difficulty(
        tilt=(-2, 2),
        shift=(-4, 4),
        zoom=(1, 1),
        exposure=(0.97, 1.03),
        contrast=(1.15, 1.25),
        blur=(0.8, 1.0),
        noise=(0.012, 0.018),
        neighbours=0.25,
        restored=0.0,
        edge=0.0,
    ),
    # A day in a practice: tilt, wrong exposure, blur, crowns, caps, neighbours, film edges.
    "clinic": Difficulty(
        tilt=(-8, 8),
        shift=(-16, 16),
        zoom=(0.9, 1.05),
        exposure=(0.8, 1.25),
        contrast=(0.95, 1.45),
        blur=(1.0, 2.2),
        noise=(0.025, 0.05),
        neighbours=0.7,
        restored=0.6,
        edge=0.3,
    ),
}


class View(NamedTuple):
    """Where each pixel lies: mm from the axis and along it, both (rows, columns)."""

    x: Array
    z: Array
    scale: float


def render_phantom(facts: FixtureFacts, *, seed: int, difficulty: str = "easy") -> Image.Image:
    """A 480 x 720 film, mode "L", metal bright, platform up, PHANTOM burned into a corner.

    The same facts, seed and difficulty give the same film: everything random is drawn from
    a PCG64 stream seeded by a hash of them. (Between processors whose exp or arctan differ
    in the last bit, single pixels may differ by one grey level.) The film follows the
    Beer-Lambert law: light = exposure * exp(-sum of attenuation * mm), then a grey scale.

    An unknown difficulty is a ValueError.
    """
    if difficulty not in DIFFICULTIES:
        raise ValueError(f"difficulty {difficulty!r} is none of {', '.join(DIFFICULTIES)}")
    level = DIFFICULTIES[difficulty]
    rng = _generator(facts, seed, difficulty)
    shape = complete_shape(facts)
    beam = np.exp(-_attenuation(rng, shape, level)) * rng.uniform(*level.exposure)
    light = film.blur(beam.astype(np.float32), rng.uniform(*level.blur))
    light += rng.uniform(*level.noise) * np.sqrt(light) * film.grain(rng, light.shape)
    grey = np.clip(1 - light, 0, 1) ** rng.uniform(*level.contrast)
    if rng.random() < level.edge:
        film.film_edge(rng, grey)
    pixels = np.rint(grey * 255).astype(np.uint8)
    film.burn_label(pixels)
    return Image.fromarray(pixels)


def phantom_jpeg(facts: FixtureFacts, *, seed: int, difficulty: str = "easy") -> bytes:
    """The film as greyscale JPEG; its only metadata is the comment "phantom"."""
    image = render_phantom(facts, seed=seed, difficulty=difficulty)
    out = io.BytesIO()
    image.save(out, "JPEG", quality=JPEG_QUALITY, comment=b"phantom")
    return out.getvalue()


def _generator(facts: FixtureFacts, seed: int, difficulty: str) -> Generator:
    sizes = [_canonical(getattr(facts, name)) for name in SIZES]
    words = [str(getattr(facts, name)) for name in WORDS]
    text = "|".join([*sizes, *words, str(seed), difficulty])
    digest = hashlib.blake2b(text.encode(), digest_size=16).digest()
    return np.random.Generator(np.random.PCG64(int.from_bytes(digest)))


def _canonical(size: Decimal | float | None) -> str:
    """Decimal("4.10") and 4.1 are the same fact."""
    return "" if size is None else f"{float(size):.3f}"


def _view(rng: Generator, shape: Shape, level: Difficulty) -> View:
    tall = shape.length - shape.top_z
    scale = min(PIXELS_PER_MM, (HEIGHT - 2 * MARGIN_PX) / tall) * rng.uniform(*level.zoom)
    angle = np.radians(rng.uniform(*level.tilt))
    right = np.arange(WIDTH, dtype=np.float32) - WIDTH / 2 - rng.uniform(*level.shift)
    down = np.arange(HEIGHT, dtype=np.float32) - HEIGHT / 2 - rng.uniform(*level.shift)
    u, v = right[None, :] / scale, down[:, None] / scale
    sine, cosine = np.sin(angle), np.cos(angle)
    x = (u * cosine + v * sine).astype(np.float32)
    z = (v * cosine - u * sine + (shape.length + shape.top_z) / 2).astype(np.float32)
    return View(x, z, scale)


def _attenuation(rng: Generator, shape: Shape, level: Difficulty) -> Array:
    view = _view(rng, shape, level)
    x, z = view.x, view.z
    crest = 0.0 if shape.above_bone else shape.platform_z
    around = film.jaw(rng, x, z, view.scale, crest, shape.radius)
    for side in (-1, 1):
        if rng.random() < level.neighbours:
            neck = side * (shape.radius + rng.uniform(1.4, 3.0) + 2.6)
            metal, bone_left = film.tooth(rng, x, z, neck, crest)
            around = around * bone_left + metal
    spin = rng.uniform(0, 2 * np.pi)
    if rng.random() < level.restored:
        titanium, ceramic = _restored(rng, shape, x, z, spin)
    else:
        titanium, ceramic = titanium_mm(shape, x, z, spin=spin), np.zeros_like(x)
    # Metal stands where bone was: that much of the bone's attenuation is gone.
    tissue: Array = np.maximum(around - film.BONE * np.minimum(titanium, film.JAW_MM), 0)
    return film.TITANIUM * titanium + film.CERAMIC * ceramic + tissue


def _restored(rng: Generator, shape: Shape, x: Array, z: Array, spin: float) -> tuple[Array, Array]:
    """mm of titanium and of ceramic, with a healing cap or a crown in place."""
    fixture = titanium_mm(shape, x, z, spin=spin, fill=0.7)
    one_piece = shape.connection == Connection.ONE_PIECE
    if one_piece or rng.random() < 0.55:
        abutment, ceramic = film.crown(rng, shape, x, z)
        return (fixture if one_piece else np.maximum(fixture, abutment)), ceramic
    cap = film.healing_cap(rng, shape, x, z)
    return np.maximum(fixture, cap), np.zeros_like(x)
