"""jotform.md, sections 1, 2 and 5: each row that can be tested, in its own words.

Requests go through Django's own form parsers, as from the wire.
"""

import json
import time
from dataclasses import replace
from typing import Any

import pytest
from django.test import Client, RequestFactory

from cases.models import Case
from integrations.jotform.incoming.form import Submission
from integrations.jotform.incoming.payload import parse, redact
from integrations.jotform.simulation.shapes import SHAPES, SIGNATURE
from integrations.jotform.simulation.simulator import (
    ENCODINGS,
    FIELDS,
    OLD_FIELDS,
    SimulatedSubmission,
    encode_multipart,
    php_json,
    raw_request,
    webhook_fields,
)
from integrations.models import JotformDelivery

FORM = SimulatedSubmission.form_id
SUBMISSION = "6312345678901234567"
UPLOADS = f"https://www.jotform.com/uploads/clinica_exemplo/{FORM}/{SUBMISSION}"
PLAIN = SimulatedSubmission(submission_id=SUBMISSION)
FILM = f"{UPLOADS}/radiografia.png"


def row(wording: str, *values: Any) -> Any:
    return pytest.param(*values, id=wording)


def received(fields: list[tuple[str, str]], encoding: str = "multipart") -> dict[str, str]:
    """What Django makes of the request."""
    body, content_type = ENCODINGS[encoding](fields)
    request = RequestFactory().generic("POST", "/jotform", body, content_type)
    assert not request.FILES
    return dict(request.POST.items())


def understood(submission: SimulatedSubmission = PLAIN, **raw: object) -> Submission:
    changed = replace(submission, extra={**submission.extra, **raw})
    return parse(received(webhook_fields(changed)), field_map={})


# 1. Webhook request


@pytest.mark.parametrize(
    ("encoding", "shape", "count"),
    [
        row("POST, multipart/form-data, text parts only, no file parts", "multipart", "plain", 23),
        row(
            "one enterprise operator reports application/x-www-form-urlencoded; accept both",
            *("urlencoded", "plain", 23),
        ),
        row("older (2020) captures had 9 fields only", "multipart", "year-2020", 9),
        row("old captures, urlencoded", "urlencoded", "year-2017", 9),
    ],
)
def test_requests_are_read_however_they_are_encoded(encoding: str, shape: str, count: int) -> None:
    fields = received(webhook_fields(SHAPES[shape].change(PLAIN)), encoding)

    submission = parse(fields, field_map={})

    assert len(fields) == count
    assert (submission.submission_id, submission.form_id) == (SUBMISSION, FORM)
    assert (submission.dentist_name, submission.tooth) == ("Dra. Exemplo", 26)
    assert submission.file_urls == (FILM,)
    assert submission.problem == ""


EMPTY = (
    *("action", "event", "customParams", "product", "customTitle", "documentID", "teamID"),
    *("subject", "isSilent", "customBody", "fromTable", "appID", "unread", "parent"),
)


@pytest.mark.parametrize("value", ["", "anything", "\x00", "1" * 10_000])
@pytest.mark.parametrize(
    "name", [row(f"{name}: ignore; never require non-empty", name) for name in EMPTY]
)
def test_bookkeeping_fields_change_nothing(name: str, value: str) -> None:
    fields = dict(webhook_fields(PLAIN))

    assert set(EMPTY) < set(fields)
    changed = parse({**fields, name: value}, field_map={})
    assert replace(changed, submitted_ms=None) == replace(understood(), submitted_ms=None)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        row("allow unknown extra fields", "futureField", "x"),
        row("type: other values not seen", "type", "API"),
        row("formTitle: display only, editable by owner", "formTitle", "Outro"),
        row("pretty: display only, `, ` and `:` occur unescaped", "pretty", "Dente:11, Dente: 12"),
        row("ip: submitter's IP", "ip", "::1"),
        row("username: account name (team: `!team_<id>`)", "username", "!team_1"),
    ],
)
def test_fields_for_display_change_nothing(name: str, value: str) -> None:
    fields = {**dict(webhook_fields(PLAIN)), name: value}

    assert parse(fields, field_map={}).answers == understood().answers
    assert parse(fields, field_map={}).file_urls == (FILM,)


def test_fields_given_twice_are_read_once() -> None:
    """Two `formID` or `rawRequest` in one request."""
    fields = webhook_fields(PLAIN)

    assert parse(received([*fields, *fields]), field_map={}).file_urls == (FILM,)
    assert len(received([*fields, *fields])) == 23


