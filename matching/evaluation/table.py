"""The table that says what is on the films of a folder: a CSV file with a header."""

import csv
import io
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from pathlib import Path

from implants.filenames import MAX_DIAMETER_MM, MAX_LINE, MAX_MANUFACTURER, key
from matching.boxes import Box, BoxError
from matching.evaluation.labelled import EvaluationError, Part

# Each column, and what else it may be called.
COLUMNS: dict[str, tuple[str, ...]] = {
    "file": ("filename", "path", "image"),
    "manufacturer": ("brand", "maker"),
    "line": ("name", "model", "implant"),
    "diameter_mm": ("diameter",),
    "length_mm": ("length",),
    "patient": ("patient_id",),
    "connection": (),
    "part": ("split",),
}
REQUIRED = ("file", "manufacturer", "line")
BOX = ("x", "y", "width", "height", "angle")
MAX_LENGTH_MM = 60
PARTS = {"": Part.ANY, "reference": Part.REFERENCE, "query": Part.QUERY}
MOST_BYTES = 20_000_000


@dataclass(frozen=True)
class Row:
    """One fixture of the table; `problem` is a sentence where the row cannot be used."""

    file: str
    manufacturer: str = ""
    line: str = ""
    diameter_mm: Decimal | None = None
    length_mm: Decimal | None = None
    patient: str = ""
    connection: str = ""
    part: Part = Part.ANY
    box: Box | None = None
    problem: str = ""


class _RowError(ValueError):
    pass


def rows(path: Path) -> list[Row]:
    """The rows of a table in UTF-8 (or UTF-16 with a mark), separated by commas, semicolons or
    tabs. `file`, `manufacturer` and `line` must be there; `diameter_mm`, `length_mm`,
    `patient`, `connection`, `part` (reference or query) and a box (`x`, `y`, `width`,
    `height`, `angle`, in pixels of the film) may be. Raises EvaluationError.
    """
    text = _text(path)
    # The sniffer of the csv module guesses, and guesses wrong.
    delimiter = max(",;\t", key=text.partition("\n")[0].count)
    reader = csv.DictReader(io.StringIO(text, newline=""), delimiter=delimiter)
    try:
        names = _columns(reader.fieldnames or (), path)
        return [_row({own: row.get(name) or "" for own, name in names.items()}) for row in reader]
    except csv.Error as error:
        raise EvaluationError(f"{path.name}: line {reader.line_num}: {error}.") from error


def _text(path: Path) -> str:
    try:
        if path.stat().st_size > MOST_BYTES:
            raise EvaluationError(f"{path.name} is too large to be a table of films.")
        content = path.read_bytes()
    except OSError as error:
        reason = error.strerror or type(error).__name__
        raise EvaluationError(f"{path.name} cannot be read: {reason}.") from error
    is_wide = content[:2] in (b"\xff\xfe", b"\xfe\xff")
    try:
        return content.decode("utf-16" if is_wide else "utf-8-sig")
    except UnicodeDecodeError as error:
        raise EvaluationError(f"{path.name} is not UTF-8: save it as CSV UTF-8.") from error


def _columns(header: Iterable[str], path: Path) -> dict[str, str]:
    """The name of each column of ours in the table."""
    found = {key(name): name for name in header}
    names = {
        own: found[key(name)]
        for own, others in (COLUMNS | dict.fromkeys(BOX, ())).items()
        for name in reversed((own, *others))
        if key(name) in found
    }
    missing = [own for own in REQUIRED if own not in names]
    if missing:
        raise EvaluationError(
            f"{path.name} has no column {' or '.join(missing)}: expected at least "
            f"{', '.join(REQUIRED)} in the first line."
        )
    return names


def _row(cells: Mapping[str, str]) -> Row:
    values = {name: cell.strip() for name, cell in cells.items()}
    file = values["file"].replace("\\", "/")
    try:
        return Row(
            file=_given(file, "file"),
            manufacturer=_given(values["manufacturer"], "manufacturer", most=MAX_MANUFACTURER),
            line=_given(values["line"], "line", most=MAX_LINE),
            diameter_mm=_mm(values.get("diameter_mm", ""), "diameter_mm", MAX_DIAMETER_MM),
            length_mm=_mm(values.get("length_mm", ""), "length_mm", MAX_LENGTH_MM),
            patient=values.get("patient", ""),
            connection=values.get("connection", "")[:MAX_LINE],
            part=_part(values.get("part", "")),
            box=_box(values),
        )
    except (_RowError, BoxError) as error:
        return Row(file=file or "(no file)", problem=str(error))


def _given(text: str, column: str, *, most: int = 4096) -> str:
    if not key(text):
        raise _RowError(f"{column} is empty.")
    if len(text) > most:
        raise _RowError(f"{column} is too long.")
    return text


def _mm(text: str, column: str, most: int) -> Decimal | None:
    if not text:
        return None
    try:
        size = Decimal(text.removesuffix("mm").strip().replace(",", "."))
    except InvalidOperation:
        raise _RowError(f"{column}: {text!r} is not a size in mm.") from None
    if not size.is_finite() or not 0 < size < most:
        raise _RowError(f"{column}: {text!r} is not that of an implant.")
    return size


def _part(text: str) -> Part:
    if text.casefold() not in PARTS:
        raise _RowError(f"part: {text!r} is neither reference nor query.")
    return PARTS[text.casefold()]


def _box(values: Mapping[str, str]) -> Box | None:
    given = {name: values[name].replace(",", ".") for name in BOX if values.get(name)}
    return Box.of({"angle": "0", **given}) if given else None
