"""An evaluation as JSON for machines and as a table for people."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from matching.evaluation.experiment import Answers, Evaluation
from matching.evaluation.labelled import EvaluationError, Skipped
from matching.evaluation.measures import Figures, Share, figures, interval

MOST_LISTED = 20
PHANTOMS = "Phantoms are not patients: this is no claim about clinical films."
RANDOM = "Random weights: what such an encoder reaches it owes to no training."


@dataclass(frozen=True)
class Summary:
    """What was evaluated (`title`, and `conditions` as they stand in the JSON), what came out
    (one Figures for each variant, in order), and what was left out."""

    title: str
    conditions: Mapping[str, Any]
    evaluation: Evaluation
    figures: list[Figures]
    skipped: list[Skipped]
    skipped_encoders: list[Skipped] = field(default_factory=list)

    @property
    def first(self) -> Answers:
        return self.evaluation.results[0]

    @property
    def is_of_phantoms(self) -> bool:
        return self.conditions["source"] == "phantoms"

    def as_json(self) -> dict[str, Any]:
        """The first variant's figures flat, all of them under `variants`."""
        return {
            **self.figures[0].as_json(),
            **self.conditions,
            "same_films": self.evaluation.same_films,
            "skipped": [{"file": one.name, "reason": one.reason} for one in self.skipped],
            "skipped_encoders": [
                {"encoder": one.name, "reason": one.reason} for one in self.skipped_encoders
            ],
            "variants": [one.as_json() for one in self.figures],
        }


def summarised(
    evaluation: Evaluation,
    *,
    title: str,
    conditions: Mapping[str, Any],
    skipped: Sequence[Skipped] = (),
    skipped_encoders: Sequence[Skipped] = (),
) -> Summary:
    """Raises EvaluationError where no film was asked for."""
    try:
        counted = [figures(one, families=evaluation.families) for one in evaluation.results]
    except ValueError as error:
        raise EvaluationError(f"There is nothing to evaluate: {error}.") from error
    left_out = [*skipped, *evaluation.skipped]
    return Summary(title, conditions, evaluation, counted, left_out, list(skipped_encoders))


def lines(summary: Summary) -> Iterator[str]:
    """The report for a terminal."""
    first = summary.figures[0]
    yield summary.title
    yield (
        f"{first.total.queries} films looked up among {first.references} references of "
        f"{first.implants} implants"
    )
    yield ""
    yield from table(HEAD, [cells(one) for one in summary.figures])
    yield ""
    low, high = interval(first.total.top1, first.total.queries)
    low3, high3 = interval(first.total.top3, first.total.queries)
    yield (
        f"95 % interval of the first line: top 1 {low:.1%} to {high:.1%}, top 3 {low3:.1%} to "
        f"{high3:.1%}; by chance {1 / first.implants:.1%} and {min(1, 3 / first.implants):.1%}"
    )
    yield (
        f"first candidate of the right manufacturer {first.manufacturer_top1:.1%}, of the right "
        f"line {first.line_top1:.1%}"
    )
    yield from _groups("manufacturer", first.by_manufacturer)
    yield from _groups("connection", first.by_connection)
    yield from _confused(first)
    yield from _left_out(summary)


HEAD = ("encoder", "crop", "top 1", "top 3", "top 5", "MRR", "unknown AUROC", "found")


def cells(one: Figures) -> list[str]:
    """A row below HEAD."""
    total = one.total
    return [
        one.encoder,
        one.normalisation,
        *(f"{share:.1%}" for share in (total.top1, total.top3, total.top5)),
        f"{total.mrr:.3f}",
        "–" if one.unknown_auroc is None else f"{one.unknown_auroc:.3f}",
        "–" if one.found is None else f"{one.found:.1%}",
    ]


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> Iterator[str]:
    """Aligned columns: the first two to the left, the others to the right."""
    everything = [list(head), *(list(row) for row in rows)]
    widths = [max(map(len, column)) for column in zip(*everything, strict=True)]
    for row in everything:
        yield "  ".join(
            cell.ljust(width) if place < 2 else cell.rjust(width)
            for place, (cell, width) in enumerate(zip(row, widths, strict=True))
        ).rstrip()


def _groups(name: str, shares: Mapping[str, Share]) -> Iterator[str]:
    yield ""
    rows = [
        [group, f"{one.queries}", f"{one.top1:.1%}", f"{one.top3:.1%}", f"{one.mrr:.3f}"]
        for group, one in shares.items()
    ]
    yield from table([name, "films", "top 1", "top 3", "MRR"], rows)


def _confused(first: Figures) -> Iterator[str]:
    if first.confusions:
        yield ""
        yield "taken for another implant:"
    for one in first.confusions[:MOST_LISTED]:
        note = " (look alike)" if one.are_alike else ""
        yield f"  {one.times} × {one.label} for {one.taken_for}{note}"
    if len(first.confusions) > MOST_LISTED:
        yield f"  and {len(first.confusions) - MOST_LISTED} more"


def _left_out(summary: Summary) -> Iterator[str]:
    yield ""
    for one in summary.skipped[:MOST_LISTED]:
        yield f"skipped {one.name}: {one.reason}"
    if len(summary.skipped) > MOST_LISTED:
        yield f"and {len(summary.skipped) - MOST_LISTED} more were skipped"
    for one in summary.skipped_encoders:
        yield f"skipped encoder {one.name}: {one.reason}"
    if summary.evaluation.same_films:
        yield (
            f"{summary.evaluation.same_films} films look like another one saved otherwise, and "
            "stood on its side"
        )
    if any(one.variant.encoder.is_random for one in summary.evaluation.results):
        yield RANDOM
    if summary.is_of_phantoms:
        yield PHANTOMS
