"""The time between a decision and its answer, in which it can be undone. Real HTTP."""

import threading
from contextlib import closing
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.utils import timezone
from django_q.brokers.orm import ORM
from django_q.models import OrmQ

from cases import review
from cases.models import Case, CaseEvent
from cases.review import TooLate
from integrations import tasks
from integrations.jotform.outgoing import outbox, returns
from integrations.jotform.simulation.standin import JotformStandIn
from integrations.models import ResultReturn
from integrations.tests.answering import (
    SUBMISSION,
    TEXT,
    Status,
    approve,
    history,
    queued,
    send,
    when_its_time_has_come,
)

pytestmark = pytest.mark.django_db(transaction=True)

What = CaseEvent.What


@pytest.fixture(autouse=True)
def time_to_undo(settings: Any) -> None:
    settings.RAIOX_UNDO_SECONDS = 20


def test_an_answer_is_held_back_and_leaves_when_its_time_has_come(
    jotform: JotformStandIn, answer: ResultReturn, case: Case
) -> None:
    case.refresh_from_db()
    assert answer.is_held_back
    assert answer.next_try_at == review.undo_until(case)

    send(answer)
    assert (outbox.send_due(), outbox.requeue_lost()) == (0, 0)
    assert (answer.status, jotform.requests) == (Status.WAITING, [])

    assert when_its_time_has_come(answer).status == Status.SENT
    assert jotform.shown(SUBMISSION, "10").startswith(TEXT)
    assert history(case) == [What.ANSWER_QUEUED, What.ANSWER_SENT]


def test_its_task_waits_in_the_queue_until_it_may_leave(
    jotform: JotformStandIn, answer: ResultReturn
) -> None:
    entry = OrmQ.objects.get()
    assert (queued(), entry.lock) == ([answer.pk], answer.next_try_at)
    broker = ORM(entry.key)
    assert broker.dequeue() is None, "no worker takes it before"

    OrmQ.objects.update(lock=timezone.now())
    assert [pk for pk, _payload in broker.dequeue()] == [entry.pk]


def test_an_answer_whose_task_was_lost_is_found_when_it_is_due(
    jotform: JotformStandIn, answer: ResultReturn
) -> None:
    OrmQ.objects.all().delete()
    ResultReturn.objects.update(next_try_at=timezone.now())
    tasks.send_due_returns()
    assert queued() == [answer.pk]
    assert send(answer).status == Status.SENT


def test_an_undone_decision_is_not_answered(
    jotform: JotformStandIn, answer: ResultReturn, case: Case, approver: Any
) -> None:
    review.undo(case_id=case.pk, by=approver)
    assert when_its_time_has_come(answer).status == Status.WITHDRAWN
    assert jotform.requests == []
    case.refresh_from_db()
    assert case.status == Case.Status.PENDING


def test_after_another_decision_its_answer_goes_out_and_not_the_first_and_not_too_soon(
    jotform: JotformStandIn, answer: ResultReturn, case: Case, approver: Any
) -> None:
    review.undo(case_id=case.pk, by=approver)
    review.reject(case_id=case.pk, reason="Escura.", reviewer=approver)
    send(answer)
    assert (answer.is_held_back, jotform.requests) == (True, [])
    assert when_its_time_has_come(answer).status == Status.SENT
    assert jotform.shown(SUBMISSION, "10") == "Escura."
    assert len(jotform.edits()) == 1


def test_an_answer_that_left_makes_it_too_late(
    jotform: JotformStandIn, answer: ResultReturn, case: Case, approver: Any
) -> None:
    when_its_time_has_come(answer)
    case.refresh_from_db()
    assert not review.can_undo(case)
    with pytest.raises(TooLate):
        review.undo(case_id=case.pk, by=approver)
    assert send(answer).status == Status.SENT


