"""A submission read from the API says what its webhook said: a difference is an edit."""

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest

from integrations.jotform.client import JotformClient
from integrations.jotform.incoming.form import Submission
from integrations.jotform.incoming.payload import parse, parse_api
from integrations.jotform.simulation.shapes import SECOND_UPLOAD, SHAPES, SIGNATURE
from integrations.jotform.simulation.simulator import (
    UPLOAD_QUESTION,
    SimulatedSubmission,
    php_json,
    webhook_fields,
)
from integrations.jotform.simulation.standin import API_KEY, JotformStandIn

FORM = SimulatedSubmission.form_id
SUBMISSION = "6312345678901234567"
UPLOADS = f"https://www.jotform.com/uploads/clinica_exemplo/{FORM}/{SUBMISSION}"
PLAIN = SimulatedSubmission(submission_id=SUBMISSION)
MAPPING = {
    "dentist_name": "3",
    "dentist_email": "email",
    "patient_name": "q5_nomeDoPaciente",
    "tooth": "6",
    "consent": "10",
    "files": "7",
}


def said(submission: Submission) -> dict[str, object]:
    """What of a submission is compared to find edits."""
    return {
        "submission_id": submission.submission_id,
        "form_id": submission.form_id,
        "people": (submission.dentist_name, submission.dentist_email, submission.patient_name),
        "tooth": submission.tooth,
        "consent": submission.consent,
        "file_urls": submission.file_urls,
        "problem": submission.problem,
    }


def shown(submission: SimulatedSubmission, **changes: Any) -> dict[str, Any]:
    """The submission as the API shows it: by number, without answers that were not given,
    with the address of a signature."""
    answers: dict[str, Any] = {
        "1": {"name": "heading", "text": "Heading", "type": "control_head", "order": "1"},
        "2": {"name": "enviar", "text": "Enviar", "type": "control_button", "order": "99"},
    }
    for key, value in submission.answers.items():
        qid, name = key[1:].split("_", 1)
        answers[qid] = {"name": name, "type": _kind(value), "text": name, "order": qid}
        if isinstance(value, str) and value.startswith("data:"):
            url = submission.upload_path(f"{submission.submission_id}_signature_{qid}.png")
            answers[qid]["answer"] = submission.upload_base + url
        elif value and (not isinstance(value, dict) or any(value.values())):
            answers[qid]["answer"] = value
    for key in submission.uploads:
        qid, name = key[1:].split("_", 1)
        answers[qid] = {"name": name, "type": "control_fileupload", "text": name, "order": qid}
        answers[qid]["answer"] = submission.upload_urls(key)
    return {
        "id": submission.submission_id,
        "form_id": submission.form_id,
        "created_at": "2026-11-21 10:00:00",
        "updated_at": None,
        "status": "ACTIVE",
        "answers": answers,
        **changes,
    }


def _kind(value: object) -> str:
    if isinstance(value, dict):
        return "control_fullname"
    if isinstance(value, list):
        return "control_checkbox"
    is_signature = str(value).startswith("data:")
    return "control_signature" if is_signature else "control_textbox"


def from_webhook(submission: SimulatedSubmission, field_map: dict[str, str]) -> Submission:
    return parse(dict(webhook_fields(submission)), field_map=field_map)


def one_answer(
    name: str, answer: Any, kind: str = "control_textbox", **field_map: str
) -> Submission:
    content = {"9": {"name": name, "type": kind, "answer": answer}}
    return parse_api({"id": SUBMISSION, "form_id": FORM, "answers": content}, field_map=field_map)


def test_a_submission_shown_by_the_api_is_understood() -> None:
    submission = parse_api(shown(PLAIN), field_map={})

    assert submission.submission_id == SUBMISSION
    assert submission.form_id == FORM
    assert submission.dentist_name == "Dra. Exemplo"
    assert submission.dentist_email == "dentista@example.com"
    assert submission.patient_name == "Paciente Fictício"
    assert submission.tooth == 26
    assert not submission.consent
    assert submission.file_urls == (f"{UPLOADS}/radiografia.png",)
    assert submission.submitted_ms is None
    assert (submission.is_preview, submission.problem) == (False, "")


