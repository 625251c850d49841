"""When five candidates are not enough to say whether the first one is unknown."""

from typing import Any, NamedTuple

import pytest

from matching import matcher
from matching.calibration import Limits


class Candidate(NamedTuple):
    similarity: float
    family: int


LIMITS = Limits(similarity=0.8, gap=0.05)
NEAR = (0.95, 0.94, 0.93, 0.92, 0.91)


def found(families: str, similarities: tuple[float, ...] = NEAR) -> Any:
    return [Candidate(*pair) for pair in zip(similarities, map(ord, families), strict=True)]


@pytest.mark.parametrize(
    ("candidates", "limits", "may_change"),
    [
        pytest.param(found("aaaaa"), LIMITS, True, id="another family may stand too near"),
        pytest.param(
            found("aaaaa", (0.95, 0.9, 0.89, 0.88, 0.87)), LIMITS, False, id="none can any more"
        ),
        pytest.param(found("abcde"), LIMITS, True, id="a later one may join both families"),
        pytest.param(
            found("abcde", (0.95, 0.8, 0.79, 0.78, 0.77)), LIMITS, False, id="far enough apart"
        ),
        pytest.param(
            found("abcde", (0.7, 0.69, 0.6, 0.6, 0.6)), LIMITS, False, id="unknown in any case"
        ),
        pytest.param(found("abcde"), None, False, id="nothing was measured"),
        pytest.param(found("ab", (0.95, 0.94)), LIMITS, False, id="there are no more"),
    ],
)
def test_more_are_read_only_where_they_could_say_another_thing(
    candidates: Any, limits: Limits | None, may_change: bool
) -> None:
    assert matcher._may_change(candidates, limits) is may_change
