"""The regression gate: figures of an earlier evaluation that must not be undercut."""

import json
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

# By so many points (hundredths) top 3 may fall.
POINTS = 3.0
# What must be equal for two evaluations to say something of each other; where the earlier one
# does not tell it is taken to be.
CONDITIONS = (
    "source",
    "difficulty",
    "is_held_out",
    "pixels_per_mm",
    "references",
    "queries",
    "implants",
    "seeds",
    "boxes",
    "normalisation",
)


class BaselineError(ValueError):
    """The file holds no figures that these could be compared with. `str()` says why."""


class TopThreeFell(ValueError):
    """Top 3 is lower than it may be. `str()` says by how much."""


def read(path: Path) -> dict[str, Any]:
    """Earlier figures, as `evaluate --json` printed them: at least `top3`. Raises
    BaselineError."""
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        reason = error.strerror or type(error).__name__
        raise BaselineError(f"The baseline {path} cannot be read: {reason}.") from error
    except ValueError as error:
        raise BaselineError(f"The baseline {path} is not JSON: {error}.") from error
    if not isinstance(content, dict) or not _is_share(content.get("top3")):
        raise BaselineError(f"The baseline {path} holds no top3 between 0 and 1.")
    return content


def write(path: Path, figures: Mapping[str, Any]) -> None:
    """Store what is compared, and the other single figures. Raises BaselineError."""
    single = {name: one for name, one in figures.items() if not isinstance(one, (dict, list))}
    try:
        path.write_text(json.dumps(single, indent=2) + "\n", encoding="utf-8")
    except OSError as error:
        reason = error.strerror or type(error).__name__
        raise BaselineError(f"The baseline {path} cannot be written: {reason}.") from error


def compare(figures: Mapping[str, Any], before: Mapping[str, Any]) -> str:
    """A sentence about top 3 now and then. Raises TopThreeFell where it fell by more than
    POINTS, BaselineError where the two were measured in different ways."""
    differing = [
        f"{name} {before[name]} there and {figures.get(name)} here"
        for name in CONDITIONS
        if name in before and before[name] != figures.get(name)
    ]
    if differing:
        raise BaselineError(f"The baseline was measured otherwise: {', '.join(differing)}.")
    then, now = float(before["top3"]), float(figures["top3"])
    # As decimal fractions: 0.97 − 0.94 is more than 0.03 in binary.
    change = round(100 * (now - then), 6)
    sentence = f"top 3 is {now:.1%}, in the baseline {then:.1%} ({change:+.1f} points)"
    if change < -POINTS:
        raise TopThreeFell(f"{sentence}: it may fall by {POINTS:g} points at most.")
    return f"{sentence}: not more than {POINTS:g} points lower."


def _is_share(value: object) -> bool:
    # JSON as Python reads it has NaN, and nothing is lower than that.
    return isinstance(value, (int, float)) and math.isfinite(value) and 0 <= value <= 1
