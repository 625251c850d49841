import threading
from collections.abc import Callable
from typing import Any

import pytest
from django.db import DatabaseError, connection, transaction
from django.utils import timezone
from django_q.models import OrmQ

from cases import intake, review
from cases.films import IncomingImage
from cases.intake import Person
from cases.models import Case, CaseEvent, Result
from cases.review import Choice, Outdated, ReviewError, StateConflict
from cases.signals import case_decided
from implants.models import Implant


@pytest.fixture
def case(catalogue: list[Any], film: Callable[..., bytes]) -> Case:
    received = intake.receive(
        source=Case.Source.UPLOAD, images=[IncomingImage(content=film())], person=Person()
    ).case
    return intake.process(case_id=received.pk)


def first_result(case: Case) -> Result:
    return Result.objects.get(finding__case_image__case=case, rank=1)


def test_approving_a_candidate_marks_it_and_names_the_reviewer(case: Case, approver: Any) -> None:
    chosen = first_result(case)
    case = review.approve(case_id=case.pk, choices=[Choice(chosen.implant_id)], reviewer=approver)
    chosen.refresh_from_db()
    assert case.status == Case.Status.APPROVED
    assert case.decided_by == approver
    assert chosen.approved and chosen.approved_by == approver and chosen.approved_at
    assert list(case.approved_results) == [chosen]
    assert case.events.last().what == CaseEvent.What.APPROVED
    assert case.events.last().actor_label == "brenda"


def test_an_implant_that_was_not_proposed_is_added_without_a_rank(
    case: Case, approver: Any
) -> None:
    other = Implant.objects.create(manufacturer="Neodent", name="Facility")
    review.approve(case_id=case.pk, choices=[Choice(other.pk)], reviewer=approver)
    result = case.approved_results.get()
    assert (result.implant, result.rank, result.similarity) == (other, None, None)


def test_several_implants_can_be_approved_together(case: Case, approver: Any) -> None:
    chosen = list(Result.objects.filter(rank__lte=2))
    choices = [Choice(result.implant_id, result.finding_id) for result in chosen]
    review.approve(case_id=case.pk, choices=choices, reviewer=approver)
    assert set(case.approved_results) == set(chosen)


@pytest.mark.parametrize("choices", [[], [Choice(10**9)]])
def test_no_or_unknown_implants_are_refused_and_nothing_changes(
    case: Case, approver: Any, choices: list[Choice]
) -> None:
    with pytest.raises(ReviewError):
        review.approve(case_id=case.pk, choices=choices, reviewer=approver)
    case.refresh_from_db()
    assert case.status == Case.Status.PENDING


def test_a_finding_of_another_case_is_refused(
    case: Case, approver: Any, film: Callable[..., bytes]
) -> None:
    other = intake.receive(
        source=Case.Source.UPLOAD, images=[IncomingImage(content=film(9))], person=Person()
    ).case
    intake.process(case_id=other.pk)
    foreign = first_result(other)
    with pytest.raises(ReviewError):
        review.approve(
            case_id=case.pk,
            choices=[Choice(foreign.implant_id, foreign.finding_id)],
            reviewer=approver,
        )


def test_rejecting_keeps_the_reason(case: Case, approver: Any) -> None:
    case = review.reject(case_id=case.pk, reason=" too blurred ", reviewer=approver)
    assert (case.status, case.decision_reason) == (Case.Status.REJECTED, "too blurred")
    assert case.events.last().what == CaseEvent.What.REJECTED


def test_a_case_whose_film_can_never_be_read_can_be_rejected_and_not_approved(
    db: None, approver: Any
) -> None:
    failed = intake.receive(source=Case.Source.JOTFORM, images=[], person=Person()).case
    with pytest.raises(StateConflict):
        review.approve(case_id=failed.pk, choices=[Choice(1)], reviewer=approver)
    case = review.reject(case_id=failed.pk, reason="send a picture", reviewer=approver)
    assert case.status == Case.Status.REJECTED


def test_rejecting_without_a_reason_is_refused(case: Case, approver: Any) -> None:
    with pytest.raises(ReviewError):
        review.reject(case_id=case.pk, reason="  ", reviewer=approver)


def test_a_decided_case_cannot_be_decided_again(case: Case, approver: Any) -> None:
    review.reject(case_id=case.pk, reason="blurred", reviewer=approver)
    with pytest.raises(StateConflict):
        review.approve(
            case_id=case.pk, choices=[Choice(first_result(case).implant_id)], reviewer=approver
        )


def test_a_note_to_the_dentist_is_kept_with_either_decision(case: Case, approver: Any) -> None:
    choice = Choice(first_result(case).implant_id)
    case = review.approve(
        case_id=case.pk, choices=[choice], reviewer=approver, note=" check the platform \n"
    )
    assert case.note == "check the platform"
    Case.objects.filter(pk=case.pk).update(status=Case.Status.PENDING)
    review.reject(case_id=case.pk, reason="blurred", reviewer=approver, note="one more film")
    case.refresh_from_db()
    assert case.note == "one more film"


