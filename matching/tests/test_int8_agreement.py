"""Whether searches answer the same with exported networks as with torch."""

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from PIL import Image

from implants.catalogue import CatalogueFacts, demo_catalogue
from matching.boxes import Box
from matching.encoder import Vector, make_encoder
from matching.normalisation import normalise
from matching.phantoms import render_film
from matching.runtime.names import Runtime

# Pixels of a millimetre: drawn in a tenth of the time of a real film.
SMALL = 8.0
REFERENCES, QUERIES, FIRST_QUERY_SEED = 3, 2, 700_000
PLACES = 3
# Cosines nearer than this are a tie, whose order nobody relies on: the panel shows whole percents.
TIE = 0.001


def drawn(facts: CatalogueFacts, seed: int, difficulty: str) -> Image.Image:
    film = render_film(facts, seed=seed, difficulty=difficulty, pixels_per_mm=SMALL)
    box: Box = film.fixtures[0].box
    return normalise(film.image, box)


@pytest.fixture(scope="module")
def lines() -> list[CatalogueFacts]:
    return demo_catalogue()[:20]


@pytest.fixture(scope="module")
def films(lines: list[CatalogueFacts]) -> list[Image.Image]:
    """The references of each line, then queries of each."""

    def all_films() -> Iterator[Image.Image]:
        for facts in lines:
            for seed in range(REFERENCES):
                yield drawn(facts, seed, "clean")
        for facts in lines:
            for seed in range(QUERIES):
                yield drawn(facts, FIRST_QUERY_SEED + seed, "clinic")

    return list(all_films())


def nearest(vectors: Vector, lines: int) -> Vector:
    """For each query the cosine of each line's nearest reference, shape (queries, lines)."""
    references, queries = np.split(vectors, [lines * REFERENCES])
    cosines = queries @ references.T
    best: Vector = cosines.reshape(len(queries), lines, REFERENCES).max(axis=2)
    return best


@pytest.mark.parametrize(
    ("name", "runtime"),
    [("ViT-B-32/random", Runtime.INT8), ("raiox-fixture/bundled", Runtime.FLOAT32)],
)
def test_the_first_three_are_those_that_torch_finds_in_single_precision(
    name: str,
    runtime: Runtime,
    lines: list[CatalogueFacts],
    films: list[Image.Image],
    settings: Any,
) -> None:
    scores = {}
    for used in (Runtime.TORCH, runtime):
        settings.RAIOX_RUNTIME = used.value
        encoder = make_encoder(name, views=1)
        scores[used] = nearest(encoder.encode(films), len(lines))
    exact, quick = scores[Runtime.TORCH], scores[runtime]

    order = np.argsort(-exact, axis=1)
    third = np.take_along_axis(exact, order[:, PLACES - 1 : PLACES], axis=1)
    chosen = np.argsort(-quick, axis=1)[:, :PLACES]
    belongs = np.take_along_axis(exact, chosen, axis=1) >= third - TIE
    assert encoder.precision == runtime
    assert belongs.mean() >= 0.995
    assert (chosen == order[:, :1]).any(axis=1).mean() >= 0.995
    assert np.abs(exact - quick).max() < 5 * TIE
