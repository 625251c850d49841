"""Answers go out exactly once, whatever goes wrong. Real HTTP, real PostgreSQL."""

import threading
import time
from contextlib import closing
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.utils import timezone
from django_q.models import OrmQ

from cases import retention
from cases.models import CaseEvent
from integrations import tasks
from integrations.jotform.client import JotformClient, JotformError
from integrations.jotform.outgoing import outbox, returns
from integrations.jotform.simulation.standin import API_KEY, Fault, JotformStandIn
from integrations.models import ResultReturn, StaffNotice
from integrations.tests.answering import (
    SUBMISSION,
    TEXT,
    Status,
    history,
    queued,
    send,
    when_its_time_has_come,
)

pytestmark = pytest.mark.django_db(transaction=True)

What = CaseEvent.What


PASSING = [
    (Fault.ENVELOPE, {"code": 500}),
    (Fault.OVER_QUOTA, {}),
    (Fault.ENVELOPE, {"code": 400, "message": "Form Over Quota"}),
    (Fault.STATUS, {"code": 429, "message": "Too many requests"}),
    (Fault.STATUS, {"code": 429, "message": "Too many requests", "retry_after": "5"}),
    (Fault.STATUS, {"code": 503, "message": "rate limits etc exceeded"}),
    (Fault.STATUS, {"code": 500}),
    (Fault.SLOW, {}),
    (Fault.BROKEN_JSON, {}),
    (Fault.HTML, {"code": 200}),
    (Fault.HTML, {"code": 401}),
    (Fault.HTML, {"code": 404}),
    (Fault.HTML, {"code": 502}),
    (Fault.HTML, {"code": 503}),
    (Fault.RESET, {}),
    (Fault.REDIRECT, {}),
]
CALLS = {
    "reading first": {"method": "GET"},
    "writing": {"method": "POST"},
    "reading back": {"method": "GET", "after": 1},
}


@pytest.mark.parametrize("call", CALLS)
@pytest.mark.parametrize(("fault", "details"), PASSING)
def test_a_passing_failure_waits_with_backoff_and_succeeds_later(
    jotform: JotformStandIn, answer: ResultReturn, fault: Fault, details: Any, call: str
) -> None:
    jotform.misbehave(fault, **CALLS[call], **details)

    before = timezone.now()
    send(answer)

    assert answer.status == Status.WAITING
    assert answer.attempts == 1
    assert answer.last_error and API_KEY not in answer.last_error
    assert timedelta(seconds=19) < answer.next_try_at - before < timedelta(seconds=40)
    is_written = call == "reading back"
    assert bool(jotform.shown(SUBMISSION, "10")) == is_written
    asked = len(jotform.requests)
    assert send(answer).attempts == 1, "not before its time"
    assert len(jotform.requests) == asked

    when_its_time_has_come(answer)

    assert (answer.status, answer.attempts, answer.last_error) == (Status.SENT, 2, "")
    assert jotform.shown(SUBMISSION, "10").startswith(TEXT)
    assert len(jotform.edits()) == (2 if call == "writing" else 1)
    assert history(answer.case) == [What.ANSWER_QUEUED, What.ANSWER_SENT]


@pytest.mark.parametrize(
    ("fault", "code"), [(Fault.ENVELOPE, 400), (Fault.STATUS, 400), (Fault.STATUS, 404)]
)
def test_a_permanent_failure_is_given_up_at_once(
    jotform: JotformStandIn, answer: ResultReturn, fault: Fault, code: int
) -> None:
    jotform.misbehave(fault, method="POST", code=code, message=f"Bad parameter {API_KEY}")

    send(answer)

    assert answer.status == Status.GIVEN_UP
    assert str(code) in answer.last_error
    assert API_KEY not in answer.last_error
    assert history(answer.case) == [What.ANSWER_QUEUED, What.ANSWER_FAILED]
    outbox.send_due()
    assert when_its_time_has_come(answer).status == Status.GIVEN_UP
    assert len(jotform.edits()) == 1


def test_an_unreachable_jotform_is_waited_for(
    jotform: JotformStandIn, answer: ResultReturn, settings: Any
) -> None:
    settings.JOTFORM_API_BASE = "http://127.0.0.1:9"

    assert send(answer).status == Status.WAITING


def test_the_key_is_never_sent_on_by_a_redirect(
    jotform: JotformStandIn, answer: ResultReturn
) -> None:
    jotform.misbehave(Fault.REDIRECT)

    send(answer)

    assert [one.path for one in jotform.requests] == [f"/submission/{SUBMISSION}"]


@pytest.mark.parametrize("key", ["a-wrong-key", "a-wrong-key→", "a-wrong-key\nwith a line"])
def test_a_wrong_key_waits_and_is_not_shown(
    jotform: JotformStandIn,
    answer: ResultReturn,
    settings: Any,
    caplog: pytest.LogCaptureFixture,
    key: str,
) -> None:
    settings.JOTFORM_API_KEY = key

    send(answer)

    assert answer.status == Status.WAITING
    assert "wrong-key" not in answer.last_error + caplog.text


