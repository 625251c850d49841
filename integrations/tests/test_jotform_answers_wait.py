"""What an answer waits for, and what staff is told. Real HTTP, real PostgreSQL."""

from datetime import timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from django.utils import timezone

from cases import retention
from integrations.jotform.client import NotThere
from integrations.jotform.outgoing import outbox, returns
from integrations.jotform.simulation.standin import API_KEY, Fault, JotformStandIn
from integrations.models import ResultReturn, StaffNotice
from integrations.tests.answering import (
    SUBMISSION,
    Status,
    send,
    when_its_time_has_come,
)

pytestmark = pytest.mark.django_db(transaction=True)

CALLS = {
    "reading first": {"method": "GET"},
    "writing": {"method": "POST"},
    "reading back": {"method": "GET", "after": 1},
}


@pytest.mark.parametrize("call", CALLS)
@pytest.mark.parametrize("fault", [Fault.DAILY_LIMIT, Fault.DAILY_LIMIT_AT_200])
def test_after_the_daily_limit_it_waits_for_the_reset_and_no_attempt_is_used_up(
    jotform: JotformStandIn, answer: ResultReturn, fault: Fault, call: str
) -> None:
    jotform.misbehave(fault, **CALLS[call])

    send(answer)

    assert (answer.status, answer.attempts) == (Status.WAITING, 0)
    reset = answer.next_try_at.astimezone(ZoneInfo("America/New_York"))
    assert (reset.hour, reset.minute < 15) == (0, True)
    assert timedelta() < answer.next_try_at - timezone.now() < timedelta(hours=26)
    assert when_its_time_has_come(answer).status == Status.SENT


def test_a_limit_that_is_used_up_is_not_asked_again_and_again(
    jotform: JotformStandIn, answer: ResultReturn
) -> None:
    jotform.limit_left = 0

    send(answer)
    for _ in range(3):
        outbox.send_due()
        send(answer)

    assert len(jotform.requests) == 1
    jotform.limit_left = 1000
    assert when_its_time_has_come(answer).status == Status.SENT


def test_a_refused_key_waits_for_the_operator_and_staff_is_told(
    jotform: JotformStandIn, answer: ResultReturn, settings: Any, staff_is_told: None
) -> None:
    settings.JOTFORM_API_KEY = "another-key"

    for _ in range(returns.MAX_ATTEMPTS + 2):
        when_its_time_has_come(answer)

    assert (answer.status, answer.attempts) == (Status.WAITING, 0)
    assert answer.next_try_at > timezone.now() + timedelta(minutes=5)
    assert [one.kind for one in StaffNotice.objects.all()] == [StaffNotice.Kind.JOTFORM_REFUSES]
    settings.JOTFORM_API_KEY = API_KEY
    assert when_its_time_has_come(answer).status == Status.SENT


def test_a_submission_that_jotform_does_not_know_is_given_up_and_staff_is_told(
    jotform: JotformStandIn, answer: ResultReturn, staff_is_told: None
) -> None:
    jotform.forget(SUBMISSION)

    assert send(answer).status == Status.WAITING
    for _ in range(NotThere.PATIENCE - 1):
        when_its_time_has_come(answer)
    assert answer.status == Status.GIVEN_UP

    notice = StaffNotice.objects.get()
    assert (notice.kind, notice.case_id) == (StaffNotice.Kind.ANSWER_GIVEN_UP, answer.case_id)


def test_a_key_that_may_only_read_is_said_so_and_waited_for(
    jotform: JotformStandIn, answer: ResultReturn
) -> None:
    jotform.is_read_only = True

    send(answer)

    assert answer.status == Status.WAITING
    assert "Full Access" in answer.last_error
    jotform.is_read_only = False
    assert when_its_time_has_come(answer).status == Status.SENT


def test_an_edit_that_was_applied_in_part_is_not_sent(
    jotform: JotformStandIn, answer: ResultReturn, settings: Any
) -> None:
    settings.JOTFORM_FIELDS = {"answer": "10", "answer_line": "11"}
    jotform.misbehave(Fault.APPLIED_IN_PART, method="POST")

    assert send(answer).status == Status.WAITING
    assert when_its_time_has_come(answer).attempts == 1, "our own edit is looked at first"
    assert when_its_time_has_come(answer).status == Status.SENT
    assert jotform.shown(SUBMISSION, "11") == "Helix GM"


def test_an_edit_that_shows_late_is_made_once(
    jotform: JotformStandIn, answer: ResultReturn
) -> None:
    jotform.misbehave(Fault.SHOWN_LATE, method="POST", reads=1)

    assert send(answer).status == Status.WAITING
    assert when_its_time_has_come(answer).status == Status.SENT
    assert len(jotform.edits()) == 1


@pytest.mark.parametrize("transport", ["form", "multipart", "query"])
def test_percent_encoded_keys_that_get_lost_in_a_body_do_not_stop_the_answer(
    jotform: JotformStandIn, answer: ResultReturn, settings: Any, transport: str
) -> None:
    jotform.percent_encoded_keys_are_lost = True
    settings.JOTFORM_TRANSPORT = transport

    assert send(answer).status == Status.SENT


def test_an_erased_case_is_nothing_to_tell_staff_about(
    jotform: JotformStandIn, answer: ResultReturn, staff_is_told: None
) -> None:
    retention.erase(case_id=answer.case_id)

    send(answer)

    assert not StaffNotice.objects.exists()
