"""How an answer and the edits of others go together. Real HTTP, real PostgreSQL."""

from collections.abc import Callable
from typing import Any

import pytest

from cases import review
from cases.models import Case
from integrations.jotform.standin import JotformStandIn
from integrations.models import JotformSubmission, ResultReturn
from integrations.tests.answering import (
    SUBMISSION,
    Status,
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
    known = JotformSubmission.objects.create(submission_id=SUBMISSION, version=version)

    assert send(answer).status == Status.SENT

    known.refresh_from_db()
    assert known.version == version != jotform.version(SUBMISSION)


def test_an_edit_that_was_not_taken_in_yet_is_taken_in_before_the_answer_goes_out(
    jotform: JotformStandIn, answer: ResultReturn
) -> None:
    known = JotformSubmission.objects.create(
        submission_id=SUBMISSION, version=jotform.version(SUBMISSION)
    )
    jotform.edit(SUBMISSION, uploads={"7": ["outra.png"]})

    assert send(answer).status == Status.WAITING

    assert jotform.edits() == []
    known.refresh_from_db()
    assert (known.asked, known.read) == (1, 0)
    JotformSubmission.objects.update(version=jotform.version(SUBMISSION), read=1)
    assert when_its_time_has_come(answer).status == Status.SENT


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
