from decimal import Decimal

import pytest
from django.contrib.admin.models import LogEntry
from django.urls import reverse

from implants.models import Implant
from implants.staff.exchange import tables
from implants.staff.exchange.plan import carry_out
from implants.staff.exchange.resource import OnceLoader
from implants.tests.desk import html, make_implant, told
from implants.tests.exchanging import CONFIRM, HEAD, IMPORT, confirm, csv, preview, problems

pytestmark = pytest.mark.django_db


@pytest.fixture
def staff(client, curator):
    client.force_login(curator)
    return client


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


def test_no_file_is_refused_in_words(staff):
    response = staff.post(reverse(IMPORT))

    assert response.status_code == 400
    assert response.context["problem"]


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


def test_a_large_table_takes_few_queries(staff, django_assert_max_num_queries):
    lines = [f"Fabricante;Linha {number};4;10;;" for number in range(200)]

    with django_assert_max_num_queries(20 + 2 * len(lines)):
        response = preview(staff, csv(*lines))

    assert len(response.context["plan"].new) == 200


def test_an_import_leaves_what_others_change_meanwhile_in_columns_it_does_not_have(monkeypatch):
    implant = make_implant(connection="morse_taper")
    read = OnceLoader.__init__

    def read_and_be_overtaken(self, *args, **kwargs):
        read(self, *args, **kwargs)
        Implant.objects.update(is_active=False)

    monkeypatch.setattr(OnceLoader, "__init__", read_and_be_overtaken)
    carry_out(tables.read(csv("Fabricante;Linha Um;4,3;10;internal_conical;")), dry_run=False)

    implant.refresh_from_db()
    assert (implant.connection, implant.is_active) == ("internal_conical", False)
