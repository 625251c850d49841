"""How an answer and the edits of others go together. Real HTTP, real PostgreSQL."""

from collections.abc import Callable
from typing import Any

import pytest

from cases import retention, review
from cases.models import Case
from integrations.jotform.client import JotformClient
from integrations.jotform.simulation.standin import JotformStandIn
from integrations.models import JotformSubmission, ResultReturn
from integrations.tests.answering import (
    SUBMISSION,
    Status,
    reopen,
    send,
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
