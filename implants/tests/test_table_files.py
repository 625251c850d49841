"""Files that are imported: which are read, and which are refused in words."""

import io
import struct
import zipfile
from decimal import Decimal

import pytest
from django.utils.translation import gettext as _
from openpyxl import Workbook

from implants.models import Implant
from implants.staff.exchange import limits, tables, workbook
from implants.staff.exchange.limits import TableError
from implants.tests.desk import html
from implants.tests.exchanging import confirm, csv, preview, problems, rezipped, xlsx

pytestmark = pytest.mark.django_db

COLUMNS = ["manufacturer", "name", "diameter_mm", "length_mm", "source"]
SHEET = "xl/worksheets/sheet1.xml"


@pytest.fixture
def staff(client, curator):
    client.force_login(curator)
    return client


def row(name="Linha", diameter=4.3):
    return ["Fabricante", name, diameter, 10, "catálogo"]


def test_an_xlsx_is_read_like_a_csv(staff):
    content = xlsx(
        ["Manufacturer", "NAME", "diameter_mm", "length_mm", "thread_leads", "is_active"],
        ["Fabricante", "Linha Um", 4.3, 10, 2, False],
        [None, None, None, None, None, None],
    )

    confirm(staff, preview(staff, content, "tabela.xlsx"))

    implant = Implant.objects.get()
    assert (implant.diameter_mm, implant.thread_leads) == (Decimal("4.3"), 2)
    assert not implant.is_active


def test_a_table_of_windows_excel_keeps_its_letters(staff):
    content = csv("Fabricante;Cônico;4,3;10;;").decode().encode("cp1252")

    confirm(staff, preview(staff, content))

    assert Implant.objects.get().name == "Cônico"


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\n\n",
        b"name;diameter_mm\nLinha;4\n",
        b"name;name\na;b\n",
        b"PK\x03\x04 but no zip",
        b"\x00\x01\x02",
        b"%PDF-1.7",
    ],
)
def test_what_is_no_such_table_is_refused_in_words(staff, content):
    response = preview(staff, content or b" ")

    assert response.status_code == 422
    assert response.context["problem"] in html(response)


def test_a_table_over_the_limits_is_refused():
    with pytest.raises(TableError, match="3 MB"):
        tables.read(b"x" * (limits.MAX_BYTES + 1))
    with pytest.raises(TableError, match=r"5\.?000"):
        tables.read(csv(*["Fabricante;Linha;4;10;;"] * (limits.MAX_ROWS + 1)))


def test_blank_lines_between_the_rows_leave_none_out():
    rows = [one for number in range(3000) for one in (row(f"Linha {number}"), [None])]

    table = tables.read(xlsx(COLUMNS, *rows))

    assert len(table.rows) == 3000
    assert (table.lines[0], table.lines[-1]) == (2, 6000)


def far_below(line, cell):
    def change(data):
        added = f'<row r="{line}">{cell}</row></sheetData>'
        return data.replace(b"</sheetData>", added.encode())

    return rezipped(xlsx(COLUMNS, row()), SHEET, change)


def test_a_sheet_that_goes_on_far_below_is_refused_rather_than_cut():
    with pytest.raises(TableError, match=str(limits.MAX_LINES)):
        tables.read(far_below(limits.MAX_LINES + 1, "<c><v>1</v></c>"))


def test_a_formatted_empty_line_far_below_is_no_row():
    assert len(tables.read(far_below(1_048_576, "<c/>")).rows) == 1


def test_problems_name_the_lines_of_the_file(staff):
    response = preview(staff, csv("", "Fabricante;Boa;4,3;10;;", "", "Fabricante;Má;x;10;;"))

    assert [line for line, *_ in problems(response)] == [5]


def test_the_same_implant_twice_is_named_by_the_lines_of_the_file(staff):
    response = preview(staff, xlsx(COLUMNS, [None], row(), [None], row()))

    ((line, _column, why),) = problems(response)
    assert line == 5
    assert "3" in why


def test_a_quotation_mark_that_is_never_closed_swallows_no_rows(staff):
    lines = ("Fabricante;Boa;4,3;10;;", 'Fabricante;"Má;4;10;;', "Fabricante;Outra;4;10;;")

    response = preview(staff, csv(*lines))

    assert response.status_code == 422
    assert "3" in response.context["problem"]


@pytest.mark.parametrize("character", ["\x0b", "\x07", "\x1f", "\ufffe"])
def test_a_character_that_no_xlsx_can_hold_is_refused(staff, character):
    response = preview(staff, csv(f"Fabricante;Linha;4,3;10;;nota{character}x"))

    assert [(line, column) for line, column, _why in problems(response)] == [(2, "source")]


def bulky(name, old, new):
    return rezipped(xlsx(COLUMNS, row()), name, lambda data: data.replace(old, new))


