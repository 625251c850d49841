"""The tooth of a fixture, and what was seen of it: the sender's word and the reviewer's."""

import pytest

from cases import changes, review
from cases.intake import Person
from cases.models import Case, Finding
from cases.teeth import is_tooth
from cases.tests.making_cases import act, choice, finding_of, form_of, page, set_facts, status_of

pytestmark = pytest.mark.django_db
BOX = {"x": 30, "y": 40, "width": 20, "height": 50, "angle": 0}


@pytest.fixture(autouse=True)
def held_back(settings):
    """Answers wait before they leave."""
    settings.RAIOX_UNDO_SECONDS = 20


def decide(client, case, implant, **typed):
    """Send the form of the page, with what is typed into the fields of its only fixture."""
    pk = finding_of(case).pk
    typed = {name.replace("_", f"-{pk}-").strip("-"): value for name, value in typed.items()}
    fields = form_of(client.get(page(case)))
    return client.post(act("decide", case), {**fields, **typed, "choice": choice(case, implant)})


def corrected(case, tooth):
    person = Person(dentist_name=case.dentist_name, patient_name=case.patient_name, tooth=tooth)
    changes.revise(case_id=case.pk, person=person, images=[], is_complete=False)


def test_a_senders_tooth_that_nobody_touched_stays_the_senders(client, reviewer, implants, case):
    decide(client, case, implants[0])

    assert (status_of(case), finding_of(case).tooth) == (Case.Status.APPROVED, None)
    corrected(case, 37)
    review.undo(case_id=case.pk, by=reviewer)
    assert form_of(client.get(page(case)))[f"tooth-{finding_of(case).pk}"] == "37"


def test_a_tooth_corrected_while_the_page_is_open_replaces_the_one_in_its_field(
    client, reviewer, implants, case
):
    name = f"tooth-{finding_of(case).pk}"
    fields = form_of(client.get(page(case))) | {"choice": choice(case, implants[0])}
    corrected(case, 37)

    refused = client.post(act("decide", case), fields)

    assert status_of(case) == Case.Status.PENDING
    assert form_of(refused)[name] == "37"
    client.post(act("decide", case), form_of(refused))
    assert (status_of(case), finding_of(case).tooth) == (Case.Status.APPROVED, None)


def test_a_tooth_that_the_reviewer_typed_is_kept_when_the_page_comes_back(
    client, reviewer, implants, case
):
    name = f"tooth-{finding_of(case).pk}"
    fields = form_of(client.get(page(case))) | {"choice": choice(case, implants[0]), name: "46"}
    corrected(case, 37)

    refused = client.post(act("decide", case), fields)

    assert form_of(refused)[name] == "46"


def test_a_wrong_tooth_and_what_was_seen_by_mistake_are_taken_away(
    client, reviewer, implants, case
):
    set_facts(case, tooth=None)
    decide(client, case, implants[0], tooth_="46", seen_collar="machined")
    finding = finding_of(case)
    assert (finding.tooth, finding.seen) == (46, {"collar": "machined"})
    review.undo(case_id=case.pk, by=reviewer)

    decide(client, case, implants[0], tooth_="", seen_collar="")

    finding.refresh_from_db()
    assert status_of(case) == Case.Status.APPROVED
    assert (finding.tooth, finding.seen) == (None, None)


def test_the_tooth_that_is_in_the_field_holds_where_there_are_several_fixtures(
    client, reviewer, implants, case
):
    first = finding_of(case)
    fields = form_of(client.get(page(case))) | {"choice": choice(case, implants[0])}
    second = Finding.objects.create(case_image=first.case_image, box=BOX)
    there = {f"mark-{second.pk}": form_of(client.get(page(case)))[f"mark-{second.pk}"]}
    outcome = {f"outcome-{second.pk}": "not_in_catalogue"}

    client.post(act("decide", case), fields | there | outcome)

    first.refresh_from_db()
    assert (status_of(case), first.tooth) == (Case.Status.APPROVED, 36)


@pytest.mark.parametrize("tooth", ["19", "20", "49", "50", "56", "86", "10", "x", "3,6"])
def test_a_tooth_that_nobody_has_is_refused_and_kept_on_the_page(
    client, reviewer, implants, case, tooth
):
    response = decide(client, case, implants[0], tooth_=tooth)

    assert status_of(case) == Case.Status.PENDING
    assert form_of(response)[f"tooth-{finding_of(case).pk}"] == tooth


def test_teeth_are_those_of_adults_and_of_children():
    adults = {10 * quadrant + place for quadrant in (1, 2, 3, 4) for place in range(1, 9)}
    children = {10 * quadrant + place for quadrant in (5, 6, 7, 8) for place in range(1, 6)}
    assert {number for number in range(-20, 200) if is_tooth(number)} == adults | children
