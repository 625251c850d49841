"""Phantoms as labelled films: references and queries of the demo implants, and of lines that
no training has seen."""

import hashlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from importlib import resources

import numpy as np
from PIL import Image

from implants.catalogue import CatalogueFacts, demo_catalogue, read_catalogue
from matching.demo import REFERENCE_DIFFICULTY, REFERENCES
from matching.evaluation.labelled import LabelledFilm, Part, label_of
from matching.phantoms import Phantom, render_film
from matching.phantoms.levels import level_of

# References use the seeds 0, 1, 2 …; queries start here, so that no film is its own answer.
# Training starts at 1,000,000 (see matching.training).
FIRST_QUERY_SEED = 100_000
MOST_BESIDE = 2


@dataclass(frozen=True)
class Wanted:
    """Which phantoms are drawn: `queries` films of a level for each implant against
    `references` of it; `is_held_out`: only the lines that no training has seen are asked for,
    among all others. `pixels_per_mm` None is that of a periapical film; `implants` asks only
    for the first ones of the catalogue, for a quick look."""

    level: str
    references: int = 5
    queries: int = 1
    is_held_out: bool = False
    pixels_per_mm: float | None = None
    implants: int | None = None


def held_out_catalogue() -> list[CatalogueFacts]:
    """The lines that no training has seen, in file order."""
    packaged = resources.files("matching") / "training" / "held_out.csv"
    return read_catalogue(packaged.read_text(encoding="utf-8").splitlines())


def film_count(wanted: Wanted) -> int:
    """How many films `phantom_films` draws."""
    return len(_gallery(wanted)) * wanted.references + len(_asked(wanted)) * wanted.queries


def phantom_films(wanted: Wanted) -> Iterator[LabelledFilm]:
    """References, then queries, each drawn when it is its turn. ValueError for an unknown
    level."""
    level_of(wanted.level)
    for facts in _gallery(wanted):
        for seed in range(wanted.references):
            yield _film(facts, partial(_reference, facts, seed, wanted), Part.REFERENCE, seed)
    for facts in _asked(wanted):
        for seed in range(FIRST_QUERY_SEED, FIRST_QUERY_SEED + wanted.queries):
            yield _film(facts, partial(_query, facts, seed, wanted), Part.QUERY, seed)


def _gallery(wanted: Wanted) -> list[CatalogueFacts]:
    return demo_catalogue()[: wanted.implants] + (_asked(wanted) if wanted.is_held_out else [])


def _asked(wanted: Wanted) -> list[CatalogueFacts]:
    whole = held_out_catalogue() if wanted.is_held_out else demo_catalogue()
    return whole[: wanted.implants]


def _reference(facts: CatalogueFacts, seed: int, wanted: Wanted) -> Phantom:
    """As the demo catalogue has them; of more than it has the first ones once more, drawn anew."""
    jaw, restoration = REFERENCES[seed % len(REFERENCES)]
    return render_film(
        facts,
        seed=seed,
        difficulty=REFERENCE_DIFFICULTY,
        restoration=restoration,
        jaw=jaw,
        pixels_per_mm=wanted.pixels_per_mm,
    )


def _query(facts: CatalogueFacts, seed: int, wanted: Wanted) -> Phantom:
    return render_film(
        facts,
        seed=seed,
        difficulty=wanted.level,
        others=_beside(facts, seed, wanted.level),
        pixels_per_mm=wanted.pixels_per_mm,
    )


def _beside(facts: CatalogueFacts, seed: int, level: str) -> list[CatalogueFacts]:
    """The implants beside the one that is asked for: as often as the level has them."""
    text = f"{facts.manufacturer}|{facts.name}|{seed}|{level}|beside"
    rng = np.random.default_rng(
        int.from_bytes(hashlib.blake2b(text.encode(), digest_size=8).digest())
    )
    rows = demo_catalogue()
    return [
        rows[rng.integers(len(rows))]
        for _ in range(MOST_BESIDE)
        if rng.random() < level_of(level).fixtures
    ]


def _film(
    facts: CatalogueFacts, draw: Callable[[], Phantom], part: Part, seed: int
) -> LabelledFilm:
    label = label_of(facts.manufacturer, facts.name, facts.diameter_mm, facts.length_mm)
    drawn = draw()
    return LabelledFilm(
        name=f"{label}, phantom {seed}",
        label=label,
        manufacturer=facts.manufacturer,
        line=facts.name,
        connection=facts.connection,
        group=f"{label}|{seed}",
        read=_Drawn(drawn.image, draw),
        box=drawn.fixtures[0].box,
        part=part,
        facts=facts,
    )


class _Drawn:
    """A film that is at hand for the first reading, and drawn again for another."""

    def __init__(self, image: Image.Image, draw: Callable[[], Phantom]) -> None:
        self._image: Image.Image | None = image
        self._draw = draw

    def __call__(self) -> Image.Image:
        image, self._image = self._image, None
        return image or self._draw().image
