"""Reading the first sheet of an XLSX, which is a zip of XML: 20 kB may unpack to elements that
take all memory. So its size and its elements are counted before it is turned into cells."""

import io
import zipfile
import zlib
from typing import Any
from xml.parsers import expat

from django.utils.translation import gettext as _

from implants.staff.exchange.limits import MAX_COLUMNS, MAX_LINES, TableError

BEGINNING = b"PK\x03\x04"
MAX_UNPACKED = 12 * 1024 * 1024
# Styles, theme, relations. Only sheets and their texts grow with a table.
MAX_PART = 512 * 1024
SHEETS = "xl/worksheets/"
TEXTS = "xl/sharedstrings.xml"
# Of all sheets and texts together; 5000 rows of all our columns have 430,000 at most.
MAX_ELEMENTS = 500_000
FILLED = frozenset({"v", "is"})
# What the libraries below raise for a file that is broken, encrypted or of another kind.
BROKEN = (
    zipfile.BadZipFile,
    zlib.error,
    expat.ExpatError,
    LookupError,
    SyntaxError,
    RuntimeError,
    ValueError,
    TypeError,
    AttributeError,
    ArithmeticError,
    EOFError,
    OSError,
)


def cells(content: bytes) -> list[tuple[Any, ...]]:
    """The values of the first sheet from its line 1 on, blank lines included. Raises TableError."""
    try:
        return _cells(content)
    except TableError:
        raise
    except BROKEN as error:
        raise _damaged() from error


def _cells(content: bytes) -> list[tuple[Any, ...]]:
    from openpyxl import load_workbook

    lengths = _lengths(content)
    book = load_workbook(io.BytesIO(content), read_only=True, data_only=True, keep_links=False)
    sheet = book.worksheets[0]
    # No public name tells which part of the zip a sheet is.
    length = lengths[sheet._worksheet_path]
    if length > MAX_LINES:
        raise TableError(_("The table goes on after line %(line)d.") % {"line": MAX_LINES})
    if not length:
        return []
    return list(sheet.iter_rows(max_row=length, max_col=MAX_COLUMNS + 1, values_only=True))


def _lengths(content: bytes) -> dict[str, int]:
    """The last line with a value of each part that may be a sheet."""
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        parts = archive.infolist()
        if sum(part.file_size for part in parts) > MAX_UNPACKED:
            raise _too_much()
        if any(part.file_size > MAX_PART and not _may_grow(part.filename) for part in parts):
            raise _too_much()
        return _scanned(archive, [part for part in parts if _may_grow(part.filename)])


def _may_grow(name: str) -> bool:
    return (name.startswith(SHEETS) and name.endswith(".xml")) or name.lower() == TEXTS


def _scanned(archive: zipfile.ZipFile, parts: list[zipfile.ZipInfo]) -> dict[str, int]:
    lengths, left = {}, MAX_ELEMENTS
    for part in parts:
        scan = Scan(left)
        with archive.open(part) as xml:
            scan.parser.ParseFile(xml)
        lengths[part.filename], left = scan.length, scan.left
    return lengths


class Scan:
    """Counts the elements of one part down from `left`, and finds its last filled line."""

    def __init__(self, left: int) -> None:
        self.left = left
        self.line = self.length = 0
        self.parser = expat.ParserCreate()
        self.parser.StartElementHandler = self._start
        self.parser.StartDoctypeDeclHandler = self._doctype

    def _start(self, name: str, attributes: dict[str, str]) -> None:
        self.left -= 1
        if self.left < 0:
            raise _too_much()
        local = name.rpartition(":")[2]
        if local == "row":
            self._row(int(attributes.get("r", self.line + 1)))
        elif local in FILLED:
            self.length = self.line

    def _row(self, line: int) -> None:
        # Rows out of order would be left out without a word.
        if line <= self.line:
            raise _damaged()
        self.line = line

    def _doctype(self, *args: Any) -> None:
        # Spreadsheets write none; entities grow when they are read.
        raise _damaged()


def _damaged() -> TableError:
    return TableError(_("The XLSX file is damaged, or holds no table."))


def _too_much() -> TableError:
    return TableError(
        _("The XLSX file holds far more than such a table. Copy only the table into a new file.")
    )
