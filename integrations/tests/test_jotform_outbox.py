"""The outbox: what goes in with a decision, what a reopening takes out, what is queued again."""

import threading
from contextlib import closing
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection, transaction
from django.utils import timezone
from django_q.models import OrmQ

from cases import review
from cases.models import Case, CaseEvent
from integrations import tasks
from integrations.jotform.incoming import readings
from integrations.jotform.outgoing import outbox
from integrations.jotform.simulation.standin import API_KEY, Fault, JotformStandIn
from integrations.models import ResultReturn
from integrations.tests.answering import (
    SUBMISSION,
    Status,
    history,
    queued,
    reopen,
    send,
    take_in_edits,
    when_its_time_has_come,
)
from matching.locks import work_lock

pytestmark = pytest.mark.django_db(transaction=True)

What = CaseEvent.What


def test_nobody_is_answered_who_did_not_come_by_jotform(
    jotform: JotformStandIn, case: Case, approver: Any
) -> None:
    Case.objects.filter(pk=case.pk).update(jotform_submission_id=None)

    review.reject(case_id=case.pk, reason="Escura.", reviewer=approver)

    assert not ResultReturn.objects.exists()
    assert queued() == []
    assert history(case) == []


def test_a_decision_that_is_rolled_back_leaves_no_answer(
    jotform: JotformStandIn, case: Case, approver: Any
) -> None:
    with pytest.raises(RuntimeError), transaction.atomic():
        review.reject(case_id=case.pk, reason="Escura.", reviewer=approver)
        assert queued() != []
        raise RuntimeError

    assert not ResultReturn.objects.exists()
    assert queued() == []


def test_queueing_twice_makes_one_answer(jotform: JotformStandIn, answer: ResultReturn) -> None:
    again = outbox.queue_return(case=answer.case)

    assert again == [answer]
    assert queued() == [answer.pk]


@pytest.mark.parametrize(
    ("key", "fields", "named"),
    [
        ("", {"answer": "10"}, "JOTFORM_API_KEY"),
        (API_KEY, {}, "JOTFORM_FIELDS"),
        (API_KEY, {"answer_line": "10"}, "JOTFORM_FIELDS"),
    ],
)
def test_without_configuration_it_waits_and_goes_out_once_configured(
    jotform: JotformStandIn, answer: ResultReturn, settings: Any, key: str, fields: Any, named: str
) -> None:
    settings.JOTFORM_API_KEY, settings.JOTFORM_FIELDS = key, fields

    send(answer)

    assert (answer.status, answer.attempts) == (Status.NOT_CONFIGURED, 0)
    assert named in answer.last_error
    assert jotform.requests == []

    settings.JOTFORM_API_KEY, settings.JOTFORM_FIELDS = API_KEY, {"answer": "10"}
    OrmQ.objects.all().delete()
    tasks.send_due_returns()
    assert queued() == [], "a minute has not passed"
    ResultReturn.objects.update(next_try_at=timezone.now())
    tasks.send_due_returns()
    assert queued() == [answer.pk]
    assert send(answer).status == Status.SENT


def test_the_schedule_looks_for_the_configuration_without_filling_the_queue(
    jotform: JotformStandIn, answer: ResultReturn, settings: Any
) -> None:
    settings.JOTFORM_API_KEY = ""
    OrmQ.objects.all().delete()
    ResultReturn.objects.update(next_try_at=timezone.now())

    tasks.send_due_returns()

    answer.refresh_from_db()
    assert answer.status == Status.NOT_CONFIGURED
    assert answer.next_try_at > timezone.now() + timedelta(seconds=50)
    assert queued() == []


def test_the_schedule_queues_an_answer_once_while_it_waits_for_a_worker(
    jotform: JotformStandIn, answer: ResultReturn
) -> None:
    assert outbox.send_due() == 0, "its task is in the queue since the decision"
    OrmQ.objects.all().delete()
    ResultReturn.objects.update(next_try_at=timezone.now())

    assert [outbox.send_due() for _ in range(3)] == [1, 0, 0]

    assert queued() == [answer.pk]
    assert jotform.requests == [], "the schedule itself sends nothing"


def test_the_schedule_leaves_an_answer_alone_that_is_being_sent(
    jotform: JotformStandIn, answer: ResultReturn
) -> None:
    ResultReturn.objects.update(next_try_at=timezone.now())
    held, done = threading.Event(), threading.Event()

    def hold() -> None:
        with closing(connection), work_lock(outbox.lock_name(answer), answer.case_id):
            held.set()
            done.wait(10)

    worker = threading.Thread(target=hold)
    worker.start()
    held.wait(10)
    try:
        assert outbox.send_due() == 0
    finally:
        done.set()
        worker.join()
    assert outbox.send_due() == 1


def test_a_worker_that_starts_looks_for_answers_left_behind(
    jotform: JotformStandIn, answer: ResultReturn
) -> None:
    from django_q.signals import post_spawn

    OrmQ.objects.all().delete()
    ResultReturn.objects.update(next_try_at=timezone.now(), attempts=1)

    post_spawn.send(sender="django_q", proc_name="worker")

    assert queued() == [answer.pk]


