"""How an answer and the edits of others go together. Real HTTP, real PostgreSQL."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.db.models import F
from django.utils import timezone

from cases import retention, review
from cases.models import Case
from integrations.jotform.client import JotformClient
from integrations.jotform.incoming import readings
from integrations.jotform.simulation.standin import JotformStandIn
from integrations.models import JotformSubmission, ResultReturn
from integrations.tests.answering import (
    SUBMISSION,
    Status,
    reopen,
    send,
    take_in_edits,
    when_its_time_has_come,
)

pytestmark = pytest.mark.django_db(transaction=True)


def test_the_submission_is_marked_where_that_is_wished(
    jotform: JotformStandIn, answer: ResultReturn, settings: Any
) -> None:
    settings.JOTFORM_SET_FLAG, settings.JOTFORM_SET_NEW = "1", "0"

    send(answer)

    assert (jotform.mark(SUBMISSION, "flag"), jotform.mark(SUBMISSION, "new")) == ("1", "0")


def test_without_a_wish_the_marks_stay(jotform: JotformStandIn, answer: ResultReturn) -> None:
    send(answer)

    assert (jotform.mark(SUBMISSION, "flag"), jotform.mark(SUBMISSION, "new")) == ("0", "1")


@pytest.mark.parametrize("transport", ["form", "multipart", "query"])
def test_every_transport_brings_the_same_text(
    jotform: JotformStandIn, case: Case, approver: Any, settings: Any, transport: str
) -> None:
    settings.JOTFORM_TRANSPORT = transport
    reason = "Ação [1] & 100 % “certa”?\nLinha=2+2 😀"
    review.reject(case_id=case.pk, reason=reason, reviewer=approver)

    assert send(ResultReturn.objects.get()).status == Status.SENT
    assert jotform.shown(SUBMISSION, "10") == reason


@pytest.mark.parametrize("shape", [lambda text: [text], lambda text: {"full": text}])
def test_an_answer_shown_as_list_or_in_parts_is_shown(
    jotform: JotformStandIn, answer: ResultReturn, shape: Callable[[str], Any]
) -> None:
    jotform.rewrite = shape

    assert send(answer).status == Status.SENT


def test_our_own_edit_is_not_taken_for_the_last_word(
    jotform: JotformStandIn, answer: ResultReturn
) -> None:
    """The sender may have replaced a film in the same moment, which only a reading would tell."""
    version = jotform.version(SUBMISSION)

    assert send(answer).status == Status.SENT

    assert JotformSubmission.objects.get().version == version != jotform.version(SUBMISSION)


def test_an_edit_that_was_not_taken_in_yet_is_taken_in_before_the_answer_goes_out(
    jotform: JotformStandIn, answer: ResultReturn
) -> None:
    jotform.edit(SUBMISSION, answers={"3": {"first": "Dra.", "last": "Outra"}})

    assert send(answer).status == Status.WAITING

    assert jotform.edits() == []
    assert answer.attempts == 0, "to wait for the reading is no failure"
    assert when_its_time_has_come(answer).status == Status.SENT


def test_an_edit_of_the_films_takes_the_answer_back_before_it_goes_out(
    jotform: JotformStandIn, answer: ResultReturn, case: Case
) -> None:
    jotform.edit(SUBMISSION, uploads={"7": ["outra.png"]})

    send(answer)
    assert when_its_time_has_come(answer).status == Status.WITHDRAWN

    case.refresh_from_db()
    assert (case.status, jotform.edits()) == (Case.Status.RECEIVED, [])


@pytest.mark.parametrize("taken_back", ["reopened", "erased"])
def test_a_decision_taken_back_while_jotform_is_asked_does_not_go_out(
    jotform: JotformStandIn, answer: ResultReturn, case: Case, taken_back: str
) -> None:
    read_submission = JotformClient.read_submission

    def slowly(self: Any, submission_id: str) -> dict[str, Any]:
        content = read_submission(self, submission_id)
        if taken_back == "reopened":
            reopen(case)
        else:
            retention.erase(case_id=case.pk)
        return content

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(JotformClient, "read_submission", slowly)
        assert send(answer).status == Status.WITHDRAWN
    assert jotform.edits() == []


def test_a_submission_that_was_never_read_is_read_before_its_answer_goes_out(
    jotform: JotformStandIn, answer: ResultReturn
) -> None:
    """Its case was taken in without a key, which tells nothing of later edits."""
    JotformSubmission.objects.all().delete()
    assert send(answer).status == Status.WAITING
    assert when_its_time_has_come(answer).status == Status.SENT


def test_a_reading_that_fails_is_what_the_answer_says_it_waits_for(
    jotform: JotformStandIn, answer: ResultReturn, settings: Any
) -> None:
    settings.JOTFORM_FORM_IDS = ["999"]
    jotform.edit(SUBMISSION, answers={"6": "37"})
    send(answer)
    when_its_time_has_come(answer)
    assert (answer.status, answer.attempts) == (Status.WAITING, 1)
    assert "formulário" in answer.last_error


@pytest.mark.parametrize("reference", ["10", "resultado", "q10_resultado"])
def test_two_texts_for_one_field_are_refused(
    jotform: JotformStandIn, answer: ResultReturn, settings: Any, reference: str
) -> None:
    settings.JOTFORM_FIELDS = {"answer": "10", "answer_note": reference}
    assert send(answer).status == Status.WAITING
    assert "10" in answer.last_error
    assert jotform.edits() == []


def test_a_deleted_submission_gets_no_answer(jotform: JotformStandIn, answer: ResultReturn) -> None:
    jotform.delete(SUBMISSION)

    assert send(answer).status == Status.GIVEN_UP
    assert jotform.edits() == []


def test_a_submission_of_another_form_gets_no_answer(
    jotform: JotformStandIn, answer: ResultReturn
) -> None:
    Case.objects.update(form_id="250000000000002")

    assert send(answer).status == Status.GIVEN_UP
    assert jotform.edits() == []


def test_a_tooth_corrected_while_the_answer_is_being_written_is_in_it_in_the_end(
    jotform: JotformStandIn, answer: ResultReturn
) -> None:
    edit_submission = JotformClient.edit_submission

    def overtaken(self: Any, *args: Any, **options: Any) -> None:
        edit_submission(self, *args, **options)
        if jotform.shown(SUBMISSION, "6") == "26":
            jotform.edit(SUBMISSION, answers={"6": "37"})
            readings.ask(submission_id=SUBMISSION)
            take_in_edits()

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(JotformClient, "edit_submission", overtaken)
        assert send(answer).status == Status.QUEUED
    for _ in range(2):
        when_its_time_has_come(answer)
    assert answer.status == Status.SENT
    assert "37" in jotform.shown(SUBMISSION, "10")


def test_a_reading_that_waits_out_an_outage_is_not_waited_for_once_jotform_answers(
    jotform: JotformStandIn, answer: ResultReturn
) -> None:
    jotform.edit(SUBMISSION, answers={"6": "37"})
    later = timezone.now() + timedelta(hours=6)
    JotformSubmission.objects.update(asked=1, attempts=9, next_try_at=later)
    send(answer)
    assert JotformSubmission.objects.get().next_try_at < later
    assert when_its_time_has_come(answer).status == Status.SENT


def test_a_submission_that_is_another_one_whenever_it_is_read_is_given_up_in_the_end(
    jotform: JotformStandIn, answer: ResultReturn
) -> None:
    ResultReturn.objects.update(created_at=timezone.now() - timedelta(hours=25))
    for number in range(20):
        jotform.edit(SUBMISSION, answers={"3": {"first": "Dra.", "last": f"Outra {number}"}})
        JotformSubmission.objects.update(read=F("asked"))
        send(answer)
        ResultReturn.objects.update(next_try_at=timezone.now())
    answer.refresh_from_db()
    assert answer.status == Status.GIVEN_UP
