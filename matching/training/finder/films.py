"""The films that the finder is trained on: phantoms and sketches."""

from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
from numpy.random import Generator

from implants.catalogue import demo_catalogue
from implants.vocabulary import Apex, BodyShape, Collar, Connection, Level, Thread
from matching.phantoms import FixtureFacts, render_film
from matching.phantoms.levels import BARE
from matching.training.finder.scene import LEAST_LEFT, Scene, sorted_out
from matching.training.finder.sketches import sketch

SKETCHES = 0.45
# Seeds of training begin here; references and queries have smaller ones.
FIRST_SEED, SEEDS = 1_000_000, 1_000_000_000
LEVELS = {"clean": 0.17, "clinic": 0.43, "hard": 0.34, "extreme": 0.06}
PANORAMIC = 0.12
# A film's pixels: about as many as are searched later.
PIXELS_PER_MM = {"periapical": (6.0, 9.0), "panoramic": (3.0, 4.2)}
FROM_CATALOGUE, ONE_PIECE = 0.4, 0.05
# Without anything on it a fixture is rarer on the levels, and harder to tell from a root.
ALSO_BARE = 0.2
# How often what a fixture's facts leave open is drawn in another way than usual.
RESTYLED, STYLES = 0.6, 10_000


@dataclass(frozen=True)
class RandomFacts:
    """A fixture that no catalogue has: every word and size drawn on its own."""

    diameter_mm: float
    length_mm: float
    platform_diameter_mm: float | None
    body_shape: str
    connection: str
    level: str
    collar: str
    collar_height_mm: float | None
    thread: str
    thread_pitch_mm: float
    thread_leads: int
    apex: str


def film(rng: Generator) -> Scene:
    return sketch(rng) if rng.random() < SKETCHES else phantom(rng)


def phantom(rng: Generator) -> Scene:
    """A phantom of any level of difficulty, small, with up to two more fixtures."""
    modality = "panoramic" if rng.random() < PANORAMIC else "periapical"
    drawn = render_film(
        random_facts(rng),
        seed=FIRST_SEED + int(rng.integers(SEEDS)),
        difficulty=str(rng.choice(list(LEVELS), p=list(LEVELS.values()))),
        others=[
            random_facts(rng) for _other in range(int(rng.choice(4, p=(0.5, 0.25, 0.2, 0.05))))
        ],
        modality=modality,
        style=int(rng.integers(STYLES)) if rng.random() < RESTYLED else 0,
        restoration=BARE if rng.random() < ALSO_BARE else None,
        pixels_per_mm=float(rng.uniform(*PIXELS_PER_MM[modality])),
    )
    shown = [one for one in drawn.fixtures if one.visible >= LEAST_LEFT]
    hidden = [one for one in drawn.fixtures if one.visible < LEAST_LEFT]
    return sorted_out(
        Scene(
            np.asarray(drawn.image),
            tuple(one.box for one in shown),
            tuple(one.box for one in hidden),
        )
    )


def random_facts(rng: Generator) -> FixtureFacts:
    if rng.random() < FROM_CATALOGUE:
        known = _catalogue()
        return known[int(rng.integers(len(known)))]
    diameter = float(rng.uniform(2.9, 6))
    connection = _any(rng, Connection, but=Connection.ONE_PIECE)
    collar = _any(rng, Collar, but=Collar.INTEGRAL)
    # An abutment of one piece with the fixture comes with its collar, or not at all.
    if rng.random() < ONE_PIECE:
        connection, collar = str(Connection.ONE_PIECE), str(Collar.INTEGRAL)
    return RandomFacts(
        diameter_mm=diameter,
        length_mm=float(rng.uniform(5, 16)),
        platform_diameter_mm=diameter * float(rng.uniform(0.75, 1.25)),
        body_shape=_any(rng, BodyShape),
        connection=connection,
        collar=collar,
        level=_any(rng, Level),
        collar_height_mm=None,
        thread=_any(rng, Thread),
        thread_pitch_mm=float(rng.uniform(0.5, 2)),
        thread_leads=int(rng.integers(1, 4)),
        apex=_any(rng, Apex),
    )


@cache
def _catalogue() -> tuple[FixtureFacts, ...]:
    return tuple(demo_catalogue())


def _any(rng: Generator, words: Any, *, but: str = "") -> str:
    return str(rng.choice([word for word in words.values if word != but]))
