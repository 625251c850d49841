"""One training picture: a fixture as a finder's box would cut it out of some film.

Only the window around the fixture is drawn, at the size it has on a film: this is what makes
training on two cores possible. Everything that may differ between two films of one fixture is
drawn anew each time, and more widely than the laboratory's own films differ; what follows is
`matching.normalisation`, as for every film.
"""

import io
from typing import NamedTuple

import numpy as np
from numpy.random import Generator
from PIL import Image, ImageDraw

from implants.vocabulary import Connection
from matching.normalisation import MARGIN, normalise
from matching.phantoms import levels
from matching.phantoms.anatomy import texture
from matching.phantoms.facts import Shape
from matching.phantoms.materials import BONE, CERAMIC, GOLD, JAW_MM, TITANIUM, cloud, smooth_step
from matching.phantoms.profile import Array
from matching.phantoms.restorations import Mounted, fitting, mounted
from matching.training.mounts import random_mount
from matching.training.pool import Pose, metal_at

# Height of the fixture in pixels: from a panoramic film's to a good periapical one's.
HEIGHTS = (60.0, 200.0)
# Of what is screwed in.
OF_ANY_FORM = 0.5
# Of a box that is far too long.
MOST_TOO_MUCH = 0.35
RESTORED = (
    levels.BARE,
    levels.COVER,
    levels.CAP,
    levels.ABUTMENT,
    levels.BALL,
    levels.CROWN,
    levels.METAL_CROWN,
)


class Window(NamedTuple):
    """Where each pixel lies, in mm from the fixture's middle, across it and along it as it is
    projected, both (rows, columns); `z` is the position along its own axis."""

    x: Array
    v: Array
    z: Array
    scale: float


def training_picture(
    rng: Generator, shape: Shape, pose: Pose, *, severity: float = 1.0
) -> Image.Image:
    """A normalised square picture (mode L) of a film of at most this `severity`: 0 is a clean
    one, 1 a bad one."""
    severity = severity * float(rng.random())
    image = film_part(rng, shape, pose, _window(rng, shape, pose, severity), severity)
    if rng.random() < 0.5:
        image = image.transpose(Image.Transpose.FLIP_LEFT_RIGHT)
    return normalise(image, None)


def film_part(
    rng: Generator, shape: Shape, pose: Pose, window: Window, severity: float
) -> Image.Image:
    """What a film shows in a window, mode L."""
    attenuation = _attenuation(rng, shape, pose, window, severity)
    grey = _exposed(rng, attenuation, window.scale, severity)
    image = Image.fromarray(np.rint(grey * 255).astype(np.uint8))
    return _defaced(rng, image, severity)


def _window(rng: Generator, shape: Shape, pose: Pose, severity: float) -> Window:
    """The box as a finder or a person draws it: a little off, turned and too large or small."""
    cosine = float(np.cos(np.radians(pose.lean)))
    tall = (shape.length - shape.top_z) * cosine
    scale = float(np.exp(rng.uniform(*np.log(HEIGHTS)))) / tall
    off = rng.normal(0, 0.015 + 0.025 * severity, 3)
    top, bottom = -tall * (0.5 + MARGIN + off[0]), tall * (0.5 + MARGIN + off[1])
    top += _unseen(rng, shape, pose) * cosine - _too_much(rng) * tall
    half = shape.radius * float(np.exp(rng.normal(0, 0.1 + 0.1 * severity)))
    half += (bottom - top) * MARGIN / (1 + 2 * MARGIN)
    rows, columns = max(int((bottom - top) * scale), 24), max(int(2 * half * scale), 12)
    turn = np.radians(rng.normal(0, 1.0 + 3.5 * severity))
    right = (np.arange(columns, dtype=np.float32)[None, :] + 0.5) / scale - half + tall * off[2]
    down = (np.arange(rows, dtype=np.float32)[:, None] + 0.5) / scale + top
    x = (right * np.cos(turn) + down * np.sin(turn)).astype(np.float32)
    v = (down * np.cos(turn) - right * np.sin(turn)).astype(np.float32)
    return Window(x, v, v / np.float32(cosine) + (shape.length + shape.top_z) / 2, scale)


def _unseen(rng: Generator, shape: Shape, pose: Pose) -> float:
    """How much of the fixture's upper end a box may leave out, mm: what stands above the
    platform is often not told from the crown on it."""
    if not pose.is_filled or rng.random() < 0.5:
        return 0.0
    return shape.platform_z - shape.top_z


def _too_much(rng: Generator) -> float:
    """By how much a box reaches beyond the platform, as a share of the fixture's height: caps and
    abutments are of the same metal."""
    return float(rng.uniform(0.0, MOST_TOO_MUCH)) if rng.random() < 0.15 else 0.0


def _attenuation(
    rng: Generator, shape: Shape, pose: Pose, window: Window, severity: float
) -> Array:
    tissue = _tissue(rng, shape, window, severity)
    on = _screwed_in(rng, shape, pose, window)
    metal = metal_at(pose, window.x, window.v)
    if shape.connection != Connection.ONE_PIECE:
        metal = np.maximum(metal, on.titanium)
    tissue = np.maximum(tissue - BONE * np.minimum(metal, JAW_MM), 0)
    strength = TITANIUM * float(np.exp(rng.uniform(-0.5, 0.8)))
    seen: Array = strength * metal + CERAMIC * on.ceramic + GOLD * on.metal + tissue
    return seen


