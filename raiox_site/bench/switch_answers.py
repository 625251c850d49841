"""Which encoder an answer came from, told by comparing the film with every reference here."""

from collections.abc import Sequence
from functools import cache

import numpy as np

from matching import finder, radiograph, scoring
from matching.encoder import Vector, make_encoder
from matching.models import Embedding
from matching.normalisation import normalise

# Implant and similarity, best first.
Answer = list[tuple[int, float]]
# Single precision, batches of other sizes, a stored vector.
SAME = 1e-4


class Exact:
    """All vectors of one encoder, compared one by one."""

    def __init__(self, name: str) -> None:
        self.encoder = make_encoder(name, views=1)
        rows = Embedding.objects.searchable().of_encoder(self.encoder.id)
        values = list(rows.values_list("reference_image__implant_id", "vector"))
        self._implants = [implant for implant, _vector in values]
        self._vectors: Vector = np.asarray([vector for _one, vector in values], np.float32)

    def scores(self, film: bytes) -> dict[int, float]:
        """The score of every implant, best first."""
        image = radiograph.load(film).image
        box = next(iter(finder.propose(image)), None)
        cosines = self._vectors @ self.encoder.encode([normalise(image, box)])[0]
        return dict(scoring.ranked(zip(self._implants, cosines.tolist(), strict=True)))


class Judge:
    """`exact`: of the old encoder and of the new one."""

    def __init__(self, exact: Sequence[Exact]) -> None:
        self._scores = cache(lambda film: [one.scores(film) for one in exact])

    def of(self, film: bytes, answer: Answer) -> str:
        """`old` or `new` for exactly its best implants, `inexact` for true scores of one
        encoder that are not its best, else `mixed`."""
        scores = self._scores(film)
        for name, all_of_one in zip(("old", "new"), scores, strict=True):
            if _is_same(answer, list(all_of_one.items())[: len(answer)]):
                return name
        is_consistent = any(
            _is_same(answer, [(implant, one.get(implant, -2.0)) for implant, _score in answer])
            for one in scores
        )
        return "inexact" if is_consistent else "mixed"


def _is_same(answer: Answer, exact: Answer) -> bool:
    """The same implants and scores, but for the order of those that stand equally high."""
    true = dict(exact)
    return len(answer) == len(exact) > 0 and all(
        abs(score - best) < SAME and abs(true.get(implant, -2.0) - score) < SAME
        for (implant, score), (_other, best) in zip(answer, exact, strict=True)
    )
