"""Taking a decision back, of a case that no answer goes out to."""

from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from cases import review
from cases.models import Case, CaseEvent, Finding, Result
from cases.review import Choice, StateConflict, TooLate, Verdict
from cases.tests.making_cases import finding_of, make_implant

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def time_to_undo(settings: Any) -> None:
    settings.RAIOX_UNDO_SECONDS = 20


@pytest.fixture
def decided(case: Case, implants: list[Any], approver: Any) -> Case:
    """Approved with a candidate and an implant that was added."""
    chosen = (implants[0].pk, make_implant("Outra Linha").pk)
    verdict = Verdict(finding_of(case).pk, Finding.Outcome.IDENTIFIED, chosen)
    return review.decide(case_id=case.pk, verdicts=[verdict], reviewer=approver, note="n")


def test_a_decision_is_taken_back_entirely(decided: Case, approver: Any) -> None:
    assert review.can_undo(decided)
    case = review.undo(case_id=decided.pk, by=approver)
    assert (case.status, case.decided_at, case.decided_by) == (Case.Status.PENDING, None, None)
    assert (case.outcome, case.decision_reason) == ("", "")
    assert set(Finding.objects.values_list("outcome", "reason")) == {("", "")}
    results = Result.objects.values_list("rank", "approved", "approved_by")
    assert set(results) == {(rank, False, None) for rank in (1, 2, 3)}
    assert case.events.last().what == CaseEvent.What.UNDONE
    assert case.events.last().actor == approver


def test_an_undone_case_can_be_decided_again_at_the_same_revision(
    decided: Case, approver: Any
) -> None:
    review.undo(case_id=decided.pk, by=approver)
    case = review.reject(case_id=decided.pk, reason="Escura.", reviewer=approver, revision=1)
    assert (case.status, case.decision_reason) == (Case.Status.REJECTED, "Escura.")


def test_a_rejection_is_taken_back(case: Case, approver: Any) -> None:
    review.reject(case_id=case.pk, reason="Escura.", reviewer=approver, outcome="unreadable")
    case = review.undo(case_id=case.pk, by=approver)
    assert (case.status, case.outcome) == (Case.Status.PENDING, "")
    assert finding_of(case).outcome == ""


def test_the_texts_of_an_undone_decision_stay_for_whoever_decides_again(
    case: Case, approver: Any
) -> None:
    verdict = Verdict(finding_of(case).pk, "unreadable", reason="Escura.")
    review.decide(case_id=case.pk, verdicts=[verdict], reviewer=approver, note="Veja a foto.")
    case = review.undo(case_id=case.pk, by=approver)
    assert (case.note, finding_of(case).reason) == ("Veja a foto.", "Escura.")
    kept = case.events.last().details
    decided = {str(finding_of(case).pk): {"outcome": "unreadable", "implants": []}}
    assert kept == {"decided_by": approver.pk, "verdicts": decided}


def test_a_later_decision_takes_nothing_over_from_the_one_that_was_undone(
    case: Case, approver: Any
) -> None:
    review.reject(
        case_id=case.pk, reason="Escura.", reviewer=approver, outcome="unreadable", note="n"
    )
    review.undo(case_id=case.pk, by=approver)
    case = review.reject(case_id=case.pk, reason="Sem filme.", reviewer=approver)
    assert (case.decision_reason, case.note) == ("Sem filme.", "")
    assert finding_of(case).reason == ""


def test_a_case_that_had_failed_is_failed_again(case: Case, approver: Any) -> None:
    Case.objects.update(status=Case.Status.FAILED, failure="damaged")
    review.reject(case_id=case.pk, reason="Outra imagem.", reviewer=approver)
    case = review.undo(case_id=case.pk, by=approver)
    assert (case.status, case.failure) == (Case.Status.FAILED, "damaged")


def test_films_that_were_to_come_are_looked_for_again(decided: Case, approver: Any) -> None:
    decided.images.create(is_awaited=True)
    assert review.undo(case_id=decided.pk, by=approver).next_try_at is not None


def test_after_its_time_a_decision_stands(decided: Case, approver: Any) -> None:
    Case.objects.update(decided_at=timezone.now() - timedelta(seconds=21))
    decided.refresh_from_db()
    assert not review.can_undo(decided)
    with pytest.raises(TooLate):
        review.undo(case_id=decided.pk, by=approver)
    decided.refresh_from_db()
    assert decided.status == Case.Status.APPROVED
    assert decided.approved_results.count() == 2


def test_without_a_delay_a_decision_stands_at_once(
    decided: Case, approver: Any, settings: Any
) -> None:
    settings.RAIOX_UNDO_SECONDS = 0
    with pytest.raises(TooLate):
        review.undo(case_id=decided.pk, by=approver)


def test_the_page_knows_until_when_it_can_be_undone(decided: Case) -> None:
    assert decided.decided_at is not None
    assert review.undo_until(decided) == decided.decided_at + timedelta(seconds=20)


@pytest.mark.parametrize("status", [Case.Status.PENDING, Case.Status.ARCHIVED])
def test_what_is_not_decided_cannot_be_undone(case: Case, approver: Any, status: str) -> None:
    Case.objects.update(status=status)
    case.refresh_from_db()
    assert not review.can_undo(case)
    assert review.undo_until(case) is None
    with pytest.raises(StateConflict):
        review.undo(case_id=case.pk, by=approver)


def test_undoing_twice_is_told(decided: Case, approver: Any) -> None:
    review.undo(case_id=decided.pk, by=approver)
    with pytest.raises(StateConflict):
        review.undo(case_id=decided.pk, by=approver)
    assert decided.events.filter(what=CaseEvent.What.UNDONE).count() == 1


def test_an_approval_by_choice_is_taken_back_too(
    case: Case, implants: list[Any], approver: Any
) -> None:
    review.approve(case_id=case.pk, choices=[Choice(implants[1].pk)], reviewer=approver)
    assert finding_of(case).outcome == "identified"
    case = review.undo(case_id=case.pk, by=approver)
    assert not case.approved_results.exists()
