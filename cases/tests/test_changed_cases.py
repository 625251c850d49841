"""A case that its sender changes: what the reviewer sees, and which decisions are refused."""

import re

import pytest
from django.utils.translation import gettext as _

from cases import review
from cases.models import Case, CaseEvent
from cases.tests.making_cases import act, choice, html, make_case, page, status_of, told

Event = CaseEvent.What
pytestmark = pytest.mark.django_db


def change(case, *, revision=2, **details):
    """What an edit by the sender leaves behind."""
    Case.objects.filter(pk=case.pk).update(revision=revision)
    case.record(Event.UPDATED, **{"fields": [], "films_added": 0, "films_removed": 0, **details})


def approve(case, implant, reviewer, **facts):
    return review.approve(
        case_id=case.pk, choices=[review.Choice(implant.pk)], reviewer=reviewer, **facts
    )


def reopen(case):
    case.refresh_from_db()
    case.record(Event.UPDATED, fields=[], films_added=1, films_removed=1)
    case.record(Event.REOPENED)
    case.status, case.decided_at, case.decided_by = Case.Status.PENDING, None, None
    case.save()


def section(content, name):
    """A section of the page by its id; empty where the page has none."""
    return content.partition(f'id="{name}"')[2].partition("</section>")[0]


def history(content):
    return content.partition('class="history"')[2]


def conflict():
    return str(review.Outdated())


@pytest.mark.parametrize("status", [Case.Status.PENDING, Case.Status.FAILED])
def test_every_form_that_decides_names_the_revision_it_shows(client, reviewer, implants, status):
    case = make_case(implants, status=status, revision=7, failure="Danificado.")

    form = html(client.get(page(case))).partition('id="decision"')[2].partition("</form>")[0]

    assert '<input type="hidden" name="revision" value="7">' in form


def test_a_decision_on_the_revision_that_was_shown_is_carried_out(client, reviewer, implants, case):
    ticked = {"choice": choice(case, implants[0]), "revision": "1"}

    client.post(act("approve", case), ticked)

    assert status_of(case) == Case.Status.APPROVED


@pytest.mark.parametrize("revision", ["1", "", "x", "-2", "²", "9" * 40])
@pytest.mark.parametrize("name", ["approve", "reject"])
def test_a_decision_on_another_revision_is_refused(
    client, reviewer, implants, case, name, revision
):
    change(case, fields=["tooth"])
    reason = "Ilegível." if name == "reject" else ""
    posted = {"choice": choice(case, implants[0]), "reason": reason, "revision": revision}

    response = client.post(act(name, case), posted)

    assert response.status_code == 200
    assert conflict() in told(response)
    assert status_of(case) == Case.Status.PENDING
    assert not case.events.filter(what__in=[Event.APPROVED, Event.REJECTED]).exists()


def test_a_refused_decision_shows_the_new_revision_with_what_was_ticked_and_typed(
    client, reviewer, implants, case
):
    change(case, fields=["tooth"])
    ticked = choice(case, implants[1])
    posted = {"choice": [ticked, "987654:1"], "note": "Confirme o pilar.", "revision": "1"}

    content = html(client.post(act("approve", case), posted))

    assert 'name="revision" value="2"' in content
    assert re.search(rf'value="{ticked}"[^>]* checked', content)
    assert "987654:1" not in content
    assert re.search(r'<textarea id="note"[^>]*>Confirme o pilar.</textarea>', content)


def test_a_reason_that_was_typed_survives_the_change(client, reviewer, case):
    change(case, fields=["tooth"])

    response = client.post(act("reject", case), {"reason": "Ilegível.", "revision": "1"})

    assert re.search(r'<textarea id="reason"[^>]*>Ilegível.</textarea>', html(response))
    assert 'id="reason-problem"' not in html(response)


def test_a_failed_case_that_changed_is_not_rejected(client, reviewer):
    case = make_case([], status=Case.Status.FAILED, failure="Danificado.")
    change(case, fields=["tooth"])

    response = client.post(act("reject", case), {"reason": "Ilegível.", "revision": "1"})

    assert conflict() in told(response)
    assert "Ilegível." in html(response)
    assert status_of(case) == Case.Status.FAILED


