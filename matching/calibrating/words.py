"""What was measured, in lines for a terminal."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from matching.calibrating.limits import HIGH, MEDIUM
from matching.calibration import DECISIONS, Limits, Measured


def lines(measured: Measured) -> Iterator[str]:
    figures = measured.figures
    yield f"encoder {measured.encoder}"
    yield (
        f"{figures['films']} rankings ({figures['source']}), {figures['absent']} of them of"
        " implants that had been taken out of the gallery; the limits were set on others"
    )
    yield from _unknown(measured.limits, figures)
    yield _band("high", measured.limits.high, HIGH, figures)
    yield _band("medium", measured.limits.medium, MEDIUM, figures)
    if figures.get(DECISIONS):
        yield from _probability(figures)
    if figures.get("is_phantoms"):
        yield "Phantoms are not patients: measure again on your own films and decisions."


def _unknown(limits: Limits, figures: Mapping[str, Any]) -> Iterator[str]:
    if limits.similarity is None:
        yield "unknown: no limits, for there were too few films of absent implants"
        return
    yield (
        f"unknown: similarity below {limits.similarity:.3f}, or gap to the next family below"
        f" {limits.gap or 0.0:.3f}"
    )
    yield (
        f"  AUROC {_number(figures['auroc'])}   false accept {_share(figures['false_accept'])}"
        f"   false reject {_share(figures['false_reject'])}   top 1 {_share(figures['top1'])}"
    )


def _band(name: str, limit: float | None, promise: float, figures: Mapping[str, Any]) -> str:
    if limit is None:
        return f"{name}: never, no lead was right {promise:.0%} of the time"
    reached = figures[name]
    return (
        f"{name}: lead of at least {limit:.3f}; {_share(reached['precision'])} of"
        f" {reached['count']} right (promised: {promise:.0%})"
    )


def _probability(figures: Mapping[str, Any]) -> Iterator[str]:
    yield (
        f"probability: {figures[DECISIONS]} decisions, cross-validated Brier score"
        f" {figures['brier']:.3f} (always the mean: {figures['brier_of_the_mean']:.3f}),"
        f" expected calibration error {figures['ece']:.3f}"
    )
    bins: Sequence[Mapping[str, Any]] = figures["reliability"]
    for one in bins:
        yield (
            f"  {one['low']:.1f}-{one['high']:.1f}  predicted {one['predicted']:.2f}"
            f"  right {one['observed']:.2f}  ({one['count']})"
        )


def _share(value: float | None) -> str:
    return "-" if value is None else f"{value:.1%}"


def _number(value: float | None) -> str:
    return "-" if value is None else f"{value:.3f}"