def test_the_submission_number_is_kept_as_a_string() -> None:
    """submissionID: 19 digits. Keep as string (> 2^53); formID: 15 digits (14-15)."""
    for number in ("9007199254740993", "0012345678901234567"):
        submission = understood(replace(PLAIN, submission_id=number, form_id="01234567890123"))
        assert (submission.submission_id, submission.form_id) == (number, "01234567890123")
        assert f"/01234567890123/{number}/" in submission.file_urls[0]


@pytest.mark.parametrize(
    "value",
    [row("webhookURL with ?token=", "?token=s3cr3t"), row("secret in its path", "/s3cr3t")],
)
def test_webhookurl_echoes_your_secret_redact(value: str) -> None:
    url = f"https://raiox.example.com/jotform{value}"
    fields = received(webhook_fields(replace(PLAIN, webhook_url=url)))

    assert "s3cr3t" in fields["webhookURL"]
    assert "s3cr3t" not in json.dumps(redact(fields))


@pytest.mark.parametrize(
    ("text", "is_read"),
    [
        row(r"JSON text, `\/` and `\uXXXX` escapes", php_json(raw_request(PLAIN)), True),
        row("a byte order mark before it", "\ufeff" + php_json(raw_request(PLAIN)), True),
        row("blanks around it", f" \n{php_json(raw_request(PLAIN))}\n ", True),
        row(
            "a huge integer in it",
            php_json(raw_request(PLAIN))[:-1] + ',"q99_x":' + "9" * 5000 + "}",
            True,
        ),
        row(
            "numbers that no JSON has",
            php_json(raw_request(PLAIN))[:-1] + ',"q99_x":NaN,"q98_x":1e999}',
            True,
        ),
        row("cut off", php_json(raw_request(PLAIN))[:-9], False),
        row("nested without end", '{"q1_x":' * 50_000, False),
        row("a list", "[]", False),
        row("empty", "", False),
    ],
)
def test_rawrequest_is_json_text(text: str, is_read: bool) -> None:
    fields = {**dict(webhook_fields(PLAIN)), "rawRequest": text}

    submission = parse(fields, field_map={})

    assert (submission.problem == "") == is_read
    assert submission.file_urls == ((FILM,) if is_read else ())
    assert (submission.submission_id, submission.form_id) == (SUBMISSION, FORM)


@pytest.mark.parametrize("slug", [f"submit/{FORM}", f"submit/{FORM}/", FORM])
def test_slug_names_the_form_where_no_field_does(slug: str) -> None:
    assert parse({"rawRequest": php_json({"slug": slug})}, field_map={}).form_id == FORM


@pytest.mark.parametrize(
    ("key", "answer", "kept"),
    [
        row('text/email/dropdown/radio: string; unanswered = ""', "q9_a", "", ""),
        row(
            "fullname {first,last[,prefix,middle,suffix]}",
            *("q9_a", {"first": "A", "last": "B"}, {"first": "A", "last": "B"}),
        ),
        row("phone {full}", "q9_a", {"full": "(11) 0000"}, {"full": "(11) 0000"}),
        row(
            "phone {area,phone}",
            *("q9_a", {"area": "11", "phone": "0"}, {"area": "11", "phone": "0"}),
        ),
        row(
            "address",
            "q9_a",
            {"addr_line1": "R. A", "state": ""},
            {"addr_line1": "R. A", "state": ""},
        ),
        row(
            "date",
            "q9_a",
            {"month": "", "day": "", "year": ""},
            {"month": "", "day": "", "year": ""},
        ),
        row("checkbox: array of strings", "q9_a", ["a", "b"], ["a", "b"]),
        row("table", "q9_a", {"colIds": '["0"]', "0": ["x"]}, {"colIds": '["0"]', "0": ["x"]}),
        row("signature: data URI inline", "q9_a", SIGNATURE, SIGNATURE),
        row("odd keys exist: q51_selectSession-2", "q9_selectSession-2", "a", "a"),
        row("API-built forms: q3_q3_dropdown1", "q9_q9_dropdown1", "a", "a"),
        row("values can be HTML-escaped", "q9_a", "&quot;D&#039;A&quot; &amp; B", '"D\'A" & B'),
        row("qid is stable, name the owner can change", "q9_b", "a", "a"),
    ],
)
def test_answers_keep_their_shape(key: str, answer: object, kept: object) -> None:
    submission = understood(**{key: answer})

    assert submission.answers["9"] == (answer if kept is ... else kept)
    assert submission.file_urls == (FILM,)
    assert (submission.dentist_name, submission.tooth) == ("Dra. Exemplo", 26)


