"""Limits and probabilities from what people decided about first candidates."""

from collections.abc import Sequence
from dataclasses import asdict, replace
from typing import Any

import numpy as np

from matching.calibrating import isotonic
from matching.calibrating.held_out import HeldOut, TooLittle, halves
from matching.calibrating.limits import (
    FALSE_ACCEPT,
    LEAST_FILMS,
    choose,
    figures,
    is_accepted,
    with_bands,
)
from matching.calibration import DECISIONS, LEAST_DECISIONS, Limits, evidence


def calibrated(
    decisions: Sequence[HeldOut],
    *,
    before: Limits | None = None,
    false_accept: float = FALSE_ACCEPT,
) -> tuple[Limits, dict[str, Any]]:
    """Bands and a probability from decisions about first candidates (not `is_present`: the
    catalogue lacks what the film shows), and figures of decisions that they were not set on.
    Where too few were about absent implants, the limits of unknown ones are those from `before`.

    Raises TooLittle for fewer than LEAST_DECISIONS, or when all say the same.
    """
    _check(decisions)
    to_set, to_tell = halves(decisions)
    limits = _limits(to_set, before or Limits(), false_accept)
    proof = np.array([evidence(one.standing.similarity, one.standing.lead) for one in decisions])
    right = np.array([float(one.is_right) for one in decisions])
    predicted = isotonic.cross_validated(proof, right, [one.group for one in decisions])
    found = isotonic.bins(predicted, right)
    return replace(limits, probability=isotonic.fit(proof, right)), {
        **figures(to_tell, limits),
        DECISIONS: len(decisions),
        "brier": isotonic.brier(predicted, right),
        "brier_of_the_mean": float(np.var(right)),
        "ece": isotonic.expected_error(found),
        "reliability": [asdict(one) for one in found],
    }


def _limits(films: Sequence[HeldOut], before: Limits, false_accept: float) -> Limits:
    present = sum(film.is_present for film in films)
    if min(present, len(films) - present) >= LEAST_FILMS:
        return choose(films, false_accept=false_accept)
    return with_bands(before, [film for film in films if is_accepted(film, before)])


def _check(decisions: Sequence[HeldOut]) -> None:
    if len(decisions) < LEAST_DECISIONS:
        raise TooLittle(
            f"A probability needs {LEAST_DECISIONS} decisions about candidates of this encoder;"
            f" there are {len(decisions)}. The bands stay as they are."
        )
    if len({one.is_right for one in decisions}) < 2:
        raise TooLittle(
            "All decisions say the same of the first candidate, which tells no probability."
            " The bands stay as they are."
        )
