"""A folder of films whose implants are named by the files (design.md, section 6) or a table."""

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from pathlib import Path

from PIL import Image

from implants import filenames
from implants.filenames import NameNotUnderstood
from matching import radiograph
from matching.evaluation import table
from matching.evaluation.labelled import (
    Collection,
    EvaluationError,
    LabelledFilm,
    Skipped,
    Spellings,
    label_of,
)
from matching.evaluation.table import Row
from matching.radiograph import RadiographError

TABLE_NAMES = ("labels.csv", "films.csv")


def labelled_folder(folder: Path, *, csv: Path | None = None) -> Collection:
    """The films of a folder and its sub-folders, by path.

    With a table (`csv`, or the only CSV file that the folder itself holds) the films are those
    that it names, otherwise all visible files. A film that stands there twice counts once;
    under two implants it counts for neither. Raises EvaluationError for a folder or a table
    that cannot be read, and where no film is left.
    """
    if not folder.is_dir():
        raise EvaluationError(f"{printable(folder)} is not a folder.")
    listed = csv or _table_in(folder)
    found = list(_by_table(folder, table.rows(listed)) if listed else _by_name(folder))
    skipped = [one for one in found if isinstance(one, Skipped)]
    films, doubtful = _each_once(one for one in found if isinstance(one, LabelledFilm))
    if not films:
        raise EvaluationError(_nothing_left(folder, skipped + doubtful))
    return Collection(films, skipped + doubtful)


def visible_files(folder: Path) -> list[Path]:
    """Every file below a folder that is not hidden and not in a hidden folder, by path."""
    return [
        path
        for path in sorted(folder.rglob("*"))
        if path.is_file()
        and not any(part.startswith(".") for part in path.relative_to(folder).parts)
    ]


def content_of(path: Path) -> bytes:
    """The bytes of a file; ImageTooLarge before a single one is read, or OSError."""
    radiograph.check_size(path.stat().st_size)
    return path.read_bytes()


def reason_of(error: Exception) -> str:
    """Why a film could not be read, in a sentence."""
    if isinstance(error, FileNotFoundError):
        return "There is no such file."
    if isinstance(error, OSError):
        return f"The file cannot be read: {error.strerror or type(error).__name__}."
    return str(error)


def printable(path: Path | str) -> str:
    """The path with each byte that is not UTF-8 written as `\\xff`, and nothing that moves the
    cursor of a terminal."""
    text = str(path).encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")
    return "".join(sign if sign.isprintable() else repr(sign)[1:-1] for sign in text)


def _table_in(folder: Path) -> Path | None:
    tables = [path for path in visible_files(folder) if path.suffix.lower() == ".csv"]
    tables = [path for path in tables if path.parent == folder]
    named = [path for path in tables if path.name.lower() in TABLE_NAMES]
    if len(tables) > 1 and len(named) != 1:
        raise EvaluationError(
            f"{printable(folder)} holds {len(tables)} CSV files: name the one that says what is "
            "on the films with --csv."
        )
    return next(iter(named or tables), None)


def _by_table(folder: Path, rows: Iterable[Row]) -> Iterator[LabelledFilm | Skipped]:
    manufacturers, lines = Spellings(filenames.ALIASES.values()), Spellings()
    for row in rows:
        path = _inside(folder, row.file)
        problem = row.problem or ("" if path else "The path leads out of the folder.")
        if problem or path is None:
            yield Skipped(printable(row.file), problem)
            continue
        known = filenames.ALIASES.get(filenames.key(row.manufacturer), row.manufacturer)
        manufacturer, line = manufacturers.of(known), lines.of(row.line)
        film = LabelledFilm(
            name=printable(row.file),
            label=label_of(manufacturer, line, row.diameter_mm, row.length_mm),
            manufacturer=manufacturer,
            line=line,
            connection=row.connection,
            group=f"patient {row.patient}" if row.patient else "",
            read=_reader(path),
            box=row.box,
            part=row.part,
        )
        yield _identified(film, path)


def _by_name(folder: Path) -> Iterator[LabelledFilm | Skipped]:
    manufacturers, lines = Spellings(filenames.ALIASES.values()), Spellings()
    for path in visible_files(folder):
        relative = path.relative_to(folder).as_posix()
        try:
            named = filenames.parse(relative)
        except NameNotUnderstood as error:
            yield Skipped(printable(relative), f"The name says no implant: {error}.")
            continue
        manufacturer, line = manufacturers.of(named.manufacturer), lines.of(named.name)
        film = LabelledFilm(
            name=printable(relative),
            label=label_of(manufacturer, line, named.diameter_mm, None),
            manufacturer=manufacturer,
            line=line,
            group="",
            read=_reader(path),
        )
        yield _identified(film, path)


def _reader(path: Path) -> Callable[[], Image.Image]:
    def read() -> Image.Image:
        return radiograph.load(content_of(path)).image

    return read


def _identified(film: LabelledFilm, path: Path) -> LabelledFilm | Skipped:
    try:
        digest = radiograph.digest(content_of(path))
    except (RadiographError, OSError) as error:
        return Skipped(film.name, reason_of(error))
    return replace(film, digest=digest, group=film.group or digest)


def _inside(folder: Path, name: str) -> Path | None:
    """The file of that name below the folder; None for what lies elsewhere."""
    path = Path(name)
    if path.is_absolute() or ".." in path.parts or "\0" in name or ":" in name[:2]:
        return None
    whole = folder / path
    return whole if whole.resolve().is_relative_to(folder.resolve()) else None


def _each_once(films: Iterable[LabelledFilm]) -> tuple[list[LabelledFilm], list[Skipped]]:
    """Each fixture once, and what was left out. Films with the same bytes are in one group,
    whatever patients they are said to be of; several fixtures of one film have boxes."""
    alike: defaultdict[tuple[str, object], list[LabelledFilm]] = defaultdict(list)
    groups: dict[str, str] = {}
    for film in films:
        group = groups.setdefault(film.digest, film.group)
        alike[film.digest, film.box].append(replace(film, group=group))
    kept: list[LabelledFilm] = []
    skipped: list[Skipped] = []
    for first, *others in alike.values():
        if len({first.label, *(one.label for one in others)}) > 1:
            skipped += [
                Skipped(one.name, "The same film stands there as another implant too.")
                for one in (first, *others)
            ]
            continue
        kept.append(first)
        skipped += [Skipped(one.name, f"The same film as {first.name}.") for one in others]
    return kept, skipped


def _nothing_left(folder: Path, skipped: list[Skipped]) -> str:
    if not skipped:
        return f"{printable(folder)} holds no films."
    first = skipped[0]
    return (
        f"None of the {len(skipped)} files of {printable(folder)} could be used, for example "
        f"{first.name}: {first.reason}"
    )