def _screwed_in(rng: Generator, shape: Shape, pose: Pose, window: Window) -> Mounted:
    is_any = pose.is_filled and shape.connection != Connection.ONE_PIECE
    if is_any and rng.random() < OF_ANY_FORM:
        return random_mount(rng, shape, window.x, window.z)
    kind = fitting(str(rng.choice(RESTORED)) if pose.is_filled else levels.BARE, shape)
    return mounted(rng, kind, shape, window.x, window.z)


def _tissue(rng: Generator, shape: Shape, window: Window, severity: float) -> Array:
    """Bone below a crest, gum above it, now and then a tooth beside the fixture."""
    x, z, scale = window.x, window.z, window.scale
    crest = (0.0 if shape.above_bone else shape.platform_z) + float(rng.normal(0, 1.5 * severity))
    depth = z - crest - float(rng.normal(0, 0.1)) * x
    grain = texture(rng, x.shape, max(scale, 3.0)) if rng.random() < 0.7 else 0.0
    bone = smooth_step(depth / 0.7) * (0.92 + grain)
    tissue = BONE * JAW_MM * float(rng.uniform(0.3, 1.4)) * bone
    tissue = tissue + float(rng.uniform(0.0, 0.25))
    for side in (-1, 1):
        if rng.random() < 0.35 * severity:
            edge = side * x - shape.radius - float(rng.uniform(0.0, 1.5)) - 0.1 * depth
            tissue = tissue + float(rng.uniform(0.2, 1.2)) * smooth_step(edge / 0.4)
    if rng.random() < 0.3 * severity:
        tissue = tissue + 0.15 * cloud(rng, x.shape, float(rng.uniform(1, 4)) * scale)
    return np.maximum(tissue, 0)


def _exposed(rng: Generator, attenuation: Array, scale: float, severity: float) -> Array:
    """Beer-Lambert, then a receptor and a grey scale that nobody knows; 0…1."""
    import cv2

    light = np.exp(-attenuation, dtype=np.float32)
    light *= np.float32(np.exp(rng.normal(0, 0.25 * severity)))
    light += np.float32(rng.uniform(0, 0.15 * severity))
    blur = float(rng.uniform(0.02, 0.04 + 0.09 * severity)) * scale
    light = cv2.GaussianBlur(light, (0, 0), max(blur, 0.25)).astype(np.float32, copy=False)
    noise = np.float32(rng.uniform(0.003, 0.02 + 0.045 * severity))
    light += noise * np.sqrt(light) * rng.standard_normal(light.shape, dtype=np.float32)
    grey: Array = 1 - np.clip(light, 0, 1)
    if rng.random() < 0.5 * severity:
        soft = cv2.GaussianBlur(grey, (0, 0), max(0.12 * scale, 0.6))
        grey = np.clip(grey + float(rng.uniform(0, 1.5)) * (grey - soft), 0, 1)
    if rng.random() < 0.5:
        low, high = np.quantile(grey[::3, ::3], (rng.uniform(0, 0.1), rng.uniform(0.8, 1.0)))
        grey = np.clip((grey - low) / max(high - low, 0.05), 0, 1)
    grey = np.power(grey, np.float32(np.exp(rng.normal(0.05, 0.3))))
    return _veiled(rng, grey, severity)


def _veiled(rng: Generator, grey: Array, severity: float) -> Array:
    """A slope of brightness, as a vignette or scatter leaves it, and less contrast."""
    rows, columns = grey.shape
    down, right = rng.normal(0, 0.1 * severity, 2)
    slope = down * np.linspace(-1, 1, rows)[:, None] + right * np.linspace(-1, 1, columns)
    span = 1 - float(rng.uniform(0, 0.5 * severity))
    base = float(rng.uniform(0, 1 - span))
    veiled: Array = np.clip(base + span * grey + slope, 0, 1)
    return veiled


def _defaced(rng: Generator, image: Image.Image, severity: float) -> Image.Image:
    """Writing, edges and missing corners, and what JPEG does."""
    draw = ImageDraw.Draw(image)
    width, height = image.size
    while rng.random() < 0.15 * severity:
        x, y = rng.uniform(-0.2, 1.0, 2) * (width, height)
        far = (x + rng.uniform(0.05, 0.4) * width, y + rng.uniform(0.02, 0.25) * height)
        draw.rectangle((float(x), float(y), float(far[0]), float(far[1])), fill=_any_grey(rng))
    if rng.random() < 0.15 * severity:
        ends = rng.uniform(0, 1, 4) * (width, height, width, height)
        draw.line([float(end) for end in ends], fill=_any_grey(rng), width=int(rng.integers(1, 4)))
    if rng.random() < 0.1 * severity:
        edge = float(rng.uniform(0.0, 0.15)) * width
        sides = (0.0, edge) if rng.random() < 0.5 else (width - edge, float(width))
        draw.rectangle((sides[0], 0.0, sides[1], float(height)), fill=int(rng.integers(0, 20)))
    if rng.random() < 0.6:
        return image
    packed = io.BytesIO()
    image.save(packed, "JPEG", quality=int(rng.integers(int(90 - 50 * severity), 96)))
    return Image.open(packed).convert("L")


def _any_grey(rng: Generator) -> int:
    return int(rng.choice([0, 255, int(rng.integers(256))]))
