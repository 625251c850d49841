"""What was measured for one encoder: where an implant counts as unknown, and how much the
distance to the next one says.

Cosines of radiographs are all high and close together, and every encoder spreads them in its
own way: no limit is worth anything but for the encoder that it was measured with
(`manage.py calibrate`). An encoder without a calibration has none.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

from matching.encoder import is_current
from matching.models import Calibration
from matching.scoring import Standing

# Beside the weights that it was measured with.
PACKAGED = Path(__file__).parent / "weights" / "raiox-fixture.calibration.json"
# Below that a probability would rather describe chance.
LEAST_DECISIONS = 200
DECISIONS = "decisions"
# What belongs to a probability among the figures.
OF_DECISIONS = (DECISIONS, "brier", "brier_of_the_mean", "ece", "reliability")


@dataclass(frozen=True)
class Limits:
    """The first implant is accepted from `similarity` and `gap` on (None: not measured, nothing
    is ever said to be unknown). Its lead over the second one is a `high` or `medium` band's
    from there on (None: no lead is enough). `probability` are points (evidence, probability)
    that rise in both, and empty unless they were measured on enough decisions."""

    similarity: float | None = None
    gap: float | None = None
    high: float | None = None
    medium: float | None = None
    probability: tuple[tuple[float, float], ...] = ()


@dataclass(frozen=True)
class Measured:
    """Limits, the encoder they belong to, and on what they were measured (`figures`: `source`
    is a level of phantoms, a folder's name or `decisions`; see `matching.calibrating`)."""

    encoder: str
    limits: Limits
    figures: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Bin:
    """Films whose predicted probability lay in low…high: its mean, and the share of them whose
    first implant was right."""

    low: float
    high: float
    predicted: float
    observed: float
    count: int


def limits_for(encoder: str) -> Limits | None:
    """What was measured for this encoder id; None where nothing was."""
    measured = measured_for(encoder)
    return measured.limits if measured else None


def measured_for(encoder: str) -> Measured | None:
    """The stored calibration of an encoder id, else the packaged one if it is of this id."""
    row = Calibration.objects.filter(encoder=encoder).first()
    if row is not None:
        return _of(row.encoder, row.limits, row.measured)
    packaged = _packaged(PACKAGED)
    return packaged if packaged and packaged.encoder == encoder else None


def of_current_encoder() -> Measured | None:
    """That of the encoder in use, found without loading it."""
    for row in Calibration.objects.order_by("-created_at"):
        if is_current(row.encoder):
            return _of(row.encoder, row.limits, row.measured)
    packaged = _packaged(PACKAGED)
    return packaged if packaged and is_current(packaged.encoder) else None


def is_unknown(standing: Standing, limits: Limits | None) -> bool | None:
    """Whether the first implant stands too badly to be the one on the film: only where its
    score and its gap to the next family both pass is it accepted. None without limits."""
    if limits is None or limits.similarity is None:
        return None
    is_near = standing.similarity >= limits.similarity
    is_apart = standing.gap is None or standing.gap >= (limits.gap or 0.0)
    return not (is_near and is_apart)


def nearness(standing: Standing) -> float:
    """By how much, in one number, the first implant may be the one on the film: its score
    alone. The gap tells look-alikes apart, not an implant that is absent."""
    return standing.similarity


def evidence(similarity: float, ahead: float | None) -> float:
    """One number from the first score and how far it lies before another: nearer and further
    ahead both speak for it, alike."""
    return similarity + (ahead or 0.0)


def probability(standing: Standing, limits: Limits | None) -> float | None:
    """That the first implant is right, 0…1, as decisions of people have shown it; None while
    there are too few of them."""
    if limits is None or not limits.probability:
        return None
    points, values = zip(*limits.probability, strict=True)
    return float(np.interp(evidence(standing.similarity, standing.lead), points, values))


def reliability(encoder: str) -> list[Bin]:
    """How the probabilities of this encoder id held on decisions that they were not fitted
    to; empty where there are none."""
    measured = measured_for(encoder)
    return [Bin(**one) for one in (measured.figures if measured else {}).get("reliability", [])]


def save(measured: Measured) -> Calibration:
    """Store it in place of an earlier one of its encoder, whose probability stays where the
    new one has none: decisions are not unmade by measuring films. Raises ValueError for a
    probability that does not come from enough decisions."""
    _check(measured)
    row, is_new = Calibration.objects.get_or_create(
        encoder=measured.encoder, defaults={"limits": {}, "measured": {}}
    )
    if not is_new and not measured.limits.probability:
        measured = _with_probability(measured, _of(row.encoder, row.limits, row.measured))
    row.limits, row.measured = asdict(measured.limits), dict(measured.figures)
    row.save()
    return row


def write(measured: Measured, path: Path) -> None:
    """Write it as a file that can be packaged. Raises ValueError as `save`, and OSError."""
    _check(measured)
    path.write_text(json.dumps(as_json(measured), indent=2) + "\n", encoding="utf-8")


def as_json(measured: Measured) -> dict[str, Any]:
    return {
        "encoder": measured.encoder,
        "limits": asdict(measured.limits),
        "measured": dict(measured.figures),
    }


def _with_probability(measured: Measured, before: Measured) -> Measured:
    kept = {name: before.figures[name] for name in OF_DECISIONS if name in before.figures}
    limits = replace(measured.limits, probability=before.limits.probability)
    return Measured(measured.encoder, limits, {**measured.figures, **kept})


@cache
def _packaged(path: Path) -> Measured | None:
    if not path.is_file():
        return None
    data = json.loads(path.read_text(encoding="utf-8"))
    return _of(data["encoder"], data["limits"], data["measured"])


def _of(encoder: str, limits: Mapping[str, Any], figures: Mapping[str, Any]) -> Measured:
    points: Sequence[Sequence[float]] = limits.get("probability") or ()
    if not _may_tell_probabilities(figures):
        points = ()
    rest = {name: limits.get(name) for name in ("similarity", "gap", "high", "medium")}
    return Measured(encoder, Limits(**rest, probability=tuple((x, y) for x, y in points)), figures)


def _check(measured: Measured) -> None:
    if measured.limits.probability and not _may_tell_probabilities(measured.figures):
        raise ValueError(f"a probability needs {LEAST_DECISIONS} decisions of people")


def _may_tell_probabilities(figures: Mapping[str, Any]) -> bool:
    return int(figures.get(DECISIONS) or 0) >= LEAST_DECISIONS
