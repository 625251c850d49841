"""Made-up radiographs of threaded fixtures, computed from catalogue facts, with the truth.

They stand in for films until real, lawful ones exist: an honest projection of a plausible
solid among plausible anatomy, good enough to exercise and to train the whole pipeline, and no
evidence of how well real films are identified.
"""

from matching.phantoms.facts import FixtureFacts
from matching.phantoms.levels import DIFFICULTIES, RESTORATIONS, Difficulty
from matching.phantoms.render import (
    MODALITIES,
    Phantom,
    PhantomFixture,
    as_jpeg,
    neighbours,
    phantom_jpeg,
    render_film,
    render_phantom,
)

__all__ = [
    "DIFFICULTIES",
    "MODALITIES",
    "RESTORATIONS",
    "Difficulty",
    "FixtureFacts",
    "Phantom",
    "PhantomFixture",
    "as_jpeg",
    "neighbours",
    "phantom_jpeg",
    "render_film",
    "render_phantom",
]
