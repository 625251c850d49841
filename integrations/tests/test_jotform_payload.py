"""What is understood of a delivery, however it is shaped. jotform.md's observations, one by one."""

import html
import json
from dataclasses import replace
from typing import Any

import pytest

from integrations.jotform.incoming import payload
from integrations.jotform.incoming.payload import parse, parse_json, parse_tooth, redact
from integrations.jotform.simulation.simulator import (
    SimulatedSubmission,
    encode_multipart,
    php_json,
    raw_request,
    webhook_fields,
)

FORM = "250000000000001"
SUBMISSION = "6312345678901234567"
UPLOADS = f"https://www.jotform.com/uploads/clinica_exemplo/{FORM}/{SUBMISSION}"


def fields(raw: object = None, **changes: str) -> dict[str, str]:
    """The 23 fields of one delivery, with another rawRequest where one is given."""
    made = dict(webhook_fields(SimulatedSubmission(submission_id=SUBMISSION)))
    if raw is not None:
        made["rawRequest"] = raw if isinstance(raw, str) else php_json(raw)
    return {**made, **changes}


def raw(**changes: Any) -> dict[str, Any]:
    return {**raw_request(SimulatedSubmission(submission_id=SUBMISSION)), **changes}


def understood(raw_request: object = None, field_map: dict[str, str] | None = None) -> Any:
    return parse(fields(raw_request), field_map=field_map or {})


def test_a_delivery_as_jotform_sends_it_is_understood_without_any_mapping() -> None:
    submission = understood()

    assert submission.submission_id == SUBMISSION
    assert submission.form_id == FORM
    assert submission.dentist_name == "Dra. Exemplo"
    assert submission.dentist_email == "dentista@example.com"
    assert submission.patient_name == "Paciente Fictício"
    assert submission.tooth == 26
    assert submission.file_urls == (f"{UPLOADS}/radiografia.png",)
    assert submission.answers["6"] == "26"
    assert not submission.is_preview
    assert submission.problem == ""


def test_all_23_fields_are_sent_in_wire_order_and_read_by_django() -> None:
    from django.test import RequestFactory

    sent = webhook_fields(SimulatedSubmission(submission_id=SUBMISSION))
    body, content_type = encode_multipart(sent)
    request = RequestFactory().generic("POST", "/jotform", body, content_type)

    assert list(request.POST.items()) == sent
    assert len(sent) == 23
    assert not request.FILES
    assert content_type.startswith("multipart/form-data; boundary=" + "-" * 24)


@pytest.mark.parametrize("missing", [name for name, _ in webhook_fields(SimulatedSubmission("1"))])
def test_every_field_may_be_missing(missing: str) -> None:
    incomplete = fields()
    del incomplete[missing]

    submission = parse(incomplete, field_map={})

    assert bool(submission.problem) == (missing == "rawRequest")
    assert (submission.submission_id == "") == (missing == "submissionID")
    assert submission.form_id == FORM


def test_nothing_at_all_is_a_submission_with_a_problem() -> None:
    submission = parse({}, field_map={})

    assert (submission.submission_id, submission.form_id, submission.file_urls) == ("", "", ())
    assert submission.problem


def test_unknown_fields_and_keys_are_ignored() -> None:
    submission = parse(fields(raw(futureKey={"a": [1]}), futureField="x"), field_map={})

    assert submission.file_urls == (f"{UPLOADS}/radiografia.png",)
    assert "futureKey" not in submission.answers


@pytest.mark.parametrize(
    "text",
    [
        "",
        "not JSON",
        "[]",
        '"text"',
        "null",
        "42",
        '{"q3_nome": "cut off',
        "[" * 100_000,
        '{"a":' * 100_000,
    ],
)
def test_an_unreadable_raw_request_is_a_problem_and_the_rest_is_kept(text: str) -> None:
    submission = parse(fields(text, nome="Dra. Exemplo", dente="26"), field_map={})

    assert submission.problem
    assert submission.submission_id == SUBMISSION
    assert submission.form_id == FORM
    assert submission.dentist_name == "Dra. Exemplo"
    assert submission.tooth == 26


def test_plain_fields_beside_a_file_say_who_asks() -> None:
    plain = {"nome": "Dra. Exemplo", "email": "a@example.com", "paciente": "P. F.", "dente": "4.6"}

    submission = parse(plain, field_map={})

    assert submission.dentist_name == "Dra. Exemplo"
    assert submission.dentist_email == "a@example.com"
    assert submission.patient_name == "P. F."
    assert submission.tooth == 46