def test_who_decides_while_new_films_are_processed_is_led_to_the_page_which_keeps_the_draft(
    client, reviewer, implants, case
):
    change(case, films_added=1)
    Case.objects.filter(pk=case.pk).update(status=Case.Status.RECEIVED)

    posted = {"choice": choice(case, implants[0]), "revision": "1"}
    response = client.post(act("approve", case), posted)

    assert response.url == page(case)
    assert conflict() in told(response)
    assert status_of(case) == Case.Status.RECEIVED
    assert 'data-decided="' not in html(client.get(page(case)))


def test_a_case_that_was_decided_and_then_changed_is_told_as_decided(
    client, reviewer, implants, case
):
    approve(case, implants[0], reviewer)
    change(case, fields=["tooth"])

    response = client.post(act("reject", case), {"reason": "Ilegível.", "revision": "1"})

    assert response.url == page(case)
    assert conflict() not in told(response)
    assert status_of(case) == Case.Status.APPROVED
    assert 'data-decided="' in html(client.get(page(case)))


def test_a_search_on_an_outdated_page_tells_of_the_change(client, reviewer, case):
    assert conflict() not in told(client.post(page(case), {"revision": "1"}))
    change(case, fields=["tooth"])

    assert conflict() in told(client.post(page(case), {"revision": "1"}))


def test_a_change_after_the_decision_is_told_by_the_names_of_its_fields(
    client, reviewer, implants, case
):
    approve(case, implants[0], reviewer)
    change(case, fields=["dentist_name", "dentist_email", "patient_name"])
    change(case, fields=["tooth", "consent_at", "patient_name"])

    shown = section(html(client.get(page(case))), "changed-after-decision")

    for label in ("dentist", "dentist's e-mail", "patient", "tooth", "consent"):
        assert shown.lower().count(f"{_(label)}".lower().replace("'", "&#x27;")) >= 1
    assert "dentist_name" not in shown
    assert "_at" not in shown


def test_a_change_before_the_decision_is_no_warning_after_it(client, reviewer, implants, case):
    change(case, fields=["tooth"])
    assert "changed-after-decision" not in html(client.get(page(case)))
    approve(case, implants[0], reviewer)

    assert "changed-after-decision" not in html(client.get(page(case)))


def test_a_reopened_case_names_the_decision_that_no_longer_stands(client, reviewer, implants, case):
    assert 'id="reopened"' not in html(client.get(page(case)))
    approve(case, implants[1], reviewer)
    reopen(case)

    shown = section(html(client.get(page(case))), "reopened")

    assert str(implants[1]) in shown
    assert reviewer.get_username() in shown


def test_a_reopened_case_that_was_decided_again_is_settled(client, reviewer, implants, case):
    approve(case, implants[1], reviewer)
    reopen(case)
    approve(case, implants[0], reviewer)

    content = html(client.get(page(case)))

    assert 'id="reopened"' not in content
    assert 'id="changed-after-decision"' not in content


def test_a_second_decision_after_a_reopening_is_not_taken_for_the_first(
    client, reviewer, implants, case
):
    approve(case, implants[1], reviewer)
    reopen(case)
    Case.objects.filter(pk=case.pk).update(status=Case.Status.RECEIVED, decided_by=reviewer)

    response = client.post(act("reject", case), {"reason": "Ilegível."})

    assert _("You have already decided this case; nothing was changed.") not in told(response)


@pytest.mark.parametrize(
    ("details", "parts"),
    [
        ({"fields": ["tooth"]}, ["tooth"]),
        ({"films_added": 1}, ["1 "]),
        ({"films_added": 2, "films_removed": 1, "fields": ["consent"]}, ["consent", "2 ", "1 "]),
    ],
)
def test_the_history_tells_what_the_sender_changed(client, reviewer, case, details, parts):
    assert "what-changed" not in history(html(client.get(page(case))))
    change(case, **details)

    shown = history(html(client.get(page(case))))
    line = re.search(r'class="what-changed">([^<]+)<', shown)[1]

    assert len(line.split(", ")) == len(parts)
    for part in parts:
        assert _(part) in line


def test_the_pages_of_changed_cases_take_a_bounded_number_of_queries(
    client, reviewer, implants, case, django_assert_max_num_queries
):
    approve(case, implants[1], reviewer)
    reopen(case)
    change(case, fields=["tooth"])

    with django_assert_max_num_queries(24):
        client.get(page(case))
