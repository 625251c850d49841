"""Whether another runtime of an encoder finds the same references as the one it is compared with.

Vectors are L2-normalised, of shape (n, 512); references and films in the same order on both sides.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from matching.encoder import Vector

# Cosines that lie closer together stand in an order that means nothing.
TIE = 1e-3
FIRST = 3


@dataclass(frozen=True)
class Agreement:
    """The least cosine between the two vectors of one picture, and shares of the films: the
    same nearest, the same three nearest but for ties, and exactly the same three (in any order)."""

    least_cosine: float
    first: float
    top3: float
    top3_strict: float


def of_references(
    usual: tuple[Vector, Vector], other: tuple[Vector, Vector], owners: Sequence[int] | None = None
) -> Agreement:
    """`usual` and `other` are vectors of (films, references); with `owners` (one number for each
    reference) their implants are compared, each by its nearest reference."""
    known, told = _scores(*usual, owners), _scores(*other, owners)
    best, found = _top(known), _top(told)
    least = known[np.arange(len(known)), best[:, -1]]
    # What the other names is right where the usual one finds it as near as its own third.
    right = np.take_along_axis(known, found, axis=1) >= least[:, None] - TIE
    pairs = zip(usual, other, strict=True)
    return Agreement(
        least_cosine=float(min(_cosines(one, two).min() for one, two in pairs)),
        first=_share(found[:, 0] == best[:, 0]),
        top3=_share(right.all(axis=1)),
        top3_strict=_share((np.sort(found) == np.sort(best)).all(axis=1)),
    )


def _scores(films: Vector, references: Vector, owners: Sequence[int] | None) -> Vector:
    cosines = films @ references.T
    if owners is None:
        return cosines
    each = np.asarray(owners)
    columns = [cosines[:, each == one].max(axis=1) for one in np.unique(each)]
    return np.stack(columns, axis=1)


def _top(scores: Vector) -> np.ndarray:
    return np.argsort(-scores, axis=1, kind="stable")[:, :FIRST]


def _cosines(one: Vector, two: Vector) -> np.ndarray:
    return (one * two).sum(axis=1)


def _share(are_same: np.ndarray) -> float:
    return float(are_same.mean())
