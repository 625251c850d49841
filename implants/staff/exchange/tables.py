"""Reading a table that people made, whatever their spreadsheet did to it."""

import csv
import io
import re
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, cast

from django.utils.translation import gettext as _
from tablib import Dataset

from implants.staff.exchange import workbook
from implants.staff.exchange.limits import MAX_BYTES, MAX_COLUMNS, MAX_ROWS, TableError

# What a spreadsheet would take for a formula.
FORMULA = ("=", "+", "-", "@", "\t", "\r")
# What XML, and so an XLSX, cannot hold.
UNWRITABLE = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ufffe\uffff]")


@dataclass(frozen=True)
class Table:
    """Cells as text; `lines` are the file's own numbers of the rows (the headers are line 1)."""

    headers: list[str]
    rows: list[tuple[str, ...]]
    lines: list[int]

    def dataset(self) -> Dataset:
        return Dataset(*self.rows, headers=self.headers)


def read(content: bytes) -> Table:
    """A CSV (comma, semicolon or tab; UTF-8 or Windows) or the first sheet of an XLSX.

    Every cell is text without spaces around it; the headers are in lower case; rows without
    any text are left out. Raises TableError.
    """
    if len(content) > MAX_BYTES:
        raise TableError(_("The file is larger than 3 MB."))
    rows = _of_xlsx(content) if content.startswith(workbook.BEGINNING) else _of_csv(content)
    if not rows or not any(rows[0]):
        raise TableError(_("The file is empty, or its first line names no columns."))
    headers, *data = rows
    filled = {line: row for line, row in enumerate(data, start=2) if any(row)}
    if len(filled) > MAX_ROWS:
        raise TableError(_("The table has more than %(rows)d rows.") % {"rows": MAX_ROWS})
    return _table([name.lower() for name in headers], filled)


def _table(headers: list[str], rows: dict[int, list[str]]) -> Table:
    while headers and not headers[-1]:
        headers.pop()
    if len(headers) > MAX_COLUMNS:
        raise TableError(_("The table has more than %(columns)d columns.") % {"columns": 60})
    twice = sorted({name for name in headers if headers.count(name) > 1})
    if twice:
        raise TableError(
            _("These columns stand in the table twice: %(names)s.") % {"names": ", ".join(twice)}
        )
    width = len(headers)
    # Usually decimal commas in a table whose columns are parted by commas.
    too_long = next((line for line, row in rows.items() if any(row[width:])), None)
    if too_long:
        raise TableError(
            _("Line %(line)d has more cells than the table has columns.") % {"line": too_long}
        )
    cut = [tuple([*row, *[""] * width][:width]) for row in rows.values()]
    return Table(headers, cut, list(rows))


def _of_csv(content: bytes) -> list[list[str]]:
    text = _decoded(content)
    first = text.partition("\n")[0]
    delimiter = max(",;\t", key=first.count)
    # Otherwise a quotation mark that is never closed takes all the rest into its cell.
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    rows: list[list[str]] = []
    try:
        for row in reader:
            rows.append([_unguarded(cell.strip()) for cell in row])
    except csv.Error as error:
        raise TableError(
            _(
                "Line %(line)d cannot be read: a quotation mark is not closed, or a cell is"
                " far too long."
            )
            % {"line": len(rows) + 1}
        ) from error
    return rows


def _decoded(content: bytes) -> str:
    if b"\0" in content:
        raise TableError(_("The file is neither a CSV nor an XLSX table."))
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError:
        # What Excel in Brazil writes under “CSV”.
        return content.decode("cp1252", errors="replace")


def _of_xlsx(content: bytes) -> list[list[str]]:
    return [[_text(cell) for cell in row] for row in workbook.cells(content)]


def _text(cell: Any) -> str:
    if cell is None:
        return ""
    if isinstance(cell, bool):
        return "1" if cell else "0"
    if isinstance(cell, float):
        return f"{cell:.6f}".rstrip("0").rstrip(".")
    if isinstance(cell, (date, datetime)):
        return cell.isoformat()
    return _unguarded(str(cell).strip())


def guarded(value: Any) -> Any:
    """Text as a spreadsheet can hold it. What it would run gets an apostrophe in front, which
    `read` takes off."""
    if not isinstance(value, str):
        return value
    text = UNWRITABLE.sub("", value)
    return f"'{text}" if text.lstrip("'").startswith(FORMULA) else text


def _unguarded(text: str) -> str:
    is_guarded = text.startswith("'") and text.lstrip("'").startswith(FORMULA)
    return text[1:] if is_guarded else text


def written(dataset: Dataset, kind: str) -> bytes:
    """The table as a file, `kind` csv or xlsx."""
    if kind == "xlsx":
        return cast(bytes, dataset.export("xlsx"))
    # Excel takes a CSV for UTF-8 only when it begins with a byte order mark.
    return cast(str, dataset.export("csv")).encode("utf-8-sig")