@pytest.mark.parametrize("length", [1001, 5000])
def test_a_note_that_is_too_long_is_refused_and_nothing_changes(
    case: Case, approver: Any, length: int
) -> None:
    choice = Choice(first_result(case).implant_id)
    with pytest.raises(ReviewError):
        review.approve(case_id=case.pk, choices=[choice], reviewer=approver, note="n" * length)
    case.refresh_from_db()
    assert (case.status, case.note) == (Case.Status.PENDING, "")
    assert not case.approved_results.exists()


@pytest.mark.parametrize("revision", [None, 3])
def test_a_decision_on_the_case_as_it_is_passes(
    case: Case, approver: Any, revision: int | None
) -> None:
    Case.objects.filter(pk=case.pk).update(revision=3)
    case = review.reject(case_id=case.pk, reason="blurred", reviewer=approver, revision=revision)
    assert case.status == Case.Status.REJECTED


@pytest.mark.parametrize("status", [Case.Status.PENDING, Case.Status.RECEIVED])
def test_a_decision_on_the_case_as_it_was_is_refused_and_nothing_changes(
    case: Case, approver: Any, status: str
) -> None:
    Case.objects.filter(pk=case.pk).update(revision=3, status=status)
    choice = Choice(first_result(case).implant_id)
    with pytest.raises(Outdated):
        review.approve(case_id=case.pk, choices=[choice], reviewer=approver, revision=2)
    with pytest.raises(Outdated):
        review.reject(case_id=case.pk, reason="blurred", reviewer=approver, revision=2)
    case.refresh_from_db()
    assert (case.status, case.decided_at) == (status, None)
    assert not case.approved_results.exists()


def test_a_case_with_films_still_to_come_can_be_decided(case: Case, approver: Any) -> None:
    case.images.create(is_awaited=True)
    Case.objects.filter(pk=case.pk).update(next_try_at=timezone.now())
    choice = Choice(first_result(case).implant_id)
    case = review.approve(case_id=case.pk, choices=[choice], reviewer=approver)
    assert (case.status, case.next_try_at) == (Case.Status.APPROVED, None)


def queued() -> int:
    return OrmQ.objects.count()


def test_a_failed_case_goes_back_into_the_queue(case: Case, approver: Any) -> None:
    Case.objects.filter(pk=case.pk).update(status=Case.Status.FAILED, failure="damaged")
    before = queued()
    case = review.retry(case_id=case.pk, by=approver)
    assert (case.status, queued()) == (Case.Status.RECEIVED, before + 1)


def test_a_failed_case_that_its_source_has_not_confirmed_is_held_again_and_not_queued(
    case: Case, approver: Any
) -> None:
    Case.objects.filter(pk=case.pk).update(
        status=Case.Status.FAILED, failure="unconfirmed", queued_at=None
    )
    before = queued()
    review.retry(case_id=case.pk, by=approver)
    case.refresh_from_db()
    assert (case.status, case.queued_at, queued()) == (Case.Status.RECEIVED, None, before)


def test_only_a_failed_case_can_be_sent_to_processing_again(case: Case, approver: Any) -> None:
    with pytest.raises(StateConflict):
        review.retry(case_id=case.pk, by=approver)


def test_the_decision_is_announced_inside_its_transaction(case: Case, approver: Any) -> None:
    def refuse(sender: Any, case: Case, **kwargs: Any) -> None:
        raise RuntimeError("the outbox could not be written")

    case_decided.connect(refuse)
    try:
        with pytest.raises(RuntimeError):
            review.reject(case_id=case.pk, reason="blurred", reviewer=approver)
    finally:
        case_decided.disconnect(refuse)
    case.refresh_from_db()
    assert case.status == Case.Status.PENDING


@pytest.mark.django_db(transaction=True)
def test_of_two_reviewers_at_once_one_wins_and_the_other_is_told(
    case: Case, approver: Any, make_user: Callable[..., Any]
) -> None:
    other = make_user("approver", username="outra")
    barrier, outcomes = threading.Barrier(2), []

    def decide(reviewer: Any) -> None:
        barrier.wait()
        try:
            review.reject(case_id=case.pk, reason="blurred", reviewer=reviewer)
            outcomes.append("won")
        except StateConflict:
            outcomes.append("told")
        connection.close()

    threads = [threading.Thread(target=decide, args=[user]) for user in (approver, other)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(outcomes) == ["told", "won"]
    assert case.events.filter(what=CaseEvent.What.REJECTED).count() == 1


def test_the_history_cannot_be_rewritten(case: Case) -> None:
    event = case.events.first()
    event.what = CaseEvent.What.APPROVED
    with pytest.raises(TypeError):
        event.save()


@pytest.mark.parametrize(
    "change",
    [
        {"status": "guessed"},
        {"status": "approved"},
        {"status": "failed"},
        {"tooth": 99},
        {"jotform_submission_id": ""},
    ],
)
def test_the_database_refuses_a_case_that_contradicts_itself(
    case: Case, change: dict[str, Any]
) -> None:
    with pytest.raises(DatabaseError), transaction.atomic():
        Case.objects.filter(pk=case.pk).update(**change)