def test_answers_of_the_form_go_before_plain_fields() -> None:
    submission = parse(fields(nome="Outra", dente="11"), field_map={})

    assert (submission.dentist_name, submission.tooth) == ("Dra. Exemplo", 26)


def test_question_keys_may_hold_any_character() -> None:
    submission = understood(raw(**{"q51_selectSession-2": "a", "q52_nome do campo ç": "b"}))

    assert submission.answers["51"] == "a"
    assert submission.answers["52"] == "b"


def test_mapped_fields_are_found_by_number_and_by_unique_name() -> None:
    made = {"q8_a": "Dra. Exemplo", "q9_b": "x@example.com", "q12_c": "Paciente", "q13_d": "11"}

    submission = parse(
        fields(made),
        field_map={
            "dentist_name": "8",
            "dentist_email": "b",
            "patient_name": "q12_c",
            "tooth": "d",
        },
    )

    assert submission.dentist_name == "Dra. Exemplo"
    assert submission.dentist_email == "x@example.com"
    assert submission.patient_name == "Paciente"
    assert submission.tooth == 11


def test_a_mapping_that_was_read_as_numbers_works() -> None:
    assert understood({"q8_a": "26"}, {"tooth": 8}).tooth == 26  # type: ignore[dict-item]


def test_a_mapped_field_is_not_replaced_by_a_guess() -> None:
    submission = understood(None, {"patient_name": "99"})

    assert submission.patient_name == ""


@pytest.mark.parametrize(
    ("name", "role"),
    [
        ("nome", "dentist_name"),
        ("name", "dentist_name"),
        ("fullName3", "dentist_name"),
        ("dentista", "dentist_name"),
        ("nomeDoDentista", "dentist_name"),
        ("nomeCompleto", "dentist_name"),
        ("paciente", "patient_name"),
        ("nomeDoPaciente", "patient_name"),
        ("patientName", "patient_name"),
    ],
)
def test_names_are_guessed_by_the_unique_name_of_their_field(name: str, role: str) -> None:
    submission = understood({f"q9_{name}": "Alguém Exemplo"})

    found = {"dentist_name": submission.dentist_name, "patient_name": submission.patient_name}
    assert [key for key, value in found.items() if value] == [role]


@pytest.mark.parametrize(
    "name",
    ["telefoneDoDentista", "emailDentista", "croDoDentista", "nomeDaClinica", "idadeDoPaciente"],
)
def test_details_about_a_person_are_not_taken_for_the_name(name: str) -> None:
    submission = understood({f"q9_{name}": "Algo"})

    assert (submission.dentist_name, submission.patient_name) == ("", "")


@pytest.mark.parametrize("name", ["dente", "dente5", "numeroDoDente", "tooth", "toothNumber"])
def test_the_tooth_is_guessed(name: str) -> None:
    assert understood({f"q9_{name}": "26"}).tooth == 26


@pytest.mark.parametrize("name", ["residente", "identidade", "dentista"])
def test_a_word_that_only_contains_tooth_is_not_the_tooth(name: str) -> None:
    assert understood({f"q9_{name}": "26"}).tooth is None


def test_the_most_telling_name_wins_over_an_earlier_one() -> None:
    submission = understood({"q1_nome": "Clínica Exemplo", "q2_nomeDoDentista": "Dra. Exemplo"})

    assert submission.dentist_name == "Dra. Exemplo"


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ({"first": "Dra.", "last": "Exemplo"}, "Dra. Exemplo"),
        (
            {"prefix": "Dra.", "first": "A", "middle": "B", "last": "C", "suffix": "D"},
            "Dra. A B C D",
        ),
        ({"first": "", "last": "Exemplo"}, "Exemplo"),
        ({"first": None, "last": ["x"]}, ""),
        ({}, ""),
        ("  Dra.   Exemplo ", "Dra. Exemplo"),
        ("Dra.\nExemplo\t", "Dra. Exemplo"),
        ("D&#039;Exemplo &amp; Filhos &quot;X&quot;", 'D\'Exemplo & Filhos "X"'),
        ("Dra.\x00 Exem\x07plo", "Dra. Exemplo"),
        ("Dra. Exemplo\ud800", "Dra. Exemplo"),
        (123, "123"),
        (True, ""),
        (None, ""),
        (["Dra. Exemplo"], ""),
        ("", ""),
    ],
)
def test_names_come_as_text_or_in_parts(value: object, expected: str) -> None:
    text = json.dumps({"q3_nomeDoDentista": value})

    assert understood(text).dentist_name == expected


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (" dentista@example.com ", "dentista@example.com"),
        ("dentista&#64;example.com", "dentista@example.com"),
        ("none", ""),
        ({"a": 1}, ""),
        (None, ""),
    ],
)
def test_e_mail_addresses(value: object, expected: str) -> None:
    assert understood({"q4_email": value}).dentist_email == expected


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("26", 26),
        (26, 26),
        (2.6, 26),
        ("dente 26", 26),
        ("2.6", 26),
        ("#11.", 11),
        ("85", 85),
        ("51", 51),
        (["26"], 26),
        ("26 e 26", 26),
        ("26, 27", None),
        (["26", "27"], None),
        ("19", None),
        ("56", None),
        ("86", None),
        ("10", None),
        ("6", None),
        ("126", None),
        ("2026", None),
        ("1.26", None),
        ("²⁶", None),
        ("molar", None),
        ("", None),
        (None, None),
        (True, None),
        ({"a": "26"}, None),
    ],
)
def test_teeth_are_fdi_numbers(value: object, expected: int | None) -> None:
    assert parse_tooth(value) == expected


