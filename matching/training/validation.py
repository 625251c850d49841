"""How well pictures that are never trained on are told apart, while the training goes on."""

from collections.abc import Callable
from functools import cache

import numpy as np
from numpy.typing import NDArray

from matching.phantoms.facts import complete_shape
from matching.training.batches import resized
from matching.training.identities import Identity, held_out, known_shapes
from matching.training.pictures import training_picture
from matching.training.pool import posed

REFERENCES = 5
QUERIES = 3
SEED = 777

Pictures = NDArray[np.uint8]
Encode = Callable[[Pictures], NDArray[np.float32]]


def measured(encode: Encode, *, side: int) -> dict[str, float]:
    """top1 and top3 over the demo lines, and of the eight held-out lines among all of them.

    `encode` maps pictures (n, side, side) to vectors (n, d) of length 1. An implant's score is
    the mean of its two nearest references.
    """
    pictures = _pictures(side)
    lines = len(pictures)
    vectors = encode(pictures.reshape(-1, side, side)).reshape(lines, REFERENCES + QUERIES, -1)
    references, queries = vectors[:, :REFERENCES], vectors[:, REFERENCES:]
    cosines = np.einsum("lqd,krd->lqkr", queries, references)
    scores = np.sort(cosines, axis=-1)[..., -2:].mean(axis=-1)
    own = scores[np.arange(lines), :, np.arange(lines)]
    ranks = (scores > own[..., None]).sum(axis=-1)
    known = len(known_shapes())
    return {
        "top1": float((ranks[:known] < 1).mean()),
        "top3": float((ranks[:known] < 3).mean()),
        "held_out_top1": float((ranks[known:] < 1).mean()),
        "held_out_top3": float((ranks[known:] < 3).mean()),
    }


@cache
def _pictures(side: int) -> Pictures:
    """(lines, REFERENCES + QUERIES, side, side); references are cleaner than queries."""
    rng = np.random.default_rng(SEED)
    shapes = [*known_shapes(), *(complete_shape(facts) for facts in held_out())]
    return np.stack([_line(rng, Identity(shape), side) for shape in shapes])


def _line(rng: np.random.Generator, identity: Identity, side: int) -> Pictures:
    severities = [0.3] * REFERENCES + [1.0] * QUERIES
    poses = [posed(rng, identity, is_filled=bool(n % 2)) for n, _one in enumerate(severities)]
    drawn = [
        training_picture(rng, identity.shape, pose, severity=severity)
        for pose, severity in zip(poses, severities, strict=True)
    ]
    return np.stack([resized(picture, side) for picture in drawn])
