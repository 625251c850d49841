"""A phantom film: facts and a seed in, a greyscale picture and the truth about it out."""

import io
from collections.abc import Sequence
from dataclasses import replace
from typing import NamedTuple

import numpy as np
from PIL import Image

from implants.catalogue import demo_catalogue
from implants.vocabulary import Connection
from matching.phantoms import (
    anatomy,
    dentistry,
    layout,
    levels,
    marks,
    panorama,
    receptor,
    restorations,
    screen,
)
from matching.phantoms.dice import Dice, dice_for
from matching.phantoms.facts import FixtureFacts
from matching.phantoms.frame import Frame, Window
from matching.phantoms.levels import Difficulty, level_of
from matching.phantoms.materials import BONE, CERAMIC, GOLD, JAW_MM, TITANIUM
from matching.phantoms.profile import Array
from matching.phantoms.scene import Placed, Scene, Tooth
from matching.phantoms.solid import titanium_mm
from matching.phantoms.truth import PhantomFixture, truths_of

PIXELS_PER_MM = {"periapical": 22.0, "panoramic": 6.0}
FILM_MM = {"periapical": layout.PERIAPICAL_MM, "panoramic": panorama.PANORAMIC_MM}
MODALITIES = tuple(FILM_MM)
# Bone and teeth are drawn at this resolution and enlarged, metal at the film's own.
TISSUE_PIXELS_PER_MM = {"periapical": 9.0, "panoramic": 3.0}
LARGEST_TISSUE = 0.8
JPEG_QUALITY = 92
MOST_FIXTURES = {"periapical": 5, "panoramic": 8}
# How far (mm) what is screwed into a fixture may stand above its platform.
ABOVE_MM = 11.0
# How far it may reach to either side, and how far a bracket's wire does.
BESIDE_MM = 6.0


class Phantom(NamedTuple):
    """A film (mode L) and its fixtures; the first is the subject, nearest to the middle."""

    image: Image.Image
    fixtures: tuple[PhantomFixture, ...]
    modality: str


_LAYOUTS = {"periapical": layout.periapical, "panoramic": panorama.panoramic}


def render_film(
    facts: FixtureFacts,
    *,
    seed: int,
    difficulty: str | Difficulty = "clean",
    others: Sequence[FixtureFacts] = (),
    modality: str = "periapical",
    pixels_per_mm: float | None = None,
    jaw: str | None = None,
    restoration: str | None = None,
    style: int = 0,
) -> Phantom:
    """An uncropped film of a fixture, of `others` beside it, and of what surrounds them.

    The same arguments give the same film: everything random is drawn from streams seeded by a
    hash of facts, seed, level and modality. (Between processors whose exp or arctan differ in
    the last bit, single pixels may differ by one grey level.) `pixels_per_mm` only changes the
    resolution; `jaw` ("lower", "upper") and `restoration` (a word of `RESTORATIONS`) fix what
    is else left to chance; `style` draws what the facts leave open in another way (see
    `complete_shape`). ValueError for an unknown word, or for more fixtures than there is room.
    """
    level = level_of(difficulty)
    _check(modality, len(others) + 1, jaw, restoration)
    dice = dice_for(facts, others, seed, level.name, modality)
    resolution = pixels_per_mm or PIXELS_PER_MM[modality]
    wish = layout.Wish((facts, *others), jaw, restoration, resolution, style)
    scene = _LAYOUTS[modality](dice, wish, level)
    attenuation = _attenuation(dice, scene, level, resolution)
    grey = receptor.exposed(dice, level, attenuation, resolution)
    subject = scene.jaws[0].fixtures[0]
    box = layout.box_of(subject, scene.jaws[0].frame)
    truths = truths_of(scene, receptor.faults(dice, level, grey, box, resolution))
    pixels = np.rint(grey * 255).astype(np.uint8)
    _write_on(dice, level, pixels)
    if dice("photo").random() < level.screen:
        pixels, matrix = screen.photographed(dice("screen"), pixels)
        truths = tuple(replace(one, box=screen.moved(one.box, matrix)) for one in truths)
    pixels = _compressed(dice, level, pixels)
    marks.burn_label(pixels)
    return Phantom(Image.fromarray(pixels), truths, modality)


def _check(modality: str, number: int, jaw: str | None, restoration: str | None) -> None:
    asked = (
        ("modality", modality, tuple(PIXELS_PER_MM)),
        ("jaw", jaw, (None, "lower", "upper")),
        ("restoration", restoration, (None, *levels.RESTORATIONS)),
    )
    for what, word, words in asked:
        if word not in words:
            raise ValueError(f"{what} {word!r} is none of {', '.join(w for w in words if w)}")
    if number > MOST_FIXTURES[modality]:
        raise ValueError(f"{number} fixtures have no room on a {modality} film")


def render_phantom(
    facts: FixtureFacts,
    *,
    seed: int,
    difficulty: str = "clean",
    pixels_per_mm: float | None = None,
    jaw: str | None = None,
    restoration: str | None = None,
) -> Image.Image:
    """A periapical film alone; others stand beside the subject where the level has them."""
    beside = neighbours(facts, seed=seed, difficulty=difficulty)
    film = render_film(
        facts,
        seed=seed,
        difficulty=difficulty,
        others=beside,
        pixels_per_mm=pixels_per_mm,
        jaw=jaw,
        restoration=restoration,
    )
    return film.image


