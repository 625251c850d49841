"""One score per implant from the cosines of its references: pure, for the matcher and for
whoever measures it.

An implant has as many references as it happens to have. Counting votes would let one with
fifty beat one with three by numbers; the mean of the two nearest asks every implant the same
question, and one odd reference alone does not win.
"""

from collections import defaultdict
from collections.abc import Callable, Hashable, Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from heapq import nlargest
from statistics import fmean
from typing import Any, TypeVar

K = TypeVar("K", bound=Hashable)


class Rule(StrEnum):
    """How several cosines become one score. `MEAN2` is what the matcher uses; the others are
    there to be compared with it."""

    MEAN2 = "mean2"
    MAX = "max"
    MEAN = "mean"


@dataclass(frozen=True)
class Standing:
    """How the first of a ranking stands: its score, how far it lies before the second implant
    (`lead`), and before the first one of another family (`gap`); None where there is none."""

    similarity: float
    lead: float | None
    gap: float | None


def implant_score(cosines: Iterable[float], *, rule: Rule = Rule.MEAN2) -> float:
    """The score of one implant, −1…1: the mean of its two nearest references, or the one.

    Raises ValueError without any.
    """
    if rule == Rule.MEAN:
        return fmean(cosines)
    nearest = nlargest(1 if rule == Rule.MAX else 2, cosines)
    if not nearest:
        raise ValueError("an implant without references has no score")
    return fmean(nearest)


def ranked(pairs: Iterable[tuple[K, float]], *, rule: Rule = Rule.MEAN2) -> list[tuple[K, float]]:
    """Implants with their scores, best first, from one (implant, cosine) for each reference.
    Of equal scores the one that is met first comes first."""
    cosines: defaultdict[K, list[float]] = defaultdict(list)
    for key, cosine in pairs:
        cosines[key].append(cosine)
    scores = [(key, implant_score(values, rule=rule)) for key, values in cosines.items()]
    return sorted(scores, key=lambda scored: -scored[1])


def _itself(key: Any) -> Hashable:
    return key  # type: ignore[no-any-return]


def standing(
    ranking: Sequence[tuple[K, float]], *, family: Callable[[K], Hashable] = _itself
) -> Standing:
    """How the first of a ranking stands. Raises IndexError for an empty one."""
    first, similarity = ranking[0]
    own = family(first)
    others = [similarity - score for key, score in ranking[1:] if family(key) != own]
    lead = similarity - ranking[1][1] if len(ranking) > 1 else None
    return Standing(similarity, lead, others[0] if others else None)
