"""Everything random on a film, one independent stream for each thing that is drawn."""

import hashlib
from collections.abc import Sequence
from decimal import Decimal

import numpy as np
from numpy.random import Generator

from matching.phantoms.facts import FixtureFacts
from matching.phantoms.levels import Range

SIZES = (
    "diameter_mm",
    "length_mm",
    "platform_diameter_mm",
    "collar_height_mm",
    "thread_pitch_mm",
    "thread_leads",
)
WORDS = ("body_shape", "connection", "level", "collar", "thread", "apex")


class Dice:
    """Streams seeded by a hash of what the film depends on and of the thing's own name, so
    that drawing one thing, or not, leaves all others as they are."""

    def __init__(self, *parts: str) -> None:
        self._text = "|".join(parts)

    def __call__(self, thing: str) -> Generator:
        digest = hashlib.blake2b(f"{self._text}|{thing}".encode(), digest_size=16).digest()
        return np.random.Generator(np.random.PCG64(int.from_bytes(digest)))


def dice_for(
    facts: FixtureFacts, others: Sequence[FixtureFacts], seed: int, level: str, modality: str
) -> Dice:
    rows = ["|".join([*_sizes(row), *_words(row)]) for row in (facts, *others)]
    return Dice(*rows, str(seed), level, modality)


def either_way(rng: Generator, size: Range) -> float:
    """A number whose size is drawn from the range, its sign by chance."""
    return float(rng.uniform(*size) * rng.choice((-1, 1)))


def _sizes(facts: FixtureFacts) -> list[str]:
    return [_canonical(getattr(facts, name)) for name in SIZES]


def _words(facts: FixtureFacts) -> list[str]:
    return [str(getattr(facts, name)) for name in WORDS]


def _canonical(size: Decimal | float | None) -> str:
    """Decimal("4.10") and 4.1 are the same fact."""
    return "" if size is None else f"{float(size):.3f}"
