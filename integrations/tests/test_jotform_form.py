"""`manage.py jotform_form`: what it proposes for which questions, and how it fails."""

import io
import json
import os
from collections.abc import Iterator
from typing import Any

import pytest
from django.core.management import CommandError, call_command

from integrations.jotform.incoming.payload import parse_api
from integrations.jotform.mapping import Proposal, propose, read_questions
from integrations.jotform.simulation.standin import (
    API_KEY,
    Fault,
    JotformStandIn,
    SimulatedSubmission,
)

FORM = SimulatedSubmission.form_id


@pytest.fixture
def jotform(settings: Any) -> Iterator[JotformStandIn]:
    with JotformStandIn() as standin:
        settings.JOTFORM_API_BASE = standin.base
        settings.JOTFORM_API_KEY = API_KEY
        yield standin


def printed(form_id: str = FORM) -> str:
    out = io.StringIO()
    call_command("jotform_form", form_id, stdout=out)
    return out.getvalue()


def proposed(*questions: tuple[str, ...]) -> Proposal:
    """Of questions as (qid, unique name, type[, label[, required]])."""
    content = {
        qid: {
            "qid": qid,
            "name": name,
            "type": f"control_{kind}",
            "text": rest[0] if rest else name,
            "order": str(order),
            "required": rest[1] if len(rest) > 1 else "No",
        }
        for order, (qid, name, kind, *rest) in enumerate(questions, 1)
    }
    return propose(read_questions(content))


def test_the_lines_to_paste_are_printed_with_the_questions(jotform: JotformStandIn) -> None:
    output = printed()

    lines = dict(line.split("=", 1) for line in output.splitlines() if "=" in line)
    assert lines["JOTFORM_FORM_IDS"] == FORM
    assert json.loads(lines["JOTFORM_FIELDS"]) == {
        "dentist_name": "3",
        "dentist_email": "4",
        "patient_name": "5",
        "tooth": "6",
        "files": "7",
        "answer": "10",
        "answer_manufacturer": "11",
        "answer_status": "12",
    }
    assert "consent: no question was found." in output
    assert "Raiox writes into 12, 11, 10" in output
    header, first = output.splitlines()[:2]
    assert header.split() == ["order", "qid", "unique", "name", "type", "label"]
    assert first.split() == ["1", "3", "nomeDoDentista", "control_fullname", "nomeDoDentista"]


