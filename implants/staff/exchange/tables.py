"""Reading a table that people made, whatever their spreadsheet did to it."""

import csv
import io
import zipfile
from datetime import date, datetime
from typing import Any, cast

from django.utils.translation import gettext as _
from tablib import Dataset

MAX_BYTES = 3 * 1024 * 1024
# What an XLSX of that size may unpack to: it is a zip of XML.
MAX_UNPACKED = 60 * 1024 * 1024
MAX_ROWS = 5000
MAX_COLUMNS = 60
XLSX_BEGINNING = b"PK\x03\x04"
# What a spreadsheet would take for a formula.
FORMULA = ("=", "+", "-", "@", "\t", "\r")


class TableError(ValueError):
    """The file is no table that we can read. `str()` is a sentence for people."""


def read(content: bytes) -> Dataset:
    """A CSV (comma, semicolon or tab; UTF-8 or Windows) or the first sheet of an XLSX.

    Every cell is text without spaces around it; the headers are in lower case; rows without
    any text are left out. Raises TableError.
    """
    if len(content) > MAX_BYTES:
        raise TableError(_("The file is larger than 3 MB."))
    rows = _of_xlsx(content) if content.startswith(XLSX_BEGINNING) else _of_csv(content)
    if not rows or not any(rows[0]):
        raise TableError(_("The file is empty, or its first line names no columns."))
    headers, *data = rows
    filled = [row for row in data if any(row)]
    if len(filled) > MAX_ROWS:
        raise TableError(_("The table has more than %(rows)d rows.") % {"rows": MAX_ROWS})
    return _dataset([name.lower() for name in headers], filled)


def _dataset(headers: list[str], rows: list[list[str]]) -> Dataset:
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
    dataset = Dataset(headers=headers)
    for row in rows:
        dataset.append([*row, *[""] * width][:width])
    return dataset


def _of_csv(content: bytes) -> list[list[str]]:
    text = _decoded(content)
    first = text.partition("\n")[0]
    delimiter = max(",;\t", key=first.count)
    try:
        reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter)
        return [[_unguarded(cell.strip()) for cell in row] for row in reader]
    except csv.Error as error:
        raise TableError(_("The file is neither a CSV nor an XLSX table.")) from error


def _decoded(content: bytes) -> str:
    if b"\0" in content:
        raise TableError(_("The file is neither a CSV nor an XLSX table."))
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError:
        # What Excel in Brazil writes under “CSV”.
        return content.decode("cp1252", errors="replace")


def _of_xlsx(content: bytes) -> list[list[str]]:
    from openpyxl import load_workbook
    from openpyxl.utils.exceptions import InvalidFileException

    try:
        _check_unpacked(content)
        book = load_workbook(io.BytesIO(content), read_only=True, data_only=True)
        rows = book.worksheets[0].iter_rows(
            max_row=MAX_ROWS + 2, max_col=MAX_COLUMNS + 1, values_only=True
        )
        return [[_text(cell) for cell in row] for row in rows]
    except (zipfile.BadZipFile, InvalidFileException, KeyError, IndexError, SyntaxError) as error:
        raise TableError(_("The XLSX file is damaged, or holds no table.")) from error


def _check_unpacked(content: bytes) -> None:
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        if sum(entry.file_size for entry in archive.infolist()) > MAX_UNPACKED:
            raise TableError(_("The file is larger than 3 MB."))


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
    """Text that a spreadsheet would run gets an apostrophe in front; `read` takes it off."""
    return f"'{value}" if isinstance(value, str) and value.startswith(FORMULA) else value


def _unguarded(text: str) -> str:
    return text[1:] if text.startswith("'") and text[1:].startswith(FORMULA) else text


def written(dataset: Dataset, kind: str) -> bytes:
    """The table as a file, `kind` csv or xlsx."""
    if kind == "xlsx":
        return cast(bytes, dataset.export("xlsx"))
    # Excel takes a CSV for UTF-8 only when it begins with a byte order mark.
    return cast(str, dataset.export("csv")).encode("utf-8-sig")