@pytest.mark.parametrize("field_map", [{}, MAPPING], ids=["guessed", "mapped"])
@pytest.mark.parametrize("name", SHAPES)
def test_webhook_and_api_say_the_same_of_every_shape(name: str, field_map: dict[str, str]) -> None:
    submission = SHAPES[name].change(PLAIN)

    told = said(from_webhook(submission, field_map))
    assert said(parse_api(shown(submission), field_map=field_map)) == told


@pytest.fixture
def jotform() -> Iterator[JotformStandIn]:
    with JotformStandIn() as standin:
        yield standin


@pytest.mark.parametrize("name", SHAPES)
def test_webhook_and_stand_in_say_the_same_of_every_shape(
    jotform: JotformStandIn, name: str
) -> None:
    submission = SHAPES[name].change(replace(PLAIN, upload_base=jotform.base))
    jotform.add(submission)
    content = JotformClient(jotform.base, API_KEY).read_submission(SUBMISSION)

    assert said(parse_api(content, field_map={})) == said(from_webhook(submission, {}))


@pytest.mark.parametrize(
    ("told", "listed"),
    [
        ("D&#039;Exemplo &amp; Filhos", "D'Exemplo & Filhos"),
        ("D'Exemplo &amp; Filhos", "D'Exemplo &amp; Filhos"),
        ("  Dra.\r\n Exemplo ", "Dra. Exemplo"),
        ("Dra.\x00 Exemplo", "Dra. Exemplo"),
        ({"first": "Ana", "last": "Exemplo"}, {"last": "Exemplo", "first": "Ana"}),
        ({"prefix": "", "first": "Ana", "last": ""}, {"first": "Ana"}),
        ({"first": "", "last": ""}, None),
    ],
)
def test_a_name_written_in_two_ways_is_the_same(told: object, listed: object) -> None:
    fields = {"rawRequest": php_json({"q9_nomeDoDentista": told})}

    assert (
        parse(fields, field_map={}).dentist_name
        == one_answer("nomeDoDentista", listed).dentist_name
    )


@pytest.mark.parametrize(
    ("told", "listed", "expected"),
    [
        ("26", "26", 26),
        ("2.6", "26", 26),
        (["26"], {"0": "26"}, 26),
        ({"other": "26"}, {"other": "26"}, 26),
        (["26", "27"], {"0": "26", "1": "27"}, None),
    ],
)
def test_a_tooth_written_in_two_ways_is_the_same(
    told: object, listed: object, expected: int | None
) -> None:
    fields = {"rawRequest": php_json({"q9_dente": told})}

    assert parse(fields, field_map={}).tooth == one_answer("dente", listed).tooth == expected


@pytest.mark.parametrize(
    ("told", "listed"),
    [
        ("raio%20x.png", "raio%20x.png"),
        ("raio%20x.png", "raio x.png"),
        ("%C3%A7.png", "ç.png"),
        ("50%25%20a%26b.png", "50%25%20a%26b.png"),
        ("a&amp;b.png", "a&b.png"),
        ("a&copy=1.png", "a&copy=1.png"),
    ],
)
def test_the_address_of_a_file_is_the_same_byte_by_byte(told: str, listed: str) -> None:
    raw = {"temp_upload": {"q9_x": ["a#b#c"]}, "x": [f"{UPLOADS}/{told}"]}
    fields = {"rawRequest": php_json(raw), "submissionID": SUBMISSION, "formID": FORM}

    (url,) = parse(fields, field_map={}).file_urls

    found = one_answer("x", [f" {UPLOADS}/{listed}"], "control_fileupload").file_urls
    assert found == (url,)
    assert url.isascii()
    assert " " not in url


def test_the_order_of_the_questions_makes_no_difference() -> None:
    submission = SHAPES["several-uploads"].change(PLAIN)
    turned = replace(
        submission,
        answers=dict(reversed(submission.answers.items())),
        uploads=dict(reversed(submission.uploads.items())),
    )

    assert said(from_webhook(turned, {})) == said(from_webhook(submission, {}))
    assert [url.rpartition("/")[2] for url in from_webhook(turned, {}).file_urls] == [
        "radiografia.png",
        "antes%20radiografia.png",
    ]