@pytest.mark.parametrize("again", [False, True], ids=["tried", "sent again"])
def test_an_answer_that_may_have_left_makes_it_too_late(
    jotform: JotformStandIn, answer: ResultReturn, case: Case, approver: Any, again: bool
) -> None:
    jotform.rewrite = lambda text: text[:20]
    assert when_its_time_has_come(answer).attempts == 1
    if again:
        outbox.send_again(return_id=answer.pk, by=approver)
    with pytest.raises(TooLate):
        review.undo(case_id=case.pk, by=approver)
    case.refresh_from_db()
    assert (case.status, review.can_undo(case)) == (Case.Status.APPROVED, False)


def test_an_answer_that_waits_for_its_configuration_has_not_left(
    jotform: JotformStandIn, answer: ResultReturn, case: Case, approver: Any, settings: Any
) -> None:
    settings.JOTFORM_API_KEY = ""
    Case.objects.update(decided_at=timezone.now() - timedelta(days=2))
    assert when_its_time_has_come(answer).status == Status.NOT_CONFIGURED
    case.refresh_from_db()
    assert review.can_undo(case)
    review.undo(case_id=case.pk, by=approver)
    answer.refresh_from_db()
    assert answer.status == Status.WITHDRAWN


def test_announcing_it_again_does_not_let_it_out_sooner(
    jotform: JotformStandIn, answer: ResultReturn, case: Case
) -> None:
    review.announce_again(case_id=case.pk)
    before = answer.next_try_at
    answer.refresh_from_db()
    assert (answer.next_try_at, answer.is_held_back) == (before, True)
    assert history(case) == [What.ANSWER_QUEUED]


def test_it_cannot_be_sent_again_while_it_is_held_back(
    jotform: JotformStandIn, answer: ResultReturn, case: Case, approver: Any
) -> None:
    with pytest.raises(outbox.NotSendable):
        outbox.send_again(return_id=answer.pk, by=approver)
    case.refresh_from_db()
    assert review.can_undo(case)


def test_a_copy_is_held_back_and_withdrawn_like_the_answer(
    jotform: JotformStandIn, case: Case, approver: Any, settings: Any
) -> None:
    settings.JOTFORM_COPY_URL = "http://127.0.0.1:9/copies"
    approve(case, approver)
    copy = ResultReturn.objects.get(channel=ResultReturn.Channel.COPY)
    assert copy.is_held_back
    review.undo(case_id=case.pk, by=approver)
    assert {row.status for row in ResultReturn.objects.all()} == {Status.WITHDRAWN}


def test_a_sender_that_has_read_the_row_finds_it_withdrawn_when_the_decision_is_undone(
    jotform: JotformStandIn, answer: ResultReturn, case: Case, approver: Any
) -> None:
    """Undone, and decided anew, between the reading of the row and the beginning of its
    sending."""
    ResultReturn.objects.update(next_try_at=timezone.now())
    stale = ResultReturn.objects.select_related("case").get()
    review.undo(case_id=case.pk, by=approver)
    returns._send(stale)
    review.reject(case_id=case.pk, reason="Escura.", reviewer=approver)
    returns._send(stale)
    answer.refresh_from_db()
    assert (answer.is_held_back, answer.attempts, jotform.requests) == (True, 0, [])


def test_of_an_undoing_and_a_sender_at_once_one_wins(
    jotform: JotformStandIn, answer: ResultReturn, case: Case, approver: Any
) -> None:
    ResultReturn.objects.update(next_try_at=timezone.now())
    barrier, told = threading.Barrier(2), []

    def undo() -> None:
        with closing(connection):
            barrier.wait(10)
            try:
                review.undo(case_id=case.pk, by=approver)
                told.append("undone")
            except TooLate:
                told.append("too late")

    def deliver() -> None:
        with closing(connection):
            barrier.wait(10)
            tasks.send_return(answer.pk)

    threads = [threading.Thread(target=action) for action in (undo, deliver)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    answer.refresh_from_db()
    case.refresh_from_db()
    outcome = (told, case.status, answer.status, len(jotform.edits()))
    assert outcome in (
        (["undone"], Case.Status.PENDING, Status.WITHDRAWN, 0),
        (["too late"], Case.Status.APPROVED, Status.SENT, 1),
    )