def test_every_fdi_number_and_no_other_is_a_tooth() -> None:
    fdi = {q * 10 + t for q in range(1, 9) for t in range(1, 9 if q < 5 else 6)}

    assert {number for number in range(200) if parse_tooth(str(number))} == fdi
    assert len(fdi) == 52


def test_files_come_from_the_key_that_the_upload_ticket_names() -> None:
    made = raw(temp_upload={"q5_identityProof": ["a.png#jotformfs-x#1"]}, q5_x="")
    made["identityProof"] = [f"{UPLOADS}/a.png", f"{UPLOADS}/b%20c.png"]
    made["radiografia"] = ""

    submission = understood(made)

    assert submission.file_urls == (f"{UPLOADS}/a.png", f"{UPLOADS}/b%20c.png")


def test_an_upload_name_that_itself_looks_like_a_question_key_is_found() -> None:
    made = {
        "temp_upload": {"q39_q39_fileupload37": ["a.png#f#1"]},
        "q39_fileupload37": [f"{UPLOADS}/a.png"],
    }

    assert understood(made).file_urls == (f"{UPLOADS}/a.png",)


@pytest.mark.parametrize("tickets", [None, {}, [], "", "x", {"q9_x": ["a#b#c"]}, {"odd": 1}])
@pytest.mark.parametrize("key", ["xray", "identityProof", "q39_fileupload37", "q7_radiografia"])
def test_without_usable_tickets_arrays_of_upload_addresses_are_taken(
    tickets: object, key: str
) -> None:
    made = {"temp_upload": tickets, key: [f"{UPLOADS}/a.png"]}

    assert understood(made).file_urls == (f"{UPLOADS}/a.png",)


def test_addresses_that_people_type_are_not_taken_for_files() -> None:
    made = {
        "q8_observacoes": f"{UPLOADS}/typed.png",
        "q9_opcoes": [f"{UPLOADS}/typed-into-other.png"],
        "pretty": f"{UPLOADS}/typed.png",
    }

    assert understood(made).file_urls == ()


@pytest.mark.parametrize(
    "url",
    [
        "https://www.jotform.com/uploads/u/OTHERFORM/SUB/a.png",
        "https://www.jotform.com/uploads/u/FORM/OTHERSUB/a.png",
        "https://www.jotform.com/uploads/u/FORM/SUB/",
        "https://www.jotform.com/uploads/u/FORM/SUB",
        "https://www.jotform.com/other/u/FORM/SUB/a.png",
        "https://www.jotform.com/uploads/u/FORM/SUB/../../../../API/user",
        "https://www.jotform.com/uploads/u/FORM/SUB/%2e%2e/%2e%2e/x/a.png",
        "https://www.jotform.com/uploads//FORM/SUB/a.png",
        "http://www.jotform.com/uploads/u/FORM/SUB/a.png",
        "http://127.0.0.1:8000/admin/",
        "http://localhost:8000/uploads/u/FORM/OTHERSUB/a.png",
        "https://user:password@www.jotform.com/uploads/u/FORM/SUB/a.png",
        "ftp://www.jotform.com/uploads/u/FORM/SUB/a.png",
        "file:///uploads/u/FORM/SUB/a.png",
        "https://[::1/uploads/u/FORM/SUB/a.png",
        "https:///uploads/u/FORM/SUB/a.png",
        "a.png#jotformfs-x#1",
        "",
        "https://www.jotform.com/uploads/u/FORM/SUB/" + "a" * 2000,
    ],
)
def test_only_files_of_this_submission_are_taken(url: str) -> None:
    made = raw(radiografia=[url.replace("FORM", FORM).replace("SUB", SUBMISSION)])

    assert understood(made).file_urls == ()