def test_an_empty_upload_field_says_nothing_of_the_others() -> None:
    only_old = replace(PLAIN, uploads={UPLOAD_QUESTION: [], "q8_documento": ["a.png"]})

    told = from_webhook(only_old, {}).file_urls
    assert told == parse_api(shown(only_old), field_map={}).file_urls == (f"{UPLOADS}/a.png",)


@pytest.mark.parametrize(
    ("mapped", "expected"),
    [("7", 1), ("radiografia", 1), (SECOND_UPLOAD, 1), ("7,8", 2), ("7, 9", 2), ("99", 0)],
)
def test_mapped_upload_fields_are_the_same(mapped: str, expected: int) -> None:
    submission = SHAPES["several-uploads"].change(PLAIN)
    told = from_webhook(submission, {"files": mapped}).file_urls

    assert told == parse_api(shown(submission), field_map={"files": mapped}).file_urls
    assert len(told) == expected


@pytest.mark.parametrize(
    ("name", "kind", "answer", "field_map", "expected"),
    [
        ("x", "control_fileupload", [f"{UPLOADS}/a.png"], {}, 1),
        ("x", "control_fileupload", f"{UPLOADS}/a.png", {}, 1),
        ("x", "control_fileupload", [], {}, 0),
        ("radiografia", "control_textbox", f"{UPLOADS}/a.png", {}, 0),
        ("radiografia", "control_checkbox", [f"{UPLOADS}/a.png"], {}, 0),
        ("x", "control_signature", f"{UPLOADS}/a.png", {}, 0),
        ("x", "control_widget", f"{UPLOADS}/a.png", {"files": "9"}, 1),
        ("x", "", [f"{UPLOADS}/a.png"], {}, 1),
        ("radiografia", "", f"{UPLOADS}/a.png", {}, 1),
        ("x", "", f"{UPLOADS}/a.png", {}, 0),
        ("x", "control_fileupload", ["https://www.jotform.com/uploads/u/1/2/a.png"], {}, 0),
        ("x", "control_fileupload", ["https://example.com/a.png"], {"files": "x"}, 0),
    ],
)
def test_files_come_from_upload_questions_only(
    name: str, kind: str, answer: object, field_map: dict[str, str], expected: int
) -> None:
    assert len(one_answer(name, answer, kind, **field_map).file_urls) == expected


def test_a_signature_is_consent_and_no_name_in_both() -> None:
    signed = replace(PLAIN, answers={"q9_assinaturaDoDentista": SIGNATURE})

    for field_map in ({}, {"consent": "9"}):
        told, listed = (
            from_webhook(signed, field_map),
            parse_api(shown(signed), field_map=field_map),
        )
        assert (told.dentist_name, listed.dentist_name) == ("", "")
        # Without a mapping nothing says that this signature is a consent.
        assert told.consent is listed.consent is (True if field_map else None)


@pytest.mark.parametrize("answers", [[], {}])
def test_no_answers_at_all_is_a_submission(answers: object) -> None:
    submission = parse_api({"id": SUBMISSION, "answers": answers}, field_map={})

    assert (submission.submission_id, submission.problem, submission.answers) == (
        SUBMISSION,
        "",
        {},
    )


@pytest.mark.parametrize(
    "content", [{}, {"answers": None}, {"answers": "x"}, {"answers": 5}, {"answers": ["x"]}]
)
def test_answers_that_cannot_be_read_are_a_problem(content: dict[str, object]) -> None:
    assert parse_api(content, field_map={}).problem


@pytest.mark.parametrize(
    "odd", [None, 5, True, [], "x", {"name": []}, {"type": {}}, {"answer": {"a": {"b": []}}}]
)
def test_odd_entries_do_no_harm(odd: object) -> None:
    content = {"id": 6312345678901234567, "form_id": 25, "answers": {"9": odd, "": odd, "x": odd}}

    submission = parse_api(content, field_map=MAPPING)

    assert (submission.submission_id, submission.form_id) == (SUBMISSION, "25")
    assert (submission.file_urls, submission.consent) == ((), False)