def test_send_again_forgives_the_attempts_and_queues(
    jotform: JotformStandIn, answer: ResultReturn, approver: Any
) -> None:
    jotform.misbehave(Fault.STATUS, code=404, message="gone")
    assert send(answer).status == Status.GIVEN_UP
    OrmQ.objects.all().delete()

    outbox.send_again(return_id=answer.pk, by=approver)

    answer.refresh_from_db()
    assert (answer.status, answer.attempts, answer.last_error) == (Status.QUEUED, 0, "")
    assert queued() == [answer.pk]
    assert send(answer).status == Status.SENT
    assert history(answer.case) == [
        What.ANSWER_QUEUED,
        What.ANSWER_FAILED,
        What.ANSWER_QUEUED,
        What.ANSWER_SENT,
    ]
    assert answer.case.events.filter(what=What.ANSWER_QUEUED).latest("pk").actor == approver


def test_an_answer_that_was_sent_is_written_again_only_if_it_is_not_shown_any_more(
    jotform: JotformStandIn, answer: ResultReturn, approver: Any
) -> None:
    send(answer)
    outbox.send_again(return_id=answer.pk, by=approver)
    assert send(answer).status == Status.SENT
    assert len(jotform.edits()) == 1

    jotform.edit(SUBMISSION, answers={"10": ""})
    outbox.send_again(return_id=answer.pk, by=approver)
    send(answer)
    assert when_its_time_has_come(answer).status == Status.SENT
    assert len(jotform.edits()) == 2


def test_a_tooth_corrected_after_the_decision_is_corrected_in_the_answer(
    jotform: JotformStandIn, answer: ResultReturn, case: Case
) -> None:
    send(answer)
    assert "26" in jotform.shown(SUBMISSION, "10")
    jotform.edit(SUBMISSION, answers={"6": "37"})
    readings.ask(submission_id=SUBMISSION)
    take_in_edits()
    assert queued().count(answer.pk) >= 1
    assert send(answer).status == Status.SENT
    assert "37" in jotform.shown(SUBMISSION, "10")
    assert "26" not in jotform.shown(SUBMISSION, "10")


def test_a_case_decided_anew_sends_its_new_answer_and_never_the_old_one(
    jotform: JotformStandIn, answer: ResultReturn, case: Case, approver: Any
) -> None:
    reopen(case)
    review.reject(case_id=case.pk, reason="Outra imagem.", reviewer=approver)
    newest = ResultReturn.objects.get(revision=2)
    answer.refresh_from_db()
    assert answer.status == Status.WITHDRAWN

    for one in (answer, newest, answer):
        send(one)

    assert (answer.status, newest.status) == (Status.WITHDRAWN, Status.SENT)
    assert [one.form["submission[10]"] for one in jotform.edits()] == ["Outra imagem."]


def test_an_answer_that_was_out_already_is_replaced_by_the_new_one(
    jotform: JotformStandIn, answer: ResultReturn, case: Case, approver: Any
) -> None:
    assert send(answer).status == Status.SENT
    reopen(case)
    review.reject(case_id=case.pk, reason="Outra imagem.", reviewer=approver)

    newest = ResultReturn.objects.get(revision=2)
    send(newest)
    assert when_its_time_has_come(newest).status == Status.SENT

    assert jotform.shown(SUBMISSION, "10") == "Outra imagem."
    assert [one.status for one in ResultReturn.objects.order_by("revision")] == ["sent", "sent"]


def test_while_a_case_is_open_again_its_answer_is_not_sent(
    jotform: JotformStandIn, answer: ResultReturn, case: Case
) -> None:
    reopen(case)

    assert send(answer).status == Status.WITHDRAWN
    assert jotform.requests == []


def test_a_reopening_withdraws_what_was_not_sent(
    jotform: JotformStandIn, answer: ResultReturn, case: Case
) -> None:
    assert outbox.withdraw(case=case) == 1
    assert outbox.withdraw(case=case) == 0

    assert send(answer).status == Status.WITHDRAWN
    assert jotform.requests == []


def test_a_withdrawn_or_outdated_answer_is_not_sent_again(
    jotform: JotformStandIn, answer: ResultReturn, case: Case, approver: Any
) -> None:
    ResultReturn.objects.update(status=Status.GIVEN_UP)
    reopen(case)
    with pytest.raises(outbox.NotSendable):
        outbox.send_again(return_id=answer.pk, by=approver)
    ResultReturn.objects.update(status=Status.WITHDRAWN)
    with pytest.raises(outbox.NotSendable):
        outbox.send_again(return_id=answer.pk, by=approver)


def test_two_answers_of_one_case_never_go_out_at_once(
    jotform: JotformStandIn, answer: ResultReturn, case: Case, approver: Any
) -> None:
    reopen(case)
    review.reject(case_id=case.pk, reason="Outra imagem.", reviewer=approver)
    newest = ResultReturn.objects.get(revision=2)
    held, done = threading.Event(), threading.Event()

    def hold() -> None:
        with closing(connection), work_lock(outbox.lock_name(answer), case.pk):
            held.set()
            done.wait(10)

    worker = threading.Thread(target=hold)
    worker.start()
    held.wait(10)
    try:
        assert send(newest).status == Status.QUEUED
        assert jotform.requests == []
    finally:
        done.set()
        worker.join()
    assert send(newest).status == Status.SENT
