"""The nearest references and the best implants of a few films, by comparing them with every
vector, piece by piece."""

import numpy as np

from matching.encoder import Vector

FIRST = 3
# An implant's score is the mean of its two nearest references (`matching.scoring`).
SCORED_BY = 2
Places = np.ndarray


class Nearest:
    """`films` are of shape (n, 512). After every `add`, `implants` and `references` hold the
    places of the three best of each film so far, best first, of shape (n, 3)."""

    def __init__(self, films: Vector) -> None:
        self._films = films
        self._best = {kind: _nothing(len(films)) for kind in ("implants", "references")}

    def add(self, first: int, vectors: Vector) -> None:
        """All references of the implants from place `first` on, of shape (implants, references,
        512); every implant has as many."""
        implants, each, _dimensions = vectors.shape
        cosines = (self._films @ vectors.reshape(implants * each, -1).T).reshape(-1, implants, each)
        nearest = np.partition(cosines, -min(SCORED_BY, each), axis=2)[:, :, -SCORED_BY:]
        self._keep("implants", first, nearest.mean(axis=2))
        self._keep("references", first * each, cosines.reshape(len(self._films), -1))

    @property
    def implants(self) -> Places:
        return self._best["implants"][1]

    @property
    def references(self) -> Places:
        return self._best["references"][1]

    def _keep(self, kind: str, first: int, scores: Vector) -> None:
        known, places = self._best[kind]
        new = np.broadcast_to(np.arange(first, first + scores.shape[1]), scores.shape)
        scores, places = np.hstack([known, scores]), np.hstack([places, new])
        # Sorting all of a piece would take longer than comparing it.
        for choose in (_best_first_three, _in_order):
            order = choose(scores)
            scores = np.take_along_axis(scores, order, axis=1)
            places = np.take_along_axis(places, order, axis=1)
        self._best[kind] = scores, places


def _best_first_three(scores: Vector) -> Places:
    return np.argpartition(-scores, FIRST - 1, axis=1)[:, :FIRST]


def _in_order(scores: Vector) -> Places:
    return np.argsort(-scores, axis=1)


def _nothing(films: int) -> tuple[Vector, Places]:
    """No place has ever been −1."""
    return np.full((films, FIRST), -2.0, np.float32), np.full((films, FIRST), -1)


def recall(found: list[list[int]], exact: Places) -> float:
    """Of the places that are among the exact three (fewer where there are fewer), the share that
    was found."""
    wanted = [set(row[row >= 0].tolist()) for row in exact]
    hits = sum(len(want & set(row)) for row, want in zip(found, wanted, strict=True))
    return hits / sum(map(len, wanted))
