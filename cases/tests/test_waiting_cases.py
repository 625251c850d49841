"""A case that is not complete yet: unconfirmed, or with films still to come; and the note and
the consent that its page shows."""

import pytest
from django.utils.translation import gettext as _

from cases import review
from cases.models import Case, CaseImage
from cases.tests.making_cases import act, choice, html, make_case, page, status_of, told

pytestmark = pytest.mark.django_db


def section(content, name):
    """A section of the page by its id; empty where the page has none."""
    return content.partition(f'id="{name}"')[2].partition("</section>")[0]


def test_a_case_whose_source_has_not_confirmed_it_says_so_with_the_last_problem(client, reviewer):
    case = make_case([], status=Case.Status.RECEIVED, failure="Sem resposta.")
    assert 'id="held"' not in html(client.get(page(case)))
    Case.objects.update(queued_at=None)

    content = html(client.get(page(case)))

    assert "Sem resposta." in section(content, "held")
    assert 'http-equiv="refresh"' in content
    assert act("approve", case) not in content


def test_a_case_whose_films_are_looked_for_again_says_when(client, reviewer):
    case = make_case([], status=Case.Status.RECEIVED, failure="O arquivo não veio.")
    assert 'id="postponed"' not in html(client.get(page(case)))
    Case.objects.update(next_try_at="2031-05-04T18:30:00Z")

    shown = section(html(client.get(page(case))), "postponed")

    assert "O arquivo não veio." in shown
    assert "04/05/2031 15:30" in shown


def test_a_film_that_is_still_to_come_is_told_and_the_case_can_be_decided(
    client, reviewer, implants, case
):
    assert 'id="film-awaited"' not in html(client.get(page(case)))
    CaseImage.objects.create(case=case, is_awaited=True, error="O arquivo não veio.")
    Case.objects.update(next_try_at="2031-05-04T18:30:00Z")

    content = html(client.get(page(case)))
    film = content.partition("awaited-film")[2].partition("</section>")[0]
    assert 'id="film-awaited"' in content
    assert "O arquivo não veio." in film
    assert "04/05/2031 15:30" in film
    assert "nothing-here" not in film

    client.post(act("approve", case), {"choice": choice(case, implants[0]), "revision": "1"})

    case.refresh_from_db()
    assert (case.status, case.next_try_at) == (Case.Status.APPROVED, None)
    assert "awaited-film" not in html(client.get(page(case)))


def test_trying_an_unconfirmed_case_again_promises_no_processing(client, reviewer):
    case = make_case([], status=Case.Status.FAILED, failure="Sem resposta.", queued_at=None)

    response = client.post(act("retry", case))

    assert told(response) == _("The case waits again for the confirmation of its source.")
    assert 'id="held"' in html(client.get(page(case)))


def test_a_note_goes_along_with_the_approval_and_is_shown_afterwards(
    client, reviewer, implants, case
):
    posted = {"choice": choice(case, implants[0]), "note": "  Confirme\r\no pilar. ", "revision": 1}
    client.post(act("approve", case), posted)

    case.refresh_from_db()
    assert case.note == "Confirme\no pilar."
    content = html(client.get(page(case)))
    assert "Confirme\no pilar." in content.partition('class="typed-text decision-note"')[2]


def test_a_decision_without_a_note_shows_none(client, reviewer, implants, case):
    chosen = [review.Choice(implants[0].pk)]
    review.approve(case_id=case.pk, choices=chosen, reviewer=reviewer)

    assert "decision-note" not in html(client.get(page(case)))


def test_a_note_that_is_too_long_is_refused_and_kept(client, reviewer, implants, case):
    posted = {"choice": choice(case, implants[0]), "note": "n" * 1001}

    response = client.post(act("approve", case), posted)

    assert "n" * 1001 in html(response)
    assert told(response)
    assert status_of(case) == Case.Status.PENDING


def test_a_reader_is_offered_no_note(client, reader, case):
    client.force_login(reader)

    assert "<textarea" not in html(client.get(page(case)))


def test_the_consent_is_among_the_facts(client, reviewer, case):
    facts = html(client.get(page(case))).partition('class="facts"')[2].partition("</dl>")[0]
    assert _("not given") in facts
    Case.objects.update(consent_at="2031-05-04T18:30:00Z")

    facts = html(client.get(page(case))).partition('class="facts"')[2].partition("</dl>")[0]

    assert "04/05/2031 15:30" in facts
    assert _("not given") not in facts
