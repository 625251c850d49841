"""Pictures for encoders: fixtures of phantom references, and of films to look up among them."""

from itertools import islice
from pathlib import Path

import numpy as np
from PIL import Image

from implants.catalogue import demo_catalogue
from matching import demo
from matching.normalisation import normalise
from matching.phantoms import Phantom, render_film

REFERENCES_PER_IMPLANT = 2
# As an encoder takes them: fewer pixels than a film has, more than the fixture is reduced to.
PIXELS_PER_MM = 12.0
# No reference is drawn with these seeds.
FIRST_SEED = 500_000
DIFFICULTY = "clinic"


def references(limit: int | None = None) -> tuple[list[Image.Image], list[int]]:
    """The first references of every implant of the demo catalogue, and the implant of each (its
    place in the catalogue)."""
    owned = [
        (place, facts, seed)
        for place, facts in enumerate(demo_catalogue())
        for seed in range(REFERENCES_PER_IMPLANT)
    ][:limit]
    pictures = [_fixture(demo.reference_film(facts, seed)) for _place, facts, seed in owned]
    return pictures, [place for place, _facts, _seed in owned]


def films(number: int) -> list[Image.Image]:
    """Fixtures of films that nobody has drawn before, of each line in turn."""
    lines = demo_catalogue()
    drawn = (
        render_film(
            lines[place % len(lines)],
            seed=FIRST_SEED + place,
            difficulty=DIFFICULTY,
            pixels_per_mm=PIXELS_PER_MM,
        )
        for place in range(number)
    )
    return [_fixture(film) for film in islice(drawn, number)]


def save(pictures: list[Image.Image], path: Path) -> None:
    """Into one file, pixel by pixel: what an encoder gets must not depend on a codec."""
    with path.open("wb") as file:
        np.savez(file, *[np.asarray(one) for one in pictures])


def read(path: Path, limit: int | None = None) -> list[Image.Image]:
    """All of them, or the first ones."""
    with np.load(path) as arrays:
        return [Image.fromarray(arrays[name]) for name in arrays.files[:limit]]


def _fixture(film: Phantom) -> Image.Image:
    return normalise(film.image, film.fixtures[0].box)