@pytest.mark.parametrize(
    "base",
    [
        "https://eu.jotform.com",
        "https://hipaa.jotform.com",
        "https://clinica.jotform.com",
        "http://127.0.0.1:8123",
        "http://localhost:8123",
    ],
)
def test_every_region_and_the_simulator_may_hold_the_files(base: str) -> None:
    url = f"{base}/uploads/clinica_exemplo/{FORM}/{SUBMISSION}/a.png"

    assert understood(raw(radiografia=[url])).file_urls == (url,)


@pytest.mark.parametrize("value", [None, "", {}, 7, [], [None, 7, {}, []], {"0": "x"}])
def test_an_upload_field_of_a_wrong_type_holds_no_file(value: object) -> None:
    assert understood(raw(radiografia=value)).file_urls == ()


def test_one_file_as_a_text_escaped_and_repeated_is_one_file() -> None:
    url = f"{UPLOADS}/a.png?x=1&y=2"

    assert understood(raw(radiografia=html.escape(url))).file_urls == (url,)
    assert understood(raw(radiografia=[url, html.escape(url)])).file_urls == (url,)


def two_uploads() -> dict[str, Any]:
    return {
        "temp_upload": {"q7_radiografia": ["a#b#c"], "q8_documento": ["d#e#f"]},
        "radiografia": [f"{UPLOADS}/film.png"],
        "documento": [f"{UPLOADS}/consent.pdf"],
    }


@pytest.mark.parametrize(
    ("mapped", "expected"),
    [
        ("", ["film.png"]),
        ("7", ["film.png"]),
        ("radiografia", ["film.png"]),
        ("8", ["consent.pdf"]),
        ("7, documento", ["film.png", "consent.pdf"]),
        ("9", []),
    ],
)
def test_of_several_upload_fields_the_mapped_or_best_named_ones_count(
    mapped: str, expected: list[str]
) -> None:
    found = understood(two_uploads(), {"files": mapped}).file_urls

    assert found == tuple(f"{UPLOADS}/{name}" for name in expected)


@pytest.mark.parametrize(
    ("value", "expected"),
    [("true", True), (True, True), ("false", False), ("", False), (None, False)],
)
def test_previews_are_marked(value: object, expected: bool) -> None:
    assert understood(raw(preview=value)).is_preview is expected


def test_the_form_is_known_by_its_slug_when_its_field_is_missing() -> None:
    assert parse({"rawRequest": php_json({"slug": f"submit/{FORM}"})}, field_map={}).form_id == FORM


def test_values_of_every_kind_survive_as_answers() -> None:
    made = {
        "q1_phone": {"full": "(11) 0000"},
        "q2_boxes": ["a &amp; b", "c"],
        "q3_date": {"month": "11", "day": "21", "year": "2026"},
        "q4_number": 4.5,
        "q5_nothing": None,
        "q6_long": "two\nlines",
        "q7_table": {"colIds": '["0"]', "rowIds": "[]"},
    }

    answers = understood(made).answers

    assert answers["1"] == {"full": "(11) 0000"}
    assert answers["2"] == ["a & b", "c"]
    assert answers["4"] == 4.5
    assert answers["5"] is None
    assert answers["6"] == "two\nlines"


def test_deep_nesting_is_cut_off() -> None:
    nested: Any = "end"
    for _ in range(400):
        nested = [nested]

    assert "end" not in str(understood({"q1_x": nested}).answers)


def test_the_json_form_gives_every_web_address_among_its_answers() -> None:
    submission = parse_json(
        {
            "submissionID": 6312345678901234567,
            "formID": FORM,
            "answers": {
                "3": {"name": "nomeDoDentista", "answer": {"first": "Dra.", "last": "Exemplo"}},
                "6": {"name": "dente", "answer": "26"},
                "7": {"answer": "https://www.jotform.com/uploads/u/1/2/a.png"},
                "8": {"answer": ["http://127.0.0.1:9/b.png", "text", 5, None]},
                "9": "https://files.example.com/c.png",
                "10": {"answer": "javascript:alert(1)"},
                "11": {"answer": "https://[broken"},
            },
        }
    )

    assert submission.submission_id == SUBMISSION
    assert submission.form_id == FORM
    assert submission.file_urls == (
        "https://www.jotform.com/uploads/u/1/2/a.png",
        "http://127.0.0.1:9/b.png",
        "https://files.example.com/c.png",
    )
    assert (submission.dentist_name, submission.tooth) == ("Dra. Exemplo", 26)
    assert submission.problem == ""


