"""What another reviewer changes while a case page is open."""

import pytest

from cases import findings, review
from cases.models import Case
from cases.tests.making_cases import (
    act,
    finding_of,
    form_of,
    html,
    matched_case,
    page,
    status_of,
    told,
)
from matching.boxes import Box

pytestmark = pytest.mark.django_db
LEFT, RIGHT = Box(40, 60, 20, 60), Box(90, 130, 20, 60)


@pytest.fixture
def case(catalogue, film):
    """A case with one film, 120 × 200, that awaits review."""
    return matched_case(film())


def mark(case, box, by, finding=None):
    return findings.mark(
        case_id=case.pk,
        image_id=case.images.get().pk,
        box=box,
        by=by,
        finding_id=finding and finding.pk,
    )


def opened(client, case):
    """What the form sends with the first candidate of the first fixture ticked."""
    fields = form_of(client.get(page(case)))
    finding = case.images.get().findings.earliest("pk")
    return fields | {"choice": f"{finding.pk}:{finding.results.get(rank=1).implant_id}"}


def drawn(case, box):
    image = case.images.get().pk
    return {f"box-{image}-{name}": value for name, value in box.as_json().items()}


def test_a_fixture_that_a_colleague_moved_is_not_decided_unseen(client, reviewer, colleague, case):
    finding = mark(case, LEFT, reviewer)
    fields = opened(client, case)
    mark(case, RIGHT, colleague, finding)

    refused = client.post(act("decide", case), fields)

    assert status_of(case) == Case.Status.PENDING
    assert str(review.Outdated()) in told(refused)
    assert form_of(refused)["choice"] == fields["choice"], "what was ticked is kept"
    client.post(act("decide", case), form_of(refused))
    assert status_of(case) == Case.Status.APPROVED


def test_a_fixture_that_a_colleague_marked_or_removed_is_looked_at_first(
    client, reviewer, colleague, case
):
    mark(case, LEFT, reviewer)
    before = opened(client, case)
    other = mark(case, RIGHT, colleague)

    refused = client.post(act("decide", case), before)
    both = opened(client, case) | {f"outcome-{other.pk}": "not_in_catalogue"}
    findings.remove(case_id=case.pk, finding_id=other.pk, by=colleague)
    refused_again = client.post(act("decide", case), both)

    assert str(review.Outdated()) in told(refused)
    assert str(review.Outdated()) in told(refused_again)
    assert status_of(case) == Case.Status.PENDING


def test_a_search_on_a_page_that_is_out_of_date_says_so(client, reviewer, colleague, case):
    finding = mark(case, LEFT, reviewer)
    fields = opened(client, case)
    mark(case, RIGHT, colleague, finding)

    assert str(review.Outdated()) in told(client.post(page(case), fields))


def test_ones_own_marks_swapped_into_the_open_page_do_not_outdate_it(client, reviewer, case):
    finding = mark(case, LEFT, reviewer)
    fields = opened(client, case)
    image = case.images.get().pk

    piece = client.post(
        act("mark", case),
        fields | drawn(case, RIGHT) | {"image": image, "finding": finding.pk, "piece": "1"},
    )
    fresh = form_of_piece(piece)
    client.post(act("decide", case), fields | fresh)

    assert fresh[f"mark-{finding.pk}"] != fields[f"mark-{finding.pk}"]
    assert status_of(case) == Case.Status.APPROVED


def form_of_piece(response):
    response.content = f'<form id="decision">{html(response)}</form>'.encode()
    return form_of(response)


def test_ones_own_mark_without_javascript_brings_back_a_page_that_can_be_decided(
    client, reviewer, case
):
    fields = opened(client, case) | drawn(case, LEFT) | {"image": case.images.get().pk}

    shown = client.post(act("mark", case), fields)

    assert str(review.Outdated()) not in told(shown)
    client.post(act("decide", case), form_of(shown) | {"choice": fields["choice"]})
    assert status_of(case) == Case.Status.APPROVED


def test_ones_own_mark_does_not_hide_that_a_colleague_moved_another(
    client, reviewer, colleague, case
):
    finding = mark(case, LEFT, reviewer)
    fields = opened(client, case) | drawn(case, Box(60, 100, 20, 70))
    mark(case, RIGHT, colleague, finding)

    shown = client.post(act("mark", case), fields | {"image": case.images.get().pk})

    assert str(review.Outdated()) in told(shown)


def test_a_colleagues_internal_note_survives_an_approval(client, reviewer, colleague, case):
    fields = opened(client, case)
    review.set_internal_note(case_id=case.pk, text="Ligar para a dentista.", by=colleague)

    client.post(act("decide", case), fields)

    case.refresh_from_db()
    assert (case.status, case.internal_note) == (Case.Status.APPROVED, "Ligar para a dentista.")


@pytest.mark.parametrize("what", ["decide", "note"])
def test_two_internal_notes_are_both_shown_and_neither_is_lost(
    client, reviewer, colleague, case, what
):
    fields = opened(client, case) | {"internal_note": "Esperar o outro filme."}
    review.set_internal_note(case_id=case.pk, text="Ligar para a dentista.", by=colleague)

    refused = client.post(act(what, case), fields)

    case.refresh_from_db()
    assert (case.status, case.internal_note) == (Case.Status.PENDING, "Ligar para a dentista.")
    assert told(refused)
    assert form_of(refused)["internal_note"] == "Esperar o outro filme."
    assert "Ligar para a dentista." in html(refused).partition("data-other-note")[2]
    both = "Ligar para a dentista. Esperar o outro filme."
    client.post(act(what, case), form_of(refused) | {"internal_note": both})
    case.refresh_from_db()
    assert case.internal_note == both


def test_an_internal_note_is_changed_and_emptied_by_whoever_saw_it(
    client, reviewer, colleague, case
):
    review.set_internal_note(case_id=case.pk, text="Linha um.\nLinha dois.", by=colleague)
    fields = form_of(client.get(page(case)))

    client.post(act("note", case), fields | {"internal_note": ""})

    case.refresh_from_db()
    assert case.internal_note == ""


def test_without_its_field_the_internal_note_stays(client, reviewer, case):
    review.set_internal_note(case_id=case.pk, text="Ligar antes.", by=reviewer)

    assert client.post(act("note", case), {}).status_code == 200

    case.refresh_from_db()
    assert case.internal_note == "Ligar antes."


def test_on_the_page_of_a_decided_case_a_colleagues_note_is_not_overwritten_either(
    client, reviewer, colleague, case
):
    client.post(act("decide", case), opened(client, case))
    before = {"internal_note_shown": "", "internal_note": "Minha nota."}
    assert 'name="internal_note_shown" value=""' in html(client.get(page(case)))
    review.set_internal_note(case_id=case.pk, text="Ligar para a dentista.", by=colleague)

    shown = html(client.post(act("note", case), before))

    assert "Minha nota." in shown and "Ligar para a dentista." in shown
    assert finding_of(case).case_image.case.internal_note == "Ligar para a dentista."
