import io
import zipfile
from decimal import Decimal

import pytest
from django.contrib.admin.models import LogEntry
from django.core.files.uploadedfile import SimpleUploadedFile
from django.urls import reverse
from openpyxl import Workbook, load_workbook

from implants.models import Implant
from implants.staff.exchange import tables
from implants.staff.exchange.tables import TableError
from implants.tests.desk import html, make_implant, told

pytestmark = pytest.mark.django_db

IMPORT = "admin:implants_implant_import"
CONFIRM = "admin:implants_implant_import_confirm"
EXPORT = "admin:implants_implant_export"
HEAD = "manufacturer;name;diameter_mm;length_mm;connection;source"


@pytest.fixture
def staff(client, curator):
    client.force_login(curator)
    return client


def csv(*lines, head=HEAD):
    return "\r\n".join([head, *lines]).encode()


def xlsx(*rows):
    book = Workbook()
    for row in rows:
        book.active.append(row)
    buffer = io.BytesIO()
    book.save(buffer)
    return buffer.getvalue()


def preview(client, content, name="tabela.csv"):
    return client.post(reverse(IMPORT), {"table": SimpleUploadedFile(name, content)})


def confirm(client, response):
    context = response.context
    sent = {"token": context["token"], "fingerprint": context["plan"].fingerprint}
    return client.post(reverse(CONFIRM), sent)


def problems(response):
    return [
        (row.line, column, why)
        for row in response.context["plan"].refused
        for column, why in row.problems
    ]


def test_a_table_is_previewed_and_then_imported(staff, curator):
    known = make_implant(connection="morse_taper", apex="flat")
    same = make_implant("Linha Dois", connection="morse_taper")

    response = preview(
        staff,
        csv(
            "Fabricante;Linha Um;4,3;10;internal_conical;catálogo",
            "Fabricante;Linha Dois;4.30;10,0;morse_taper;",
            "Fabricante;Linha Nova;3,75;;;",
        ),
    )

    plan = response.context["plan"]
    assert [(len(plan.new), len(plan.changed), plan.same, plan.refused)] == [(1, 1, 1, [])]
    (changed,) = plan.changed
    assert (changed.line, [cell.label for cell in changed.cells]) == (2, ["conexão", "origem"])
    assert Implant.objects.count() == 2

    assert confirm(staff, response).status_code == 302
    known.refresh_from_db()
    assert (known.connection, known.apex) == ("internal_conical", "flat")
    assert Implant.objects.get(name="Linha Nova").diameter_mm == Decimal("3.75")
    assert set(LogEntry.objects.values_list("object_id", "user")) == {
        (str(one.pk), curator.pk) for one in Implant.objects.exclude(pk=same.pk)
    }


def test_an_empty_cell_means_unknown_and_a_missing_column_stays(staff):
    known = make_implant(connection="morse_taper", level="bone", is_active=False)

    response = preview(staff, csv("Fabricante;Linha Um;4,3;10;;"))
    confirm(staff, response)

    known.refresh_from_db()
    assert (known.connection, known.level, known.is_active) == ("", "bone", False)


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


def test_a_vocabulary_may_be_written_as_the_pages_name_it(staff):
    response = preview(staff, csv("Fabricante;Linha Um;4,3;10;Cone Morse;"))

    assert response.context["plan"].new[0].cells[0].after == "cone Morse"
    confirm(staff, response)
    assert Implant.objects.get().connection == "morse_taper"


@pytest.mark.parametrize(
    ("line", "column", "named"),
    [
        (";Linha;4;10;;", "manufacturer", ""),
        ("Fabricante;;4;10;;", "name", ""),
        ("Fabricante;Linha;quatro;10;;", "diameter_mm", "quatro"),
        ("Fabricante;Linha;43;10;;", "diameter_mm", "20"),
        ("Fabricante;Linha;4,125;10;;", "diameter_mm", "4,125"),
        ("Fabricante;Linha;NaN;10;;", "diameter_mm", "NaN"),
        ("Fabricante;Linha;4;80;;", "length_mm", "80"),
        ("Fabricante;Linha;4;-1;;", "length_mm", "-1"),
        ("Fabricante;Linha;4;10;tri-canal;", "connection", "internal_trichannel"),
        (f"{'F' * 101};Linha;4;10;;", "manufacturer", "100"),
    ],
)
def test_a_cell_that_cannot_be_used_is_named(staff, line, column, named):
    response = preview(staff, csv(line, "Fabricante;Boa;4;10;;"))

    ((number, where, why),) = problems(response)
    assert (number, where) == (2, column)
    assert named in why
    assert "fingerprint" not in html(response)


@pytest.mark.parametrize(
    ("column", "value"), [("thread_leads", "5"), ("is_active", "talvez"), ("thread_leads", "2.5")]
)
def test_leads_and_activity_have_their_own_words(staff, column, value):
    head = f"manufacturer;name;diameter_mm;length_mm;{column}"

    response = preview(staff, csv(f"Fabricante;Linha;4;10;{value}", head=head))

    assert [(where, value in why) for _, where, why in problems(response)] == [(column, True)]


def test_one_refused_line_keeps_all_others_out(staff):
    response = preview(staff, csv("Fabricante;Boa;4;10;;", "Fabricante;Má;400;10;;"))

    confirm(staff, response)

    assert not Implant.objects.exists()