@pytest.mark.parametrize(
    ("name", "before", "filling"),
    [
        ("xl/styles.xml", b"</cellXfs>", b"<xf/>" * 150_000),
        (SHEET, b"</sheetData>", b'<row r="3">' + b"<c/>" * workbook.MAX_ELEMENTS + b"</row>"),
        (SHEET, b"</worksheet>", b" " * workbook.MAX_UNPACKED),
    ],
)
def test_a_small_file_that_unpacks_to_far_more_is_refused(staff, name, before, filling):
    content = bulky(name, before, filling + before)
    assert len(content) < 40_000

    response = preview(staff, content, "tabela.xlsx")

    assert response.status_code == 422
    problem = _(
        "The XLSX file holds far more than such a table. Copy only the table into a new file."
    )
    assert response.context["problem"] == problem


def test_texts_that_unpack_to_far_more_are_counted_with_the_sheet():
    half = workbook.MAX_ELEMENTS // 2 + 1
    content = bulky(SHEET, b"</sheetData>", b'<row r="3">' + b"<c/>" * half + b"</row></sheetData>")
    buffer = io.BytesIO(content)
    with zipfile.ZipFile(buffer, "a", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("xl/sharedStrings.xml", b"<sst>" + b"<si/>" * half + b"</sst>")

    tables.read(content)
    with pytest.raises(TableError):
        tables.read(buffer.getvalue())


def test_a_whole_table_of_the_permitted_size_is_read():
    full = [[f"{line} {column}" for column in COLUMNS] for line in range(limits.MAX_ROWS)]

    assert len(tables.read(xlsx(COLUMNS, *full)).rows) == limits.MAX_ROWS


def with_entities(data):
    return b'<!DOCTYPE x [<!ENTITY a "aaaa"><!ENTITY b "&a;&a;">]>' + data


def rows_in_disorder(data):
    return data.replace(b'<row r="2"', b'<row r="9"/><row r="2"')


DAMAGED = {
    "a number that is none": (SHEET, lambda data: data.replace(b"<v>4.3</v>", b"<v>abc</v>")),
    "a text that is not there": (
        SHEET,
        lambda data: data.replace(b"<v>4.3</v>", b"<v>9999</v>").replace(b't="n"', b't="s"'),
    ),
    "a cell nowhere": (SHEET, lambda data: data.replace(b'r="A2"', b'r="!!"')),
    "a row nowhere": (SHEET, lambda data: data.replace(b'<row r="2"', b'<row r="zz"')),
    "rows in disorder": (SHEET, rows_in_disorder),
    "entities": (SHEET, with_entities),
    "cut XML": (SHEET, lambda data: data[:200]),
    "no workbook": ("xl/workbook.xml", lambda _data: b"<workbook/>"),
    "no types": ("[Content_Types].xml", lambda _data: b"<x/>"),
    "a style that is none": (
        "xl/styles.xml",
        lambda data: data.replace(b'numFmtId="0"', b'numFmtId="x"'),
    ),
}


@pytest.mark.parametrize("kind", DAMAGED)
def test_a_damaged_part_is_refused_in_words(staff, kind):
    good = xlsx(COLUMNS, row())
    name, change = DAMAGED[kind]
    part = zipfile.ZipFile(io.BytesIO(good)).read(name)
    assert change(part) != part

    refused(staff, rezipped(good, name, change))


def refused(client, content):
    response = preview(client, content, "tabela.xlsx")

    assert response.status_code == 422
    assert response.context["problem"] == _("The XLSX file is damaged, or holds no table.")


def patched(offset, value):
    """An XLSX whose directory of parts says something else of each of them."""
    content = bytearray(xlsx(COLUMNS, row()))
    entry = content.find(b"PK\x01\x02")
    while entry >= 0:
        content[entry + offset : entry + offset + 2] = struct.pack("<H", value)
        entry = content.find(b"PK\x01\x02", entry + 4)
    return bytes(content)


@pytest.mark.parametrize(
    ("offset", "value"),
    [pytest.param(8, 1, id="password"), pytest.param(10, 99, id="packed otherwise")],
)
def test_a_zip_that_cannot_be_unpacked_is_refused_in_words(staff, offset, value):
    refused(staff, patched(offset, value))


def test_damaged_bytes_are_refused_in_words(staff):
    content = bytearray(xlsx(COLUMNS, row()))
    part = zipfile.ZipFile(io.BytesIO(content)).getinfo(SHEET)
    start = part.header_offset + 30 + len(part.filename)
    content[start : start + 2] = b"\xff\xff"

    refused(staff, bytes(content))
    refused(staff, bytes(content[: len(content) // 2]))


def test_a_workbook_of_charts_only_is_refused_in_words(staff):
    book, buffer = Workbook(), io.BytesIO()
    book.create_chartsheet()
    book.remove(book.active)
    book.save(buffer)

    refused(staff, buffer.getvalue())


def test_decimal_commas_between_commas_are_refused_rather_than_guessed(staff):
    head = "manufacturer,name,diameter_mm,length_mm,type"
    response = preview(staff, f"{head}\nFab,Novo,4,3,10,5,Cone Morse".encode())

    assert _("Line %(line)d has more cells than the table has columns.") % {"line": 2} in html(
        response
    )
    assert "plan" not in response.context


def test_a_name_of_two_lines_is_refused(staff):
    response = preview(staff, csv('Fabricante;"Linha\nUm";4,3;10;;'))

    assert [column for _line, column, _why in problems(response)] == ["name"]