@pytest.mark.parametrize("digits", ["²", "٣", ""])
def test_only_ascii_numbers_are_question_numbers(digits: str) -> None:
    assert set(understood(**{f"q{digits}_x": "a"}).answers) == set(understood().answers)


@pytest.mark.parametrize(
    ("raw", "expected"),
    [
        row(
            "{name}: array of final file URLs for upload field q{qid}_{name}",
            {"temp_upload": {"q5_proof": ["a#f#1"]}, "proof": ["a.png", "b.png"]},
            ["a.png", "b.png"],
        ),
        row(
            "temp_upload: upload tickets, not usable URLs",
            {"temp_upload": {"q5_proof": [f"{UPLOADS}/a.png#f#1"]}},
            [],
        ),
        row(
            "{name} may itself look like q39_fileupload37",
            {"temp_upload": {"q39_q39_fileupload37": ["a#f#1"]}, "q39_fileupload37": ["a.png"]},
            ["a.png"],
        ),
        row("the same without tickets", {"q39_fileupload37": ["a.png"]}, ["a.png"]),
        row(
            "several upload fields, several files, in the order of their numbers",
            {
                "temp_upload": {"q12_xrayB": ["a#f#1"], "q7_xrayA": ["b#f#1", "c#f#1"]},
                "xrayB": ["3.png"],
                "xrayA": ["1.png", "2.png"],
            },
            ["1.png", "2.png", "3.png"],
        ),
        row(
            "tickets for one of two upload fields (an edit), files for both",
            {"temp_upload": {"q7_xray": ["a#f#1"]}, "xray": ["a.png"], "xrayOld": ["b.png"]},
            ["a.png", "b.png"],
        ),
        row("the same file named twice", {"xray": ["a.png", "a.png"]}, ["a.png"]),
        row("user text can contain any URL", {"q8_obs": "a.png", "q9_x": ["a.png"]}, []),
        row("an empty upload field", {"temp_upload": {"q7_xray": []}, "xray": []}, []),
    ],
)
def test_files_are_found_among_the_keys(raw: dict[str, Any], expected: list[str]) -> None:
    made = {key: _addresses(key, value) for key, value in raw.items()}
    fields = {"formID": FORM, "submissionID": SUBMISSION, "rawRequest": php_json(made)}

    found = parse(fields, field_map={}).file_urls

    assert found == tuple(f"{UPLOADS}/{name}" for name in expected)


def _addresses(key: str, value: Any) -> Any:
    if key == "temp_upload":
        return value
    is_list = isinstance(value, list)
    return [f"{UPLOADS}/{name}" for name in value] if is_list else f"{UPLOADS}/{value}"


@pytest.mark.parametrize(
    "missing",
    [
        row(f"{key}: bookkeeping, ignore", key)
        for key in (
            *("jsExecutionTracker", "submitSource", "uploadServerUrl", "eventObserver"),
            *("timeToSubmit", "validatedNewRequiredFieldIDs", "file_server", "path", "slug"),
            *("buildDate", "temp_upload"),
        )
    ]
    + [row("event_id: absent in preview/some submissions, not a safe key", "event_id")],
)
def test_bookkeeping_keys_may_be_absent(missing: str) -> None:
    raw = raw_request(PLAIN)
    del raw[missing]
    fields = {**dict(webhook_fields(PLAIN)), "rawRequest": php_json(raw)}

    submission = parse(fields, field_map={})

    assert submission.file_urls == (FILM,)
    assert submission.problem == ""


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        row("submitDate: ms epoch as string", "1763700000000", 1763700000000),
        row("the same as a number", 1763700000000, 1763700000000),
        row("submitDate only since ~mid 2025", None, None),
        row("empty", "", None),
        row("no number", "x", None),
        row("not a whole number", "1763700000000.5", None),
        row("seconds", "1763700000", None),
        row("negative", "-1763700000000", None),
        row("digits of another script", "١٧٦٣٧٠٠٠٠٠٠٠٠", None),
        row("from the far future", "4102444800000", None),
        row("longer than any number", "9" * 5000, None),
        row("an object", {"a": 1}, None),
    ],
)
def test_submitdate_is_a_moment_in_the_past(value: object, expected: int | None) -> None:
    raw = {**raw_request(PLAIN), "submitDate": value}
    fields = {**dict(webhook_fields(PLAIN)), "rawRequest": php_json(raw)}

    assert parse(fields, field_map={}).submitted_ms == expected