def test_backoff_grows_and_twelve_failures_are_the_end(
    jotform: JotformStandIn, answer: ResultReturn
) -> None:
    pauses = []
    for _ in range(returns.MAX_ATTEMPTS):
        jotform.misbehave(Fault.RESET)
        when_its_time_has_come(answer)
        pauses.append(answer.next_try_at - timezone.now())

    assert answer.attempts == returns.MAX_ATTEMPTS
    assert answer.status == Status.GIVEN_UP
    assert pauses[:10] == sorted(pauses[:10])
    assert timedelta(hours=5) < pauses[10] < timedelta(hours=7.6)
    assert sum(pauses[:11], timedelta()) > timedelta(hours=10)
    assert history(answer.case) == [What.ANSWER_QUEUED, What.ANSWER_FAILED]


def test_an_edit_whose_answer_was_lost_is_not_made_twice(
    jotform: JotformStandIn, answer: ResultReturn
) -> None:
    jotform.misbehave(Fault.RESET_AFTER_APPLYING, method="POST")

    assert send(answer).status == Status.WAITING
    assert when_its_time_has_come(answer).status == Status.SENT

    assert len(jotform.edits()) == 1
    assert jotform.shown(SUBMISSION, "10").startswith(TEXT)


def test_a_worker_that_dies_after_the_edit_makes_no_second_one(
    jotform: JotformStandIn, answer: ResultReturn, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Killed(BaseException):
        pass

    edit = JotformClient.edit_submission

    def edit_and_die(self: JotformClient, submission_id: str, fields: Any, **how: Any) -> None:
        edit(self, submission_id, fields, **how)
        raise Killed

    with monkeypatch.context() as patch:
        patch.setattr(JotformClient, "edit_submission", edit_and_die)
        with pytest.raises(Killed):
            send(answer)
    answer.refresh_from_db()
    assert (answer.status, answer.attempts) == (Status.WAITING, 1)
    OrmQ.objects.all().delete()

    assert send(answer).attempts == 1, "what the dead one wrote may still be on its way"
    assert outbox.send_due() == 0
    ResultReturn.objects.update(next_try_at=timezone.now())
    assert outbox.send_due() == 1, "found, although its task is gone"
    assert queued() == [answer.pk]
    send(answer)

    assert (answer.status, answer.attempts) == (Status.SENT, 2)
    assert len(jotform.edits()) == 1


def test_an_answer_that_kills_its_worker_each_time_is_given_up(
    jotform: JotformStandIn, answer: ResultReturn
) -> None:
    ResultReturn.objects.update(attempts=returns.MAX_ATTEMPTS)

    assert send(answer).status == Status.GIVEN_UP
    assert jotform.requests == []


def test_two_workers_at_once_make_one_edit(
    jotform: JotformStandIn, answer: ResultReturn, monkeypatch: pytest.MonkeyPatch
) -> None:
    edit = JotformClient.edit_submission

    def edit_slowly(self: JotformClient, submission_id: str, fields: Any, **how: Any) -> None:
        time.sleep(0.3)
        edit(self, submission_id, fields, **how)

    monkeypatch.setattr(JotformClient, "edit_submission", edit_slowly)

    def work() -> None:
        with closing(connection):
            start.wait()
            tasks.send_return(answer.pk)

    start = threading.Barrier(3)
    threads = [threading.Thread(target=work) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    answer.refresh_from_db()
    assert (answer.status, answer.attempts) == (Status.SENT, 1)
    assert len(jotform.edits()) == 1


def test_a_failing_run_does_not_undo_send_again(
    jotform: JotformStandIn, answer: ResultReturn, approver: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail_meanwhile(self: JotformClient, submission_id: str) -> dict[str, Any]:
        outbox.send_again(return_id=answer.pk, by=approver)
        raise JotformError("gone", permanent=True)

    with monkeypatch.context() as patch:
        patch.setattr(JotformClient, "read_submission", fail_meanwhile)
        send(answer)

    assert (answer.status, answer.attempts) == (Status.QUEUED, 0)
    assert send(answer).status == Status.SENT


def test_a_case_that_was_erased_is_no_longer_answered(
    jotform: JotformStandIn, answer: ResultReturn
) -> None:
    retention.erase(case_id=answer.case_id)

    assert send(answer).status == Status.GIVEN_UP
    assert answer.last_error
    assert jotform.requests == []


@pytest.mark.parametrize("permanent", [True, False], ids=["given up", "put off"])
def test_what_jotform_said_does_not_come_back_when_its_case_was_erased_meanwhile(
    jotform: JotformStandIn,
    answer: ResultReturn,
    monkeypatch: pytest.MonkeyPatch,
    permanent: bool,
) -> None:
    def erased_meanwhile(self: JotformClient, submission_id: str) -> dict[str, Any]:
        retention.erase(case_id=answer.case_id)
        raise JotformError("Paciente Fictício is no answer", permanent=permanent)

    monkeypatch.setattr(JotformClient, "read_submission", erased_meanwhile)
    send(answer)
    assert answer.status == (Status.GIVEN_UP if permanent else Status.WAITING)
    assert answer.last_error
    assert "Paciente" not in answer.last_error
    assert not StaffNotice.objects.filter(kind=StaffNotice.Kind.ANSWER_GIVEN_UP).exists()


def test_an_answer_that_is_gone_is_no_error(jotform: JotformStandIn) -> None:
    tasks.send_return(123456)
