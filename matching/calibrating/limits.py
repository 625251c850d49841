"""Setting the limits of `matching.calibration` on films that they are to hold for, and
telling what they reach on others."""

from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from matching.calibrating.held_out import Array, HeldOut, TooLittle
from matching.calibration import Limits, is_unknown, nearness

# Of the films of absent implants so many may be accepted at most.
FALSE_ACCEPT = 0.10
# What a band promises: the share of its films whose first implant is right.
HIGH, MEDIUM = 0.97, 0.85
# A share of fewer films says little.
LEAST_FILMS = 30
STEPS = 60


def choose(films: Sequence[HeldOut], *, false_accept: float = FALSE_ACCEPT) -> Limits:
    """The limits that accept most films of present implants while at most `false_accept` of
    the absent ones are accepted, and the least leads by which the bands hold what they promise
    (HIGH, MEDIUM) on all accepted films, of which some are of absent implants.

    Raises TooLittle for fewer than LEAST_FILMS films of either kind.
    """
    present = [film for film in films if film.is_present]
    absent = [film for film in films if not film.is_present]
    if min(len(present), len(absent)) < LEAST_FILMS:
        raise TooLittle(
            f"At least {LEAST_FILMS} films of implants in the gallery and as many of absent ones"
            f" are needed; there are {len(present)} and {len(absent)}."
        )
    similarity, gap = _accepting_most(_pairs(present), _pairs(absent), false_accept)
    limits = Limits(similarity, gap)
    return with_bands(limits, [film for film in films if is_accepted(film, limits)])


def with_bands(limits: Limits, accepted: Sequence[HeldOut]) -> Limits:
    """The limits with the leads that the bands need on these films."""
    leads = sorted(((film.standing.lead or 0.0), film.is_right) for film in accepted)[::-1]
    high = _least_lead(leads, HIGH)
    below = [one for one in leads if high is None or one[0] < high]
    return replace(limits, high=high, medium=_least_lead(below, MEDIUM))


def figures(films: Sequence[HeldOut], limits: Limits) -> dict[str, Any]:
    """What limits reach on films: shares of 1, None where there is no film to tell them of."""
    present = [film for film in films if film.is_present]
    absent = [film for film in films if not film.is_present]
    accepted = [film for film in films if is_accepted(film, limits)]
    high, medium = _by_band(accepted, limits)
    return {
        "films": len(films),
        "absent": len(absent),
        "auroc": auroc(_nearness(present), _nearness(absent)),
        "false_accept": _share(is_accepted(film, limits) for film in absent),
        "false_reject": _share(not is_accepted(film, limits) for film in present),
        "top1": _share(film.is_right for film in present),
        "high": _precision(high),
        "medium": _precision(medium),
    }


def is_accepted(film: HeldOut, limits: Limits) -> bool:
    """Whether the film's first implant is not said to be unknown."""
    return not is_unknown(film.standing, limits)


def auroc(positive: Iterable[float], negative: Iterable[float]) -> float | None:
    """The share of pairs in which the positive one is higher, ties by half: the area under
    the ROC curve (Hanley and McNeil, Radiology 1982, 143:29). None without pairs."""
    high, low = np.array([*positive]), np.sort([*negative])
    if not len(high) or not len(low):
        return None
    below = np.searchsorted(low, high, "left") + np.searchsorted(low, high, "right")
    return float(below.sum() / (2 * len(high) * len(low)))


def _accepting_most(present: Array, absent: Array, false_accept: float) -> tuple[float, float]:
    """Of all pairs of limits on a grid the one that accepts most present ones; of equal ones
    that with the fewest absent ones, then the lowest."""
    shares = np.linspace(0.0, 1.0, STEPS)
    both = np.concatenate([present, absent])
    allowed = [
        (_passing(present, similarity, gap), -wrong, -similarity, -gap)
        for similarity in _limits(both[:, 0], shares)
        for gap in _limits(both[:, 1], shares)
        if (wrong := _passing(absent, similarity, gap)) <= false_accept
    ]
    _passed, _wrong, similarity, gap = max(allowed)
    return -similarity, -gap


def _limits(values: Array, shares: Array) -> list[float]:
    # The last one lets nothing pass: with it there is always an answer.
    return [*np.unique(np.quantile(values, shares)).tolist(), float(values.max()) + 1e-6]


def _passing(pairs: Array, similarity: float, gap: float) -> float:
    return float(np.mean((pairs[:, 0] >= similarity) & (pairs[:, 1] >= gap)))


def _pairs(films: Iterable[HeldOut]) -> Array:
    # Without another family there is no gap to fail by.
    return np.array(
        [
            (film.standing.similarity, 2.0 if film.standing.gap is None else film.standing.gap)
            for film in films
        ]
    )


def _least_lead(leads: Sequence[tuple[float, bool]], promise: float) -> float | None:
    """The lowest lead (they come falling) from which on the share of right ones holds."""
    right = np.cumsum([is_right for _lead, is_right in leads])
    found = None
    for count, (lead, _is_right) in enumerate(leads, start=1):
        is_last_of_equal = count == len(leads) or leads[count][0] < lead
        if count >= LEAST_FILMS and is_last_of_equal and right[count - 1] >= promise * count:
            found = lead
    return found


def _by_band(accepted: Iterable[HeldOut], limits: Limits) -> tuple[list[HeldOut], list[HeldOut]]:
    high, medium = [], []
    for film in accepted:
        lead = film.standing.lead or 0.0
        if limits.high is not None and lead >= limits.high:
            high.append(film)
        elif limits.medium is not None and lead >= limits.medium:
            medium.append(film)
    return high, medium


def _precision(films: Sequence[HeldOut]) -> dict[str, Any]:
    return {"count": len(films), "precision": _share(film.is_right for film in films)}


def _nearness(films: Iterable[HeldOut]) -> list[float]:
    return [nearness(film.standing) for film in films]


def _share(which: Iterable[bool]) -> float | None:
    values = list(which)
    return sum(values) / len(values) if values else None