def test_submitdate_of_a_clock_that_is_a_little_ahead_counts_and_far_ahead_does_not() -> None:
    soon, later = (int((time.time() + seconds) * 1000) for seconds in (120, 3600))

    assert understood(replace(PLAIN, submitted_ms=soon)).submitted_ms == soon
    assert understood(replace(PLAIN, submitted_ms=later)).submitted_ms is None


# 2. Signing, security; 5. Complaints and traps: through the door


def deliver(fields: list[tuple[str, str]], path: str = "/jotform") -> Any:
    body, content_type = encode_multipart(fields)
    return Client().generic("POST", path, body, content_type)


@pytest.mark.django_db
@pytest.mark.parametrize("name", SHAPES)
def test_every_shape_is_stored_and_acknowledged(name: str) -> None:
    shape = SHAPES[name]
    fields = webhook_fields(shape.change(PLAIN))

    answer = deliver(fields)

    assert answer.status_code == 200
    assert JotformDelivery.objects.get().submission_id == SUBMISSION
    assert Case.objects.count() == (0 if name == "preview" else 1)


@pytest.mark.django_db
def test_preview_submissions_are_acknowledged_not_processed() -> None:
    """Preview submissions send preview:"true"."""
    answer = deliver(webhook_fields(SHAPES["preview"].change(PLAIN)))

    assert answer.status_code == 200
    assert answer.json()["case_id"] is None
    assert JotformDelivery.objects.get().fields == {}


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("form_ids", "status"),
    [
        row("form-id allow-list: listed", [FORM], 200),
        row("form-id allow-list: one of several", ["1", FORM], 200),
        row("form-id allow-list: not listed", ["1"], 403),
        row("form-id allow-list: listed only in part", [FORM[:-1]], 403),
        row("without a list every form", [], 200),
    ],
)
def test_the_form_is_looked_up_in_the_list(settings: Any, form_ids: list[str], status: int) -> None:
    settings.JOTFORM_FORM_IDS = form_ids

    assert deliver(webhook_fields(PLAIN)).status_code == status
    assert Case.objects.exists() == (status == 200)


@pytest.mark.django_db
def test_a_form_that_the_slug_alone_names_is_looked_up_too(settings: Any) -> None:
    settings.JOTFORM_FORM_IDS = [FORM]
    fields = [(name, "" if name == "formID" else value) for name, value in webhook_fields(PLAIN)]

    assert deliver(fields).status_code == 200


@pytest.mark.django_db
def test_inline_signatures_over_two_and_a_half_mebibytes_are_taken() -> None:
    """Inline signatures count toward DATA_UPLOAD_MAX_MEMORY_SIZE (2.5 MB) -> raise it."""
    large = "data:image/png;base64," + "A" * 3_000_000
    signed = replace(PLAIN, extra={"q9_termo": large})

    answer = deliver(webhook_fields(signed))

    assert answer.status_code == 200
    assert len(json.dumps(JotformDelivery.objects.get().fields)) < 20_000


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("body", "content_type"),
    [
        row(
            "AnikaLegal/clerk tests post JSON, which Jotform never sends", b"{}", "application/json"
        ),
        row(
            "LF-only fixtures",
            b"--x\nContent-Disposition: form-data\n\n",
            "multipart/form-data; boundary=x",
        ),
        row("an empty body", b"", "application/x-www-form-urlencoded"),
        row("no content type", b"a=b", ""),
    ],
)
def test_other_bodies_are_refused_without_a_server_error(body: bytes, content_type: str) -> None:
    answer = Client(raise_request_exception=False).generic("POST", "/jotform", body, content_type)

    assert 400 <= answer.status_code < 500
    assert not Case.objects.exists()


def test_the_simulated_fields_are_those_of_the_captures() -> None:
    """All 23 present in all 2024-2026 captures; older (2020) captures had 9 fields only."""
    assert (len(FIELDS), len(OLD_FIELDS)) == (23, 9)
    assert set(OLD_FIELDS) < set(FIELDS)
    assert "submitDate" not in raw_request(SHAPES["year-2024"].change(PLAIN))
    assert "temp_upload" not in raw_request(SHAPES["year-2020"].change(PLAIN))
    assert "&#x27;" in php_json(raw_request(SHAPES["year-2017"].change(PLAIN)))