def test_the_same_implant_twice_in_a_table_is_refused(staff):
    response = preview(staff, csv("Fabricante;Linha;4;10;;", "Fabricante;Linha;4,00;10,0;;x"))

    ((line, _, why),) = problems(response)
    assert line == 3
    assert "2" in why


def test_columns_that_are_not_known_are_named_and_not_read(staff):
    response = preview(staff, csv("F;Linha;4;10;;;azul", head=HEAD + ";cor"))

    assert response.context["plan"].unknown_columns == ["cor"]
    assert "cor" in html(response)


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


def test_no_file_is_refused_in_words(staff):
    response = staff.post(reverse(IMPORT))

    assert response.status_code == 400
    assert response.context["problem"]


def test_a_table_over_the_limits_is_refused(staff):
    with pytest.raises(TableError, match="3 MB"):
        tables.read(b"x" * (tables.MAX_BYTES + 1))
    with pytest.raises(TableError, match=r"5\.?000"):
        tables.read(csv(*["Fabricante;Linha;4;10;;"] * (tables.MAX_ROWS + 1)))


def test_a_zip_that_unpacks_to_far_more_is_refused():
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("xl/workbook.xml", b"0" * (tables.MAX_UNPACKED + 1))

    with pytest.raises(TableError, match="3 MB"):
        tables.read(buffer.getvalue())


def test_a_catalogue_that_changed_after_the_preview_is_shown_anew(staff):
    known = make_implant(connection="morse_taper")
    response = preview(staff, csv("Fabricante;Linha Um;4,3;10;internal_hex;"))
    Implant.objects.update(source="changed meanwhile")

    again = confirm(staff, response)

    assert again.status_code == 200
    known.refresh_from_db()
    assert known.connection == "morse_taper"
    assert confirm(staff, again).status_code == 302
    known.refresh_from_db()
    assert (known.connection, known.source) == ("internal_hex", "")


def test_a_preview_belongs_to_who_made_it_and_is_used_once(staff, make_user, client):
    response = preview(staff, csv("Fabricante;Linha;4;10;;"))
    client.force_login(make_user("curator", username="outra"))
    assert client.post(
        reverse(CONFIRM),
        {"token": response.context["token"], "fingerprint": response.context["plan"].fingerprint},
    ).url == reverse(IMPORT)
    assert not Implant.objects.exists()

    response = preview(client, csv("Fabricante;Linha;4;10;;"))
    confirm(client, response)
    late = confirm(client, response)
    assert late.url == reverse(IMPORT)
    assert told(late)


@pytest.mark.parametrize("name", ["reader", "approver"])
def test_who_may_not_change_the_catalogue_cannot_import(client, request, name):
    client.force_login(request.getfixturevalue(name))

    assert client.get(reverse(IMPORT)).status_code == 403
    assert preview(client, csv("Fabricante;Linha;4;10;;")).status_code == 403
    assert client.post(reverse(CONFIRM)).status_code == 403


@pytest.mark.parametrize("kind", ["csv", "xlsx"])
def test_what_is_exported_changes_nothing_when_it_comes_back(staff, kind):
    make_implant(connection="morse_taper", thread_leads=2, source="linha, com vírgula; e mais")
    make_implant("=1+2", diameter_mm=None, length_mm=None, is_active=False)

    content = staff.get(reverse(EXPORT), {"format": kind}).content
    plan = preview(staff, content, f"t.{kind}").context["plan"]

    assert (plan.same, plan.new, plan.changed, plan.refused) == (2, [], [], [])
    assert plan.unknown_columns == []


@pytest.mark.parametrize("start", ["=", "+", "-", "@"])
def test_an_exported_cell_is_never_a_formula(staff, start):
    make_implant(f"{start}HYPERLINK(1)")

    text = staff.get(reverse(EXPORT), {"format": "csv"}).content.decode("utf-8-sig")
    book = load_workbook(
        io.BytesIO(staff.get(reverse(EXPORT), {"format": "xlsx"}).content), data_only=False
    )

    assert f",'{start}HYPERLINK" in text
    cell = book.active["B2"]
    assert (cell.data_type, cell.value) == ("s", f"'{start}HYPERLINK(1)")


def test_the_export_holds_what_the_list_shows(staff):
    make_implant(level="bone")
    make_implant("Linha Dois", level="tissue")

    response = staff.get(reverse(EXPORT), {"format": "csv", "level__exact": "tissue"})

    text = response.content.decode("utf-8-sig")
    assert "Linha Dois" in text
    assert "Linha Um" not in text
    assert "attachment" in response["Content-Disposition"]
    assert staff.get(reverse(EXPORT), {"format": "exe"}).status_code == 404
    assert "Linha Dois" not in staff.get(reverse(EXPORT), {"q": "Um"}).content.decode()


def test_who_may_not_see_the_catalogue_cannot_export(client, make_user):
    client.force_login(make_user(username="sem-papel"))

    assert client.get(reverse(EXPORT), {"format": "csv"}).status_code == 403


def test_a_large_table_takes_few_queries(staff, django_assert_max_num_queries):
    lines = [f"Fabricante;Linha {number};4;10;;" for number in range(200)]

    with django_assert_max_num_queries(20 + 2 * len(lines)):
        response = preview(staff, csv(*lines))

    assert len(response.context["plan"].new) == 200
