"""One evaluation from its films to its summary, for every command that measures."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from matching.encoder import get_encoder
from matching.evaluation import experiment, folder, phantoms
from matching.evaluation.embedding import NORMALISATIONS, Variant
from matching.evaluation.encoders import Opened, opened
from matching.evaluation.labelled import EvaluationError, LabelledFilm, Skipped
from matching.evaluation.phantoms import Wanted
from matching.evaluation.summary import Summary, summarised

Progress = Callable[[Iterable[LabelledFilm], int], Iterable[LabelledFilm]]


@dataclass(frozen=True)
class Source:
    """Where films come from: `total` of them; `conditions` go into the JSON. With
    `is_leave_one_out` there are too few for a split; `has_boxes` cuts fixtures out where they
    are known to lie rather than where the finder finds them."""

    title: str
    conditions: Mapping[str, Any]
    films: Iterable[LabelledFilm]
    total: int
    skipped: list[Skipped] = field(default_factory=list)
    is_leave_one_out: bool = False
    has_boxes: bool = False


@dataclass(frozen=True)
class Setting:
    """How they are measured: no names mean the encoder in use."""

    encoders: Sequence[str] = ()
    normalisations: Sequence[str] = ("fixture",)
    references: int = 5
    seeds: int = 1
    may_fetch: bool = False


def phantom_source(wanted: Wanted, *, has_boxes: bool = False) -> Source:
    """ValueError for an unknown level."""
    whose = "held-out lines" if wanted.is_held_out else "demo implants"
    return Source(
        f"Phantoms ({wanted.level}) of the {whose}, uncropped, seeds the references do not have",
        {
            "source": "phantoms",
            "difficulty": wanted.level,
            "is_held_out": wanted.is_held_out,
            "pixels_per_mm": wanted.pixels_per_mm,
            "seeds": wanted.queries,
        },
        phantoms.phantom_films(wanted),
        phantoms.film_count(wanted),
        has_boxes=has_boxes,
    )


def folder_source(path: Path, *, csv: Path | None = None, has_boxes: bool = False) -> Source:
    """Raises EvaluationError."""
    collection = folder.labelled_folder(path, csv=csv)
    if has_boxes and not all(film.box for film in collection.films):
        raise EvaluationError("Not every film has a box (x, y, width, height) in the table.")
    return Source(
        f"Films of {folder.printable(path)}",
        {"source": "folder"},
        collection.films,
        len(collection.films),
        collection.skipped,
        has_boxes=has_boxes,
    )


def run(
    source: Source, setting: Setting, *, progress: Progress, found: Opened | None = None
) -> Summary:
    """Measure. Raises EvaluationError; encoders that cannot be loaded are left out as long as
    another one can. `found` are those of `open_encoders` where they are open already."""
    found = found or open_encoders(setting)
    variants = [
        Variant(encoder, name, NORMALISATIONS[name])
        for encoder in found.encoders
        for name in dict.fromkeys(setting.normalisations)
    ]
    evaluation = experiment.evaluate(
        progress(source.films, source.total),
        variants=variants,
        references=setting.references,
        seeds=setting.seeds,
        is_leave_one_out=source.is_leave_one_out,
        is_found=not source.has_boxes,
    )
    return summarised(
        evaluation,
        title=source.title,
        conditions={
            "seeds": setting.seeds,
            "boxes": "given" if source.has_boxes else "found",
            **source.conditions,
        },
        skipped=source.skipped,
        skipped_encoders=found.skipped,
    )


def open_encoders(setting: Setting) -> Opened:
    """Raises EvaluationError where none of those that are named can be had."""
    names = setting.encoders or [get_encoder().name]
    found = opened(names, may_fetch=setting.may_fetch or not setting.encoders)
    if not found.encoders:
        raise EvaluationError(" ".join(f"{one.name}: {one.reason}" for one in found.skipped))
    return found
