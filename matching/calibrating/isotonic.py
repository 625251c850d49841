"""Isotonic regression, and how well predicted probabilities hold."""

from collections.abc import Hashable, Sequence
from typing import Any

import numpy as np

from matching.calibration import Bin

Array = np.ndarray[Any, np.dtype[np.float64]]

FOLDS = 5
BINS = 10
# A step of few decisions may hold only right ones: that is no certainty.
LEAST, MOST = 0.01, 0.99


def pool_adjacent_violators(values: Sequence[float], weights: Sequence[float]) -> list[float]:
    """The non-decreasing sequence nearest to `values` in weighted squares.

    Pool adjacent violators (Ayer and others, Ann. Math. Stat. 1955, 26:641): a value below the
    one before it is replaced, with it, by their mean.
    """
    blocks: list[tuple[float, float, int]] = []
    for value, weight in zip(values, weights, strict=True):
        block = (value, weight, 1)
        while blocks and blocks[-1][0] >= block[0]:
            mean, before, count = blocks.pop()
            weight = before + block[1]
            block = ((mean * before + block[0] * block[1]) / weight, weight, count + block[2])
        blocks.append(block)
    return [mean for mean, _weight, count in blocks for _ in range(count)]


def fit(evidence: Array, is_right: Array) -> tuple[tuple[float, float], ...]:
    """Points (evidence, probability) that rise in both; between them it is interpolated.
    `is_right` holds 0 or 1 for each evidence. Raises ValueError without any."""
    if not len(evidence):
        raise ValueError("there is nothing to fit to")
    # Equal evidence must get one probability.
    places, which, counts = np.unique(evidence, return_inverse=True, return_counts=True)
    shares = np.bincount(which, weights=is_right) / counts
    steps = np.clip(pool_adjacent_violators(list(shares), list(counts)), LEAST, MOST)
    return tuple(
        (float(place), float(step))
        for n, (place, step) in enumerate(zip(places, steps, strict=True))
        # The ends of each step say all of it.
        if n in (0, len(steps) - 1) or not steps[n - 1] == step == steps[n + 1]
    )


def predict(points: Sequence[tuple[float, float]], evidence: Array) -> Array:
    places, values = zip(*points, strict=True)
    return np.interp(evidence, places, values)


def cross_validated(evidence: Array, is_right: Array, groups: Sequence[Hashable]) -> Array:
    """Of each decision the probability by those of other groups, in FOLDS parts."""
    order = {group: n for n, group in enumerate(dict.fromkeys(groups))}
    folds = np.array([order[group] % FOLDS for group in groups])
    predicted = np.full(len(evidence), float(np.mean(is_right)))
    for fold in set(folds.tolist()):
        inside = folds == fold
        if not inside.all():
            predicted[inside] = predict(fit(evidence[~inside], is_right[~inside]), evidence[inside])
    return predicted


def brier(predicted: Array, is_right: Array) -> float:
    """The mean squared error of probabilities (Brier, Mon. Weather Rev. 1950, 78:1)."""
    return float(np.mean((predicted - is_right) ** 2))


def bins(predicted: Array, is_right: Array) -> list[Bin]:
    """Predictions in BINS equally wide bins, without the empty ones."""
    places = np.clip((predicted * BINS).astype(int), 0, BINS - 1)
    return [
        Bin(
            low=place / BINS,
            high=(place + 1) / BINS,
            predicted=float(predicted[places == place].mean()),
            observed=float(is_right[places == place].mean()),
            count=int((places == place).sum()),
        )
        for place in sorted(set(places.tolist()))
    ]


def expected_error(found: Sequence[Bin]) -> float:
    """Expected calibration error: how far bins lie off on average, by their counts."""
    total = sum(one.count for one in found)
    return sum(one.count * abs(one.predicted - one.observed) for one in found) / total
