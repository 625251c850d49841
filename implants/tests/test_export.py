import io

import pytest
from django.urls import reverse
from openpyxl import load_workbook

from implants.tests.desk import make_implant, told
from implants.tests.exchanging import EXPORT, preview

pytestmark = pytest.mark.django_db


@pytest.fixture
def staff(client, curator):
    client.force_login(curator)
    return client


@pytest.mark.parametrize("kind", ["csv", "xlsx"])
def test_what_is_exported_changes_nothing_when_it_comes_back(staff, kind):
    make_implant(connection="morse_taper", thread_leads=2, source="linha, com vírgula; e mais")
    make_implant("=1+2", diameter_mm=None, length_mm=None, is_active=False)
    make_implant("Linha Três", source="de um formulário:\r\nduas linhas")
    make_implant("'=1+2")

    content = staff.get(reverse(EXPORT), {"format": kind}).content
    plan = preview(staff, content, f"t.{kind}").context["plan"]

    assert (plan.same, plan.new, plan.changed, plan.refused) == (4, [], [], [])
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


def test_a_character_that_no_xlsx_can_hold_is_left_out_of_it(staff):
    make_implant(source="nota\x0bx")

    response = staff.get(reverse(EXPORT), {"format": "xlsx"})

    values = [cell.value for cell in load_workbook(io.BytesIO(response.content)).active[2]]
    assert values[-1] == "notax"


def test_a_filter_that_does_not_exist_leads_back_to_the_list_with_a_word(staff):
    response = staff.get(reverse(EXPORT), {"format": "csv", "manufacturer__foo": "1"})

    assert response.url == reverse("admin:implants_implant_changelist")
    assert told(response)
