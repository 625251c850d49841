import pytest
from django.contrib.admin.models import LogEntry
from django.contrib.auth.models import User
from django.urls import reverse

from implants.models import Implant, ReferenceImage
from implants.tests.desk import html, make_implant, make_reference, told

pytestmark = pytest.mark.django_db

IMPLANTS = "admin:implants_implant_changelist"
REFERENCES = "admin:implants_referenceimage_changelist"


@pytest.fixture
def staff(client, curator):
    client.force_login(curator)
    return client


def act(client, where, action, rows, query="", **data):
    sent = {"action": action, "_selected_action": [row.pk for row in rows], **data}
    return client.post(reverse(where) + query, sent)


def test_deactivating_first_says_how_many(staff):
    implants = [make_implant(f"Linha {number}") for number in range(3)]
    already = make_implant("Linha Velha", is_active=False)

    response = act(staff, IMPLANTS, "deactivate", [*implants, already])

    assert response.context["number"] == 3
    assert response.context["already"] == 1
    assert Implant.objects.active().count() == 3


def test_implants_are_deactivated_and_activated_again(staff, curator):
    implant = make_implant()

    response = act(staff, IMPLANTS, "deactivate", [implant], confirmed="1")
    assert response.status_code == 302
    assert "1" in told(response)
    assert not Implant.objects.active().exists()
    assert LogEntry.objects.get().user == curator

    act(staff, IMPLANTS, "activate", [implant], confirmed="1")
    assert Implant.objects.active().exists()


def test_a_whole_list_is_deactivated_by_its_filter(staff):
    for number in range(60):
        make_implant(f"Linha {number}")
    other = make_implant("Linha", "Outro")
    query = "?manufacturer=Fabricante"
    some = Implant.objects.filter(manufacturer="Fabricante")[:2]

    asked = act(staff, IMPLANTS, "deactivate", some, query, select_across="1")
    act(staff, IMPLANTS, "deactivate", some[:1], query, select_across="1", confirmed="1")

    assert asked.context["number"] == 60
    assert html(asked).count("_selected_action") == 1
    assert list(Implant.objects.active()) == [other]


def test_references_are_deactivated_one_by_one(staff, film):
    implant = make_implant()
    first, second = (make_reference(implant, film(number)) for number in range(2))

    act(staff, REFERENCES, "deactivate", [first], confirmed="1")

    assert list(ReferenceImage.objects.filter(is_active=True)) == [second]
    states = staff.get(
        reverse("admin:implants_referenceimage_states"), {"id": [first.pk, second.pk]}
    ).json()["states"]
    assert states[str(first.pk)]["state"] == "inactive"
    assert states[str(second.pk)]["state"] == "waiting"


def test_a_reader_has_no_such_actions(client, reader):
    implant = make_implant()
    client.force_login(reader)

    act(client, IMPLANTS, "deactivate", [implant], confirmed="1")

    assert Implant.objects.active().exists()
    assert 'value="deactivate"' not in html(client.get(reverse(IMPLANTS)))


def test_what_is_inactive_says_so(staff):
    implant = make_implant(is_active=False)

    page = html(staff.get(reverse("admin:implants_implant_change", args=[implant.pk])))

    assert "inactive-note" in page
    assert "state-inactive" in html(staff.get(reverse(IMPLANTS)))


def test_an_implant_that_nothing_points_to_can_be_deleted(client, db):
    client.force_login(User.objects.create_superuser("chefe"))
    implant = make_implant()

    url = reverse("admin:implants_implant_delete", args=[implant.pk])
    client.post(url, {"post": "yes"})

    assert not Implant.objects.exists()