def test_the_line_printed_is_one_that_the_settings_read(
    jotform: JotformStandIn, tmp_path: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    import environ

    from integrations.jotform.roles import JOTFORM_ROLES
    from raiox_site.environment import Environment

    for name in ("JOTFORM_FIELDS", "JOTFORM_FORM_IDS"):
        monkeypatch.setenv(name, "")
        monkeypatch.delenv(name)
    (tmp_path / ".env").write_text(printed())
    environ.Env.read_env(str(tmp_path / ".env"))

    fields = Environment(os.environ).json_object("JOTFORM_FIELDS", known=JOTFORM_ROLES)
    assert fields["files"] == "7"


def test_a_submission_is_understood_with_the_mapping_of_an_english_form() -> None:
    mapping = proposed(
        ("1", "heading", "head"),
        ("3", "name", "fullname", "Dentist's name"),
        ("4", "contact", "email", "Where shall we write?"),
        ("5", "name5", "fullname", "Patient"),
        ("6", "typeA6", "dropdown", "<b>Tooth</b> (FDI)"),
        ("7", "fileUpload7", "fileupload", "X-ray"),
        ("8", "typeA8", "checkbox", "I consent to the use of the image"),
        ("9", "typeA9", "textarea", "Result"),
        ("2", "submit2", "button", "Submit result"),
    ).fields

    assert mapping == {
        "dentist_name": "3",
        "dentist_email": "4",
        "patient_name": "5",
        "tooth": "6",
        "files": "7",
        "consent": "8",
        "answer": "9",
    }
    answers = {
        "3": {"name": "name", "answer": {"first": "Dra.", "last": "Exemplo"}},
        "6": {"name": "typeA6", "answer": "26"},
        "8": {"name": "typeA8", "answer": ["I consent"]},
    }
    submission = parse_api({"id": "1", "answers": answers}, field_map=mapping)
    assert (submission.dentist_name, submission.tooth) == ("Dra. Exemplo", 26)
    assert submission.consent


@pytest.mark.parametrize(
    ("questions", "role", "expected"),
    [
        ([("3", "resposta", "textarea")], "answer", "3"),
        ([("3", "resposta", "textbox"), ("4", "resposta4", "textarea")], "answer", "4"),
        ([("3", "laudo", "textarea"), ("4", "resultado", "textbox")], "answer", "4"),
        ([("3", "resultado", "textarea", "Resultado", "Yes")], "answer", None),
        ([("3", "resultado", "dropdown")], "answer", None),
        ([("3", "observacoes", "textarea", "Observações")], "answer_note", None),
        ([("3", "notaDoRevisor", "textarea")], "answer_note", "3"),
        ([("3", "diametro", "textbox", "Diâmetro")], "answer_diameter", "3"),
        ([("3", "termo", "checkbox"), ("4", "consentimento", "radio")], "consent", "4"),
        ([("3", "termo", "textarea")], "consent", None),
        ([("3", "assinatura", "signature", "Aceito os termos")], "consent", "3"),
        ([("3", "a", "fileupload", "Documento")], "files", "3"),
        ([("3", "a", "fileupload", "Documento"), ("4", "b", "fileupload", "Raio-X")], "files", "4"),
        ([("3", "radiografia", "textbox")], "files", None),
        ([("3", "emailDoPaciente", "email")], "dentist_email", None),
        ([("3", "telefoneDoDentista", "phone")], "dentist_name", None),
    ],
)
def test_each_role_goes_to_the_question_that_fits_it(
    questions: list[tuple[str, ...]], role: str, expected: str | None
) -> None:
    proposal = proposed(*questions)

    assert proposal.fields.get(role) == expected
    assert (role in proposal.missing) == (expected is None)


def test_two_questions_that_fit_are_named(jotform: JotformStandIn) -> None:
    jotform.store.questions["20"] = ("dente20", "control_textbox")
    jotform.store.questions["21"] = ("radiografiaAnterior", "control_fileupload")

    output = printed()

    assert "tooth: 6 (dente) is taken, but 20 (dente20) fits too." in output
    assert "files: 7 is taken, and so is 21 (radiografiaAnterior)" in output
    assert '"files":"7,21"' in output


def test_odd_questions_do_not_stop_it() -> None:
    odd = {"1": {}, "x": {"order": "²", "text": None, "type": 5, "name": ["a"]}}

    assert propose(read_questions(odd)).fields == {}


def test_without_a_key_nothing_is_asked(jotform: JotformStandIn, settings: Any) -> None:
    settings.JOTFORM_API_KEY = " "

    with pytest.raises(CommandError, match="JOTFORM_API_KEY is not set"):
        printed()
    assert jotform.requests == []


def test_a_wrong_key_is_told_from_an_unknown_form(jotform: JotformStandIn, settings: Any) -> None:
    with pytest.raises(CommandError, match="unknown to this API key"):
        printed("999")
    settings.JOTFORM_API_KEY = "wrong"
    with pytest.raises(CommandError, match="refuses the API key") as refused:
        printed()
    assert "wrong" not in str(refused.value)


def test_a_form_number_that_is_none_is_refused(jotform: JotformStandIn) -> None:
    with pytest.raises(CommandError):
        printed("../user")
    assert jotform.requests == []


@pytest.mark.parametrize("fault", [Fault.HTML, Fault.BROKEN_JSON, Fault.RESET, Fault.ENVELOPE])
def test_an_api_that_fails_is_reported(jotform: JotformStandIn, fault: Fault) -> None:
    jotform.misbehave(fault, times=5)

    with pytest.raises(CommandError, match="Jotform"):
        printed()


def test_a_form_without_questions_is_reported(jotform: JotformStandIn) -> None:
    jotform.store.questions.clear()

    with pytest.raises(CommandError, match="no questions"):
        printed()
