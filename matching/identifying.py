"""What implants the films of an unlabelled folder show, by the catalogue of the database."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from PIL import Image

from matching import finder, matcher, quality, radiograph
from matching.boxes import Box
from matching.evaluation.folder import content_of, printable, reason_of, visible_files
from matching.matcher import CANDIDATES, Candidate, Match
from matching.radiograph import RadiographError

# What a spreadsheet would take for a formula.
FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n")
BOX = ("x", "y", "width", "height", "angle")
OF_A_CANDIDATE = (
    "implant_id",
    "manufacturer",
    "line",
    "type",
    "diameter_mm",
    "length_mm",
    "similarity",
)


@dataclass(frozen=True)
class Identified:
    """One fixture of one film, or a file that could not be read (`error` says why).

    `fixture` counts from 1 and has no box where the finder found none, and the film was
    compared as a whole. `doubts` are codes of what is doubtful about the film (see
    `matching.quality`).
    """

    file: str
    fixture: int = 0
    box: Box | None = None
    found_score: float | None = None
    match: Match | None = None
    doubts: tuple[str, ...] = ()
    error: str = ""

    @property
    def candidates(self) -> list[Candidate]:
        return self.match.candidates if self.match else []


def films_at(places: Iterable[Path], *, but: Path | None = None) -> list[Path]:
    """The files at these places, a folder standing for all visible files below it, by path;
    each file once, and places where there is nothing too. `but` is the answers' own file."""
    found: dict[Path, Path] = {}
    for place in places:
        for path in visible_files(place) if place.is_dir() else [place]:
            found.setdefault(path.resolve(), path)
    if but is not None:
        found.pop(but.resolve(), None)
    return sorted(found.values())


def identify(paths: Iterable[Path], *, limit: int = CANDIDATES) -> Iterator[Identified]:
    """Every fixture of every film with its `limit` best candidates; an unreadable file is a
    row of its own. Raises EncoderError, CatalogueEmpty or EncoderMismatch."""
    for path in paths:
        try:
            film = radiograph.load(content_of(path)).image
        except (RadiographError, OSError) as error:
            yield Identified(printable(path), error=reason_of(error))
            continue
        yield from _fixtures(printable(path), film, limit)


def as_json(one: Identified) -> dict[str, Any]:
    """With `candidates` as a list, best first."""
    return {
        **_facts(one),
        "box": one.box.as_json() if one.box else None,
        "doubts": list(one.doubts),
        "candidates": [{"rank": each.rank, **_candidate(each)} for each in one.candidates],
    }


def header(limit: int) -> list[str]:
    """The columns of `as_row`."""
    numbered = [f"{name}_{rank}" for rank in range(1, limit + 1) for name in OF_A_CANDIDATE]
    return ["file", "fixture", *BOX, "found_score", "band", "unknown", "doubts", *numbered, "error"]


def as_row(one: Identified, *, limit: int) -> list[str]:
    """Cells of text for a spreadsheet; none of them is a formula to it."""
    facts = _facts(one)
    box = one.box.as_json() if one.box else {}
    candidates = [_candidate(each) for each in one.candidates[:limit]]
    candidates += [{} for _ in range(limit - len(candidates))]
    values = [
        facts["file"],
        facts["fixture"],
        *(box.get(name) for name in BOX),
        facts["found_score"],
        facts["band"],
        facts["unknown"],
        " ".join(one.doubts),
        *(each.get(name) for each in candidates for name in OF_A_CANDIDATE),
        facts["error"],
    ]
    return [_cell(value) for value in values]


def _fixtures(name: str, film: Image.Image, limit: int) -> Iterator[Identified]:
    found = finder.find(film)
    if not found:
        doubts = tuple(quality.film_doubts(film, []))
        match = matcher.look_up(film, limit=limit, doubts=doubts)
        yield Identified(name, 1, None, None, match, doubts)
    for number, one in enumerate(found, start=1):
        # Which fixture is meant need not be said: each has its own answer.
        doubts = tuple(quality.film_doubts(film, [one.box]))
        match = matcher.look_up(film, box=one.box, limit=limit, doubts=doubts)
        yield Identified(name, number, one.box, one.score, match, doubts)


def _facts(one: Identified) -> dict[str, Any]:
    return {
        "file": one.file,
        "fixture": one.fixture or None,
        "found_score": None if one.found_score is None else round(one.found_score, 4),
        "band": one.match.band if one.match else None,
        "unknown": one.match.is_unknown if one.match else None,
        "error": one.error or None,
    }


def _candidate(one: Candidate) -> dict[str, Any]:
    implant = one.implant
    sizes = [None if mm is None else float(mm) for mm in (implant.diameter_mm, implant.length_mm)]
    values = (
        implant.pk,
        implant.manufacturer,
        implant.name,
        implant.type,
        *sizes,
        round(one.similarity, 4),
    )
    return dict(zip(OF_A_CANDIDATE, values, strict=True))


def _cell(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if not isinstance(value, str):
        return f"{value}"
    return f"'{value}" if value.lstrip("' ").startswith(FORMULA) else value
