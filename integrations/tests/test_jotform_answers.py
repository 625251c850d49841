"""What the dentist gets to read, and that Jotform shows it. Real HTTP, real PostgreSQL."""

import html
from collections.abc import Callable
from typing import Any

import pytest

from cases import review
from cases.models import Case, CaseEvent, Finding, Result
from integrations.jotform.outgoing.identified import Confidence
from integrations.jotform.simulation.standin import API_KEY, JotformStandIn
from integrations.models import ResultReturn
from integrations.tests.answering import (
    SUBMISSION,
    TEXT,
    Status,
    approve,
    history,
    make_implant,
    queued,
    reopen,
    send,
    when_its_time_has_come,
)

pytestmark = pytest.mark.django_db(transaction=True)

What = CaseEvent.What


def proposed(case: Case) -> Any:
    return Result.objects.get(finding__case_image__case=case, rank=1).implant


def test_an_approved_case_is_answered_once_and_read_back(
    jotform: JotformStandIn, answer: ResultReturn, case: Case
) -> None:
    assert queued() == [answer.pk]
    assert answer.status == Status.QUEUED

    for _ in range(3):
        send(answer)

    assert answer.status == Status.SENT
    assert answer.sent_at is not None
    assert (answer.attempts, answer.last_error) == (1, "")
    assert jotform.shown(SUBMISSION, "10").startswith(TEXT)
    assert [one.method for one in jotform.requests] == ["GET", "POST", "GET"]
    assert history(case) == [What.ANSWER_QUEUED, What.ANSWER_SENT]


def test_the_edit_has_the_documented_wire_format(
    jotform: JotformStandIn, answer: ResultReturn
) -> None:
    send(answer)

    edit = jotform.edits()[0]
    assert edit.path == f"/submission/{SUBMISSION}"
    assert edit.headers["content-type"] == "application/x-www-form-urlencoded"
    assert edit.headers["apikey"] == API_KEY
    assert edit.form == {"submission[10]": jotform.shown(SUBMISSION, "10")}
    assert edit.query == {}


@pytest.mark.parametrize(
    "rewrite",
    [
        html.escape,
        lambda text: text.replace("\n", "\r\n"),
        lambda text: text.replace("\n", "<br />"),
        lambda text: f" {' '.join(text.split())}\n",
    ],
)
def test_what_a_field_does_to_a_text_is_not_taken_for_a_loss(
    jotform: JotformStandIn, case: Case, approver: Any, rewrite: Callable[[str], str]
) -> None:
    jotform.rewrite = rewrite
    review.reject(case_id=case.pk, reason='"Escura" & cortada.\nEnvie outra.', reviewer=approver)

    assert send(ResultReturn.objects.get(case=case)).status == Status.SENT


def test_a_shortened_answer_is_not_sent(jotform: JotformStandIn, answer: ResultReturn) -> None:
    jotform.rewrite = lambda text: text[:20]

    assert send(answer).status == Status.WAITING


def test_a_rejected_case_is_answered_with_the_reason(
    jotform: JotformStandIn, case: Case, approver: Any, settings: Any
) -> None:
    settings.JOTFORM_FIELDS = {"answer": "resultado", "answer_manufacturer": "fabricante"}
    review.reject(
        case_id=case.pk, reason="Imagem <cortada> & escura.\nEnvie outra.", reviewer=approver
    )

    answer = send(ResultReturn.objects.get(case=case))

    assert answer.status == Status.SENT
    assert jotform.shown(SUBMISSION, "10") == "Imagem <cortada> & escura.\nEnvie outra."
    assert jotform.shown(SUBMISSION, "11") == ""


def test_several_implants_and_separate_fields(
    jotform: JotformStandIn, case: Case, approver: Any, settings: Any
) -> None:
    settings.JOTFORM_FIELDS = {
        "answer": "10",
        "answer_manufacturer": "fabricante",
        "answer_similarity": "q12_situacao",
    }
    approve(case, approver, proposed(case), make_implant("Straumann", "BLX"))

    answer = send(ResultReturn.objects.get(case=case))

    assert answer.status == Status.SENT
    lines = jotform.shown(SUBMISSION, "10").split("\n")
    assert [line.partition(";")[0] for line in lines] == [
        TEXT,
        TEXT.replace("Neodent, Helix GM", "Straumann, BLX"),
    ]
    assert jotform.shown(SUBMISSION, "11") == "Neodent; Straumann"
    assert jotform.shown(SUBMISSION, "12") == "0,873; –"


def test_a_number_that_jotform_drops_in_silence_is_not_sent(
    jotform: JotformStandIn, answer: ResultReturn, settings: Any
) -> None:
    settings.JOTFORM_FIELDS = {"answer": "99"}

    send(answer)

    assert len(jotform.edits()) == 1
    assert answer.status == Status.WAITING
    assert answer.sent_at is None
    assert "99" in answer.last_error

    settings.JOTFORM_FIELDS = {"answer": "10"}
    assert when_its_time_has_come(answer).status == Status.SENT


def test_one_dropped_field_of_several_is_noticed(
    jotform: JotformStandIn, answer: ResultReturn, settings: Any
) -> None:
    settings.JOTFORM_FIELDS = {"answer": "10", "answer_line": "98"}

    send(answer)

    assert answer.status == Status.WAITING
    assert "98" in answer.last_error