def neighbours(
    facts: FixtureFacts, *, seed: int, difficulty: str = "clean"
) -> tuple[FixtureFacts, ...]:
    """The fixtures beside the subject that a film of this level has by chance: of the same line
    or of another one of the demonstration catalogue."""
    level = level_of(difficulty)
    rng = dice_for(facts, (), seed, level.name, "others")("others")
    rows = demo_catalogue()
    return tuple(
        facts if rng.random() < 0.5 else rows[rng.integers(len(rows))]
        for _ in range(2)
        if rng.random() < level.fixtures
    )


def phantom_jpeg(
    facts: FixtureFacts,
    *,
    seed: int,
    difficulty: str = "clean",
    jaw: str | None = None,
    restoration: str | None = None,
) -> bytes:
    """The film as greyscale JPEG; its only metadata is the comment "phantom"."""
    return as_jpeg(
        render_phantom(facts, seed=seed, difficulty=difficulty, jaw=jaw, restoration=restoration)
    )


def as_jpeg(image: Image.Image) -> bytes:
    out = io.BytesIO()
    image.save(out, "JPEG", quality=JPEG_QUALITY, comment=b"phantom")
    return out.getvalue()


def _attenuation(dice: Dice, scene: Scene, level: Difficulty, resolution: float) -> Array:
    import cv2

    whole = scene.jaws[0].frame
    share = min(TISSUE_PIXELS_PER_MM[scene.modality] / resolution, LARGEST_TISSUE)
    tissue = _tissue(dice, scene, (round(whole.width * share), round(whole.height * share)))
    size = (whole.width, whole.height)
    film = np.asarray(cv2.resize(tissue, size, interpolation=cv2.INTER_CUBIC), np.float32)
    titanium = TITANIUM * dice("beam").uniform(*level.metal)
    for jaw in scene.jaws:
        for placed in jaw.fixtures:
            _add_fixture(dice, film, jaw.frame, placed, titanium)
    return film


def _tissue(dice: Dice, scene: Scene, size: tuple[int, int]) -> Array:
    if scene.modality == "panoramic":
        film = panorama.backdrop(dice("bone"), scene, size)
    else:
        (jaw,) = scene.jaws
        frame = jaw.frame.resized(*size)
        around = frame.whole()
        film = anatomy.bone(dice("bone"), jaw, around.u, around.d, frame.scale)
    film = film.astype(np.float32)
    for jaw in scene.jaws:
        for tooth in jaw.teeth:
            _add_tooth(dice, film, jaw.frame.resized(*size), tooth)
    return film


def _add_tooth(dice: Dice, film: Array, frame: Frame, tooth: Tooth) -> None:
    middle, turn = (tooth.length - 9) / 2, np.radians(tooth.turn)
    window = frame.window(
        tooth.u - middle * np.sin(turn),
        tooth.d + middle * np.cos(turn),
        BESIDE_MM,
        (tooth.length + 9) / 2 + 1,
        tooth.turn,
    )
    x, t = _local(window, tooth.u, tooth.d, tooth.turn)
    name = f"tooth {tooth.name}"
    hard, left = anatomy.tooth(dice(name), tooth, x, t)
    part = film[window.rows, window.columns]
    part *= left
    part += hard + dentistry.work(dice(name), tooth, x, t)


def _add_fixture(dice: Dice, film: Array, frame: Frame, placed: Placed, attenuation: float) -> None:
    shape = placed.shape
    turn, up = np.radians(placed.turn), ABOVE_MM / 2
    along = (shape.length - shape.platform_z + ABOVE_MM) / 2 + 1.5
    window = frame.window(
        placed.u + up * np.sin(turn),
        placed.d - up * np.cos(turn),
        BESIDE_MM,
        along,
        placed.turn,
    )
    x, v = _local(window, placed.u, placed.d, placed.turn)
    cosine = np.float32(np.cos(np.radians(placed.lean)))
    z = v / cosine + np.float32((shape.length + shape.top_z) / 2)
    fill = 0.0 if placed.restoration == levels.BARE else 0.7
    titanium = titanium_mm(shape, x, z, spin=placed.spin, fill=fill, lean=placed.lean)
    on = restorations.mounted(dice(f"on {placed.name}"), placed.restoration, shape, x, z)
    if shape.connection != Connection.ONE_PIECE:
        titanium = np.maximum(titanium, on.titanium)
    part = film[window.rows, window.columns]
    # Metal stands where bone was: that much of the bone's attenuation is gone.
    part -= np.minimum(BONE * np.minimum(titanium, JAW_MM), part)
    part += attenuation * titanium + CERAMIC * on.ceramic + GOLD * on.metal


def _local(window: Window, u: float, d: float, turn: float) -> tuple[Array, Array]:
    """mm across and along something at (u, d) that is turned by `turn` degrees."""
    sine, cosine = np.sin(np.radians(turn)), np.cos(np.radians(turn))
    right, down = window.u - np.float32(u), window.d - np.float32(d)
    x, t = right * cosine + down * sine, down * cosine - right * sine
    return x.astype(np.float32), t.astype(np.float32)


def _write_on(dice: Dice, level: Difficulty, pixels: marks.Pixels) -> None:
    chance = dice("marks")
    if chance.random() < level.text:
        marks.write_notes(dice("text"), pixels)
    if chance.random() < level.arrows:
        marks.draw_arrows(dice("arrows"), pixels)


def _compressed(dice: Dice, level: Difficulty, pixels: marks.Pixels) -> marks.Pixels:
    """The film after a compression that somebody else did."""
    import cv2

    quality = round(dice("jpeg").uniform(*level.jpeg))
    _done, data = cv2.imencode(".jpg", pixels, [cv2.IMWRITE_JPEG_QUALITY, quality])
    return np.asarray(cv2.imdecode(data, cv2.IMREAD_GRAYSCALE))