@pytest.mark.parametrize("answers", [None, [], "x", 5])
def test_the_json_form_without_answers_is_a_problem(answers: object) -> None:
    submission = parse_json({"submissionID": SUBMISSION, "answers": answers})

    assert submission.submission_id == SUBMISSION
    assert submission.problem


@pytest.mark.parametrize("odd", [None, [], {}, 5, True, {"answer": None}, {"answer": {"a": []}}])
def test_the_json_form_survives_odd_answers(odd: object) -> None:
    submission = parse_json({"submissionID": odd, "formID": odd, "answers": {"7": odd, "": odd}})

    assert submission.file_urls == ()


@pytest.mark.parametrize(
    ("url", "kept"),
    [
        (
            "https://raiox.example.com/jotform?token=s3cr3t",
            "https://raiox.example.com/jotform/[redacted]",
        ),
        (
            "https://raiox.example.com/jotform/s3cr3t",
            "https://raiox.example.com/jotform/[redacted]",
        ),
        ("https://u:s3cr3t@raiox.example.com/jotform", "https://raiox.example.com/jotform"),
        ("https://[s3cr3t", "[redacted]"),
        ("s3cr3t", "[redacted]"),
        ("", "[redacted]"),
    ],
)
def test_the_webhook_address_is_kept_without_its_secret(url: str, kept: str) -> None:
    assert redact(fields(webhookURL=url))["webhookURL"] == kept


@pytest.mark.parametrize(
    "text",
    [
        "https://x.example.com/?token=s3cr3t&a=1",
        "https:\\/\\/x.example.com\\/?apiKey=s3cr3t",
        "https://x.example.com/?api_key=s3cr3t",
        "SECRET=s3cr3t",
        "https://x.example.com/?a=1&access_token=s3cr3t",
    ],
)
def test_secrets_in_any_field_are_not_kept(text: str) -> None:
    kept = redact(
        {
            "rawRequest": text,
            "answers": {"7": {"answer": [text]}},
            "apiKey": "s3cr3t",
            "Token": text,
        }
    )

    assert "s3cr3t" not in json.dumps(kept)
    assert "[redacted]" in str(kept["rawRequest"])


def test_inline_signatures_are_replaced_by_a_note() -> None:
    signature = "data:image/png;base64," + "iVBORw0KGgo/+A==" * 1000
    kept = redact(fields(raw(q9_assinatura=signature)))

    stored = json.loads(str(kept["rawRequest"]))
    assert stored["q9_assinatura"] == f"data:,[inline file, {len(signature)} characters]"
    assert stored["q6_dente"] == "26"


def test_oversized_values_and_too_many_fields_are_cut() -> None:
    kept = redact({**{str(number): "x" for number in range(1000)}, "0": "y" * 100_000})

    assert len(kept) == 200
    assert len(str(kept["0"])) < 21_000
    assert str(kept["0"]).endswith("[80000 more characters]")


@pytest.mark.django_db
def test_what_is_kept_can_be_stored_whatever_came() -> None:
    from integrations.models import JotformDelivery

    odd = {"a\x00": "\x00\ud800ok", "b": [float("nan"), {"c\x00": float("inf")}], "d": None}
    delivery = JotformDelivery.objects.create(fields=redact(odd))

    delivery.refresh_from_db()
    assert delivery.fields == {"a": "ok", "b": ["nan", {"c": "inf"}], "d": None}


def test_an_ordinary_delivery_is_kept_as_it_came() -> None:
    came = fields(webhookURL="https://raiox.example.com/jotform")

    assert redact(came) == came


def test_a_submission_with_a_preview_ticket_has_no_event_id() -> None:
    preview = replace(SimulatedSubmission(submission_id=SUBMISSION), is_preview=True)

    assert "event_id" not in raw_request(preview)
    assert parse(dict(webhook_fields(preview)), field_map={}).is_preview


def test_clean_text_is_offered_beside_the_parsers() -> None:
    assert payload.clean_text(" a\x00\n&lt;b ") == "a <b"