def test_a_field_name_that_the_form_does_not_have_is_said_before_writing(
    jotform: JotformStandIn, answer: ResultReturn, settings: Any
) -> None:
    settings.JOTFORM_FIELDS = {"answer": "inexistente"}

    send(answer)

    assert answer.status == Status.WAITING
    assert "inexistente" in answer.last_error
    assert jotform.edits() == []


@pytest.mark.parametrize(
    ("rank", "encoder", "confidence", "similarity"),
    [
        (1, "ViT-B-32/openai@1", Confidence.HIGH, "0,873"),
        (2, "ViT-B-32/openai@1", Confidence.MEDIUM, "0,873"),
        (3, "ViT-B-32/openai@1", Confidence.MEDIUM, "0,873"),
        (4, "ViT-B-32/openai@1", Confidence.LOW, "0,873"),
        (1, "ViT-B-32/random@1", Confidence.REVIEWER, "–"),
        (None, "", Confidence.REVIEWER, "–"),
    ],
)
def test_the_confidence_says_how_person_and_comparison_agree(
    jotform: JotformStandIn,
    case: Case,
    approver: Any,
    settings: Any,
    rank: int | None,
    encoder: str,
    confidence: Confidence,
    similarity: str,
) -> None:
    settings.JOTFORM_FIELDS = {
        "answer": "10",
        "answer_confidence": "11",
        "answer_similarity": "12",
    }
    implant = proposed(case)
    Result.objects.update(rank=rank, encoder=encoder, similarity=0.8734 if rank else None)
    approve(case, approver, implant)

    assert send(ResultReturn.objects.get()).status == Status.SENT

    assert jotform.shown(SUBMISSION, "11") == str(confidence.label)
    assert jotform.shown(SUBMISSION, "12") == similarity
    assert jotform.shown(SUBMISSION, "10").endswith(str(confidence.label))
    if confidence != Confidence.HIGH:
        assert str(Confidence.HIGH.label) not in jotform.shown(SUBMISSION, "10")


def test_each_finding_has_its_line_and_its_tooth(
    jotform: JotformStandIn, case: Case, approver: Any
) -> None:
    Case.objects.update(tooth=11)
    first = Finding.objects.get()
    Finding.objects.update(tooth=36)
    second = Finding.objects.create(case_image=first.case_image, tooth=46)
    implant = proposed(case)
    Result.objects.create(finding=second, implant=implant, rank=2, similarity=0.5, encoder="test")
    choices = [review.Choice(implant.pk, one.pk) for one in (first, second)]
    review.approve(case_id=case.pk, choices=choices, reviewer=approver)

    send(ResultReturn.objects.get())

    lines = jotform.shown(SUBMISSION, "10").split("\n")
    assert [line[: len(TEXT) + 3] for line in lines] == [f"1. {TEXT}", f"2. {TEXT}"]
    assert " 36;" in lines[0] and " 46;" in lines[1]


def test_the_senders_tooth_belongs_to_the_only_implant(
    jotform: JotformStandIn, case: Case, approver: Any
) -> None:
    Case.objects.update(tooth=26)
    approve(case, approver)

    send(ResultReturn.objects.get())

    assert " 26;" in jotform.shown(SUBMISSION, "10")


@pytest.mark.parametrize("is_approved", [True, False])
def test_the_reviewers_note_reaches_the_dentist(
    jotform: JotformStandIn, case: Case, approver: Any, settings: Any, is_approved: bool
) -> None:
    settings.JOTFORM_FIELDS = {"answer": "10", "answer_note": "11"}
    note = 'Chave <1,2 mm> & "torque" 20 N.\nCom carinho, a equipe.'
    if is_approved:
        approve(case, approver, note=note)
    else:
        review.reject(case_id=case.pk, reason="Escura.", note=note, reviewer=approver)

    assert send(ResultReturn.objects.get()).status == Status.SENT

    beginning, end = jotform.shown(SUBMISSION, "10").split("\n", 1)
    assert beginning.startswith(TEXT if is_approved else "Escura.")
    assert end.endswith(note)
    assert jotform.shown(SUBMISSION, "11") == note


def test_what_an_earlier_answer_said_does_not_stay_beside_the_new_one(
    jotform: JotformStandIn, case: Case, approver: Any, settings: Any
) -> None:
    settings.JOTFORM_FIELDS = {"answer": "10", "answer_manufacturer": "11", "answer_note": "12"}
    approve(case, approver)
    send(ResultReturn.objects.get())
    assert jotform.shown(SUBMISSION, "11") == "Neodent"
    reopen(case)
    review.reject(case_id=case.pk, reason="Outra imagem.", reviewer=approver)
    newest = ResultReturn.objects.get(revision=2)
    assert send(newest).status == Status.WAITING, "our own edit is looked at first"

    assert when_its_time_has_come(newest).status == Status.SENT

    assert jotform.shown(SUBMISSION, "10") == "Outra imagem."
    assert jotform.shown(SUBMISSION, "11") == "–"
    assert jotform.shown(SUBMISSION, "12") == ""
