import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from implants.models import Implant, ReferenceImage
from implants.tests.desk import html, make_implant, make_reference

pytestmark = pytest.mark.django_db

LIST = "admin:implants_implant_changelist"
REFERENCES = "admin:implants_referenceimage_changelist"


@pytest.fixture
def staff(client, curator):
    client.force_login(curator)
    return client


def listed(client, **query):
    return client.get(reverse(LIST), query).context["cl"].result_list


def test_the_list_counts_references_by_state_and_warnings(staff, film):
    implant = make_implant()
    make_reference(implant, film(1), error="damaged")
    make_reference(implant, film(2), is_active=False)
    shown = make_reference(implant, film(3), warnings=["too_small"])

    (row,) = listed(staff)

    assert row.states == {"unusable": 1, "inactive": 1, "waiting": 1}
    assert row.doubtful == 1
    assert row.picture_id == shown.pk


def test_the_list_is_filtered_by_what_the_references_are(staff, film):
    bad, doubtful, none = (make_implant(name) for name in ("Má", "Duvidosa", "Vazia"))
    make_reference(bad, film(1), error="damaged")
    make_reference(doubtful, film(2), warnings=["stretched"])

    assert list(listed(staff, references="unusable")) == [bad]
    assert list(listed(staff, references="doubtful")) == [doubtful]
    assert list(listed(staff, references="waiting")) == [doubtful]
    assert set(listed(staff, references="unfound")) == {bad, doubtful, none}
    assert list(listed(staff, references="searchable")) == []


def test_queries_do_not_grow_with_the_catalogue(staff, film):
    def fill(number):
        implants = Implant.objects.bulk_create(
            Implant(manufacturer="Fabricante", name=f"Linha {number}-{one}") for one in range(30)
        )
        ReferenceImage.objects.bulk_create(
            ReferenceImage(implant=implant, file=f"{number}.jpg", sha256=f"{implant.pk}-{view}")
            for implant in implants
            for view in range(5)
        )

    def queries(url):
        with CaptureQueriesContext(connection) as captured:
            assert staff.get(url).status_code == 200
        return len(captured)

    fill(1)
    before = [queries(reverse(LIST)), queries(reverse(REFERENCES))]
    fill(2)

    assert [queries(reverse(LIST)), queries(reverse(REFERENCES))] == before
    assert max(before) <= 14


def test_references_are_filtered_by_state_and_warning(staff, film):
    implant = make_implant()
    bad = make_reference(implant, film(1), error="damaged")
    small = make_reference(implant, film(2), warnings=["too_small", "low_contrast"])
    fine = make_reference(implant, film(3), warnings=[])

    def found(**query):
        return set(staff.get(reverse(REFERENCES), query).context["cl"].result_list)

    assert found() == {bad, small, fine}
    assert found(state="unusable") == {bad}
    assert found(state="waiting") == {small, fine}
    assert found(warning="any") == {small}
    assert found(warning="low_contrast") == {small}
    assert found(warning="stretched") == set()


def test_the_page_of_a_reference_says_its_state_and_changes_its_facts(staff, curator, film):
    reference = make_reference(make_implant(), film(1), error="O arquivo está danificado.")
    url = reverse("admin:implants_referenceimage_change", args=[reference.pk])

    page = html(staff.get(url))
    assert "O arquivo está danificado." in page
    assert 'type="file"' not in page

    facts = {"modality": "periapical", "provenance": "clinic", "is_verified": "on"}
    assert staff.post(url, facts).status_code == 302
    reference.refresh_from_db()
    assert (reference.modality, reference.verified_by) == ("periapical", curator)
    assert not reference.is_active


def test_states_are_told_to_staff_only(client, approver, make_user, film):
    reference = make_reference(make_implant(), film(1))
    url = reverse("admin:implants_referenceimage_states")

    assert client.get(url, {"id": reference.pk}).status_code == 302
    client.force_login(make_user(username="sem-papel"))
    assert client.get(url, {"id": reference.pk}).status_code == 403
    client.force_login(approver)
    answer = client.get(url, {"id": [reference.pk, "x", 10**9, "9" * 5000]}).json()["states"]
    assert list(answer) == [str(reference.pk)]
