"""An evaluation as one HTML file that needs nothing beside it: no script, no other file."""

import base64
import io
import os
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from django.conf import settings
from django.template.loader import render_to_string
from django.utils.safestring import SafeString

from matching.evaluation import plots
from matching.evaluation.embedding import place_of
from matching.evaluation.experiment import Answer, Answers
from matching.evaluation.labelled import LabelledFilm
from matching.evaluation.measures import Figures, Share, interval, recall_at, worst
from matching.evaluation.plots import Series
from matching.evaluation.summary import Summary, cells
from matching.normalisation import normalise
from matching.radiograph import RadiographError

TEMPLATE = "evaluation/report.html"
MOST_MISTAKES = 12
MOST_CONFUSIONS = 40
SIDE = 200
BINS = 24
RECALL = 10


class ReportRefused(ValueError):
    """The report must not, or cannot, be written there. `str()` says why."""


@dataclass(frozen=True)
class Picture:
    """A normalised crop as a data URI; empty where the film is not there any more."""

    caption: str
    uri: str


@dataclass(frozen=True)
class Mistake:
    """A film that was taken for another implant: three pictures, the film's, the nearest
    reference of what it was taken for, and that of what it is."""

    title: str
    note: str
    pictures: list[Picture]


def check_place(path: Path, *, is_of_patients: bool) -> None:
    """Raise ReportRefused where a file cannot be written, or where crops of patients would lie
    among the files of the repository."""
    if path.is_dir() or not path.parent.is_dir():
        raise ReportRefused(f"The report cannot be written: {path} is no place for a file.")
    if not os.access(path if path.exists() else path.parent, os.W_OK):
        raise ReportRefused(f"The report cannot be written: {path} is not writable.")
    target = path.resolve()
    is_inside = target.is_relative_to(Path(settings.BASE_DIR).resolve())
    if is_of_patients and is_inside and not _is_private(target):
        raise ReportRefused(
            "A report on decisions does not belong into the repository: name a file elsewhere, "
            f"or below {settings.VAR_DIR}."
        )


def write(summary: Summary, path: Path, *, has_pictures: bool) -> None:
    """Readable by its owner only, as it may hold crops of patients' films. Raises
    ReportRefused."""
    text = rendered(summary, has_pictures=has_pictures)
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            file.write(text)
    except OSError as error:
        raise ReportRefused(f"The report cannot be written: {error.strerror}.") from error


def rendered(summary: Summary, *, has_pictures: bool) -> str:
    """The HTML."""
    first = summary.figures[0]
    asked = [one for one in summary.first.answers if one.rank]
    return render_to_string(
        TEMPLATE,
        {
            "summary": summary,
            "facts": facts(summary),
            "rows": [cells(one) for one in summary.figures],
            "plots": list(all_plots(summary)),
            "groups": [
                ("Manufacturer", group_rows(first.by_manufacturer)),
                ("Line", group_rows(first.by_line)),
                ("Connection", group_rows(first.by_connection)),
            ],
            "confusions": first.confusions[:MOST_CONFUSIONS],
            "mistakes": list(mistakes(summary.first, asked)) if has_pictures else [],
            "has_pictures": has_pictures,
            "is_of_patients": not summary.is_of_phantoms,
        },
    )


def facts(summary: Summary) -> list[tuple[str, str]]:
    """What was measured, as pairs of words and values."""
    first = summary.figures[0]
    low, high = interval(first.total.top3, first.total.queries)
    return [
        ("Films looked up", str(first.total.queries)),
        ("References", str(first.references)),
        ("Implants", str(first.implants)),
        ("First candidate of the right manufacturer", f"{first.manufacturer_top1:.1%}"),
        ("First candidate of the right line", f"{first.line_top1:.1%}"),
        ("95 % interval of top 3", f"{low:.1%} to {high:.1%}"),
        ("Top 3 by chance", f"{min(1.0, 3 / first.implants):.1%}"),
        *((name, str(value)) for name, value in summary.conditions.items() if value),
    ]


def group_rows(shares: dict[str, Share]) -> list[list[str]]:
    return [
        [name, str(one.queries), f"{one.top1:.1%}", f"{one.top3:.1%}", f"{one.mrr:.3f}"]
        for name, one in shares.items()
    ]


def all_plots(summary: Summary) -> Iterator[SafeString]:
    results = list(zip(summary.evaluation.results, summary.figures, strict=True))
    yield plots.lines(
        "Share of films whose implant is among the first k candidates",
        "k",
        [str(k) for k in range(1, RECALL + 1)],
        [Series(_name(figures), recall_at(_asked(result), RECALL)) for result, figures in results],
    )
    names = list(summary.figures[0].by_manufacturer)
    yield plots.bars(
        "Top 1 by manufacturer",
        names,
        [
            Series(_name(one), [one.by_manufacturer[name].top1 for name in names])
            for one in summary.figures
        ],
    )
    for result, figures in results:
        yield similarities(result, figures)


def similarities(result: Answers, figures: Figures) -> SafeString:
    """Scores of first candidates that are right, that are wrong, and of films whose implant
    is absent, each as shares of their own number."""
    asked = _asked(result)
    kinds = {
        "right": [one.known.similarity for one in asked if one.rank == 1],
        "wrong": [one.known.similarity for one in asked if one.rank != 1],
        "absent": [one.unknown.similarity for one in result.answers if one.unknown],
    }
    everything = np.concatenate([np.array(values) for values in kinds.values()])
    low, high = float(everything.min()), float(everything.max())
    edges = np.linspace(low, max(high, low + 1e-3), BINS + 1)
    series = [
        Series(f"{name} ({len(values)})", _spread(values, edges)) for name, values in kinds.items()
    ]
    title = f"Score of the first candidate: {_name(figures)}"
    return plots.histogram(title, "score", [float(edge) for edge in edges], series)


def mistakes(result: Answers, asked: Sequence[Answer]) -> Iterator[Mistake]:
    """The wrong answers that looked surest."""
    steps = result.variant.steps
    for one in worst(asked, MOST_MISTAKES):
        first, own = one.candidates[0], one.own
        crops = [
            Picture(f"film: {one.film.label}", _uri(one.film, steps, one.place.box)),
            Picture(f"taken for: {first.label}", _uri(first.reference, steps)),
        ]
        if own is not None:
            crops.append(Picture(f"should be: {own.label}", _uri(own.reference, steps)))
        score = f", {own.score:.3f} for the right one" if own else ""
        note = f"rank {one.rank}; score {first.score:.3f}{score}"
        yield Mistake(one.film.name, note, crops)


def _uri(film: LabelledFilm, steps: Any, box: Any = None) -> str:
    try:
        image = film.read()
    except (RadiographError, OSError):
        return ""
    picture = normalise(image, box or place_of(image, film).box, steps=steps)
    picture.thumbnail((SIDE, SIDE))
    out = io.BytesIO()
    picture.save(out, "JPEG", quality=80)
    return f"data:image/jpeg;base64,{base64.b64encode(out.getvalue()).decode()}"


def _asked(result: Answers) -> list[Answer]:
    return [one for one in result.answers if one.rank]


def _name(figures: Figures) -> str:
    return f"{figures.encoder.partition('@')[0]} ({figures.normalisation})"


def _spread(values: Iterable[float], edges: Any) -> list[float]:
    counts, _edges = np.histogram(list(values), bins=edges)
    total = max(int(counts.sum()), 1)
    return [float(count) / total for count in counts]


def _is_private(path: Path) -> bool:
    return path.is_relative_to(Path(settings.VAR_DIR).resolve())
