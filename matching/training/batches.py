"""Batches of training pictures: each is drawn from its own number, so that a training that was
interrupted goes on with what it would have seen."""

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from matching.training.pictures import training_picture
from matching.training.pool import Pool

IDENTITIES = 32
LINES = 10
PICTURES_EACH = 4
# Films that people test with are drawn from lower seeds.
FIRST_SEED = 1_000_000

Pictures = NDArray[np.uint8]


class Batches:
    """A dataset of torch: item `step` is (pictures uint8 (128, side, side), labels int64 (128,)),
    labels being numbers of the pool. `sides` holds the side of every step."""

    def __init__(self, pool: Pool, *, sides: list[int], seed: int = 0) -> None:
        self._pool = pool
        self._sides = sides
        self._seed = seed

    def __len__(self) -> int:
        return len(self._sides)

    def __getitem__(self, step: int) -> tuple[Pictures, NDArray[np.int64]]:
        rng = np.random.default_rng((FIRST_SEED + self._seed, step))
        numbers = self._pool.chosen(rng, IDENTITIES, lines=LINES)
        labels = np.repeat(np.array(numbers, np.int64), PICTURES_EACH)
        return np.stack([self._drawn(rng, int(one), self._sides[step]) for one in labels]), labels

    def _drawn(self, rng: np.random.Generator, number: int, side: int) -> Pictures:
        shape = self._pool.identities[number].shape
        return resized(training_picture(rng, shape, self._pool.pose(rng, number)), side)


def resized(picture: Image.Image, side: int) -> Pictures:
    """As the encoder does it."""
    return np.asarray(picture.resize((side, side), Image.Resampling.BICUBIC))
