"""What is kept of a delivery: no secret wherever it hides, and everything else still readable."""

import json
from dataclasses import replace
from typing import Any

import pytest

from integrations.jotform.incoming.cleaning import MAX_JSON, redact
from integrations.jotform.incoming.payload import parse, parse_json
from integrations.jotform.simulation.shapes import SHAPES
from integrations.jotform.simulation.simulator import SimulatedSubmission, webhook_fields

HIDDEN = "S3CRET-of-somebody"
SUBMISSION = SimulatedSubmission("6200000000000000001")


@pytest.mark.parametrize(
    ("name", "value"),
    [
        pytest.param("rawRequest", '{"apiKey":"%s"}', id="a key in rawRequest"),
        pytest.param("rawRequest", '{"token":"%s"}', id="a token in rawRequest"),
        pytest.param("rawRequest", '{"Token": "%s", "token": ""}', id="in another case"),
        pytest.param("rawRequest", '{"q1":"token=%s","q1":""}', id="a name given twice"),
        pytest.param("rawRequest", '{"a":{"jf_secret":["%s"]}}', id="nested"),
        pytest.param("rawRequest", '{"token":{"value":"%s"}}', id="below a secret's name"),
        pytest.param("rawRequest", '{"q3_x":"https:\\/\\/h\\/jotform\\/%s"}', id="our path"),
        pytest.param("rawRequest", '{"q3_x":"{\\"token\\":\\"%s\\"}"}', id="JSON in JSON"),
        pytest.param("rawRequest", '{"webhookURL":"https:\\/\\/h\\/jotform\\/%s"}', id="address"),
        pytest.param("rawRequest", '{"token":"%s"', id="JSON that is cut off"),
        pytest.param("rawRequest", '{"a":"https:\\/\\/h\\/jotform\\/%s"', id="cut off, a path"),
        pytest.param("rawRequest", "https://h/jotform?TOKEN=%s", id="the query in capitals"),
        pytest.param("rawRequest", "https%%3A%%2F%%2Fh%%2Fjotform%%3Ftoken%%3D%s", id="encoded"),
        pytest.param("parent", "https%%3A%%2F%%2Fh%%2Fjotform%%2F%s", id="an encoded path"),
        pytest.param("customParams", "token: %s", id="with a colon"),
        pytest.param("customParams", "accessToken=%s", id="a longer name"),
        pytest.param("webhookurl", "https://h/jotform/%s", id="webhookurl"),
        pytest.param("WEBHOOKURL", "https://h/jotform/%s", id="WEBHOOKURL"),
        pytest.param("parent", "https://h/jotform/%s", id="our address in another field"),
        pytest.param("signature", "%s", id="signature"),
        pytest.param("x-jf-signature", "%s", id="x-jf-signature"),
        pytest.param("jf_secret", "%s", id="jf_secret"),
        pytest.param("APIKEY", "%s", id="APIKEY"),
        pytest.param("rawRequest", '{"q1_sig":"DATA:image/png;base64,%s"}', id="DATA:"),
        pytest.param("rawRequest", '{"q1_sig":"data:;base64,%s"}', id="data:;base64"),
        pytest.param("rawRequest", '{"q1_sig":"data:image\\/svg+xml,%s"}', id="without base64"),
        pytest.param(
            "rawRequest",
            '{"q1_sig":"data:image/svg+xml;utf8,<svg id=\'a\'> %s</svg>"}',
            id="an image as text",
        ),
        pytest.param("pretty", "Assinatura:data:image/png;base64,%s, Dente:26", id="in pretty"),
    ],
)
def test_what_looks_like_a_secret_or_an_inline_file_is_not_kept(name: str, value: str) -> None:
    assert HIDDEN not in json.dumps(redact({name: value % HIDDEN}))


def test_secrets_in_the_json_form_are_not_kept_at_any_depth() -> None:
    body = {
        "auth": {"token": HIDDEN, "pin": [{"api_key": HIDDEN}]},
        "answers": {"1": {"answer": {"apiKey": HIDDEN}}},
        "secret": 12345678,
    }
    kept = json.dumps(redact(body))
    assert HIDDEN not in kept
    assert "12345678" not in kept


@pytest.mark.parametrize(
    "setting", ["RAIOX_WEBHOOK_TOKEN", "RAIOX_WEBHOOK_TOKEN_OLD", "JF_SECRET", "JOTFORM_API_KEY"]
)
@pytest.mark.parametrize(
    "text",
    ["x%sx", '{"q1_obs":"%s"}', '{"a":{"%s":1}}', "[%s", "a\x00%s"],
    ids=["in a word", "in rawRequest", "as a name", "in broken JSON", "after a NUL"],
)
@pytest.mark.parametrize(
    "spelling",
    ["tök/en+ 1", "t%C3%B6k%2Fen%2B%201", "t%c3%b6k%2fen%2b+1", "t%C3%B6k/en%2B%201"],
    ids=["plain", "percent-encoded", "as in a form", "as in a path"],
)
def test_our_own_secrets_are_kept_nowhere(
    settings: Any, setting: str, text: str, spelling: str
) -> None:
    setattr(settings, setting, "tök/en+ 1")
    kept = json.dumps(redact({"rawRequest": text.replace("%s", spelling)}), ensure_ascii=False)
    assert spelling.lower() not in kept.lower()


def test_a_secret_that_is_split_by_a_nul_is_not_kept(settings: Any) -> None:
    settings.RAIOX_WEBHOOK_TOKEN = "sesame"
    assert "sesame" not in str(redact({"pretty": "ses\x00ame"})["pretty"])


@pytest.mark.parametrize(
    "text",
    [
        "O paciente perdeu o token do convênio; a signature e o secret estão na ficha.",
        "Password-free, apikey e tokens não importam aqui.",
        "Data: 12/03/2026, retorno em abril",
        "Data:texto, Dente:26",
        "https://www.jotform.com/uploads/jotform/240000000000001/6200000000000000001/film.jpg",
        "abc",
    ],
)
def test_ordinary_words_stay(settings: Any, text: str) -> None:
    settings.RAIOX_WEBHOOK_TOKEN = "abc"
    raw = json.dumps({"q8_observacoes": text}, ensure_ascii=False)
    assert redact({"pretty": text, "rawRequest": raw}) == {"pretty": text, "rawRequest": raw}


@pytest.mark.parametrize("shape", sorted(SHAPES))
def test_what_is_kept_says_the_same_of_the_case_as_what_came(settings: Any, shape: str) -> None:
    settings.RAIOX_WEBHOOK_TOKEN = "sesame"
    came = dict(webhook_fields(SHAPES[shape].change(SUBMISSION)))
    before, after = (parse(fields, field_map={}) for fields in (came, redact(came)))
    # Only inline files differ.
    assert replace(after, answers=before.answers) == before


@pytest.mark.parametrize(
    "extra",
    [
        {"q9_assinatura": "data:image/png;base64," + "A" * 400_000, "q8_aceite": ""},
        {"q9_obs": "muito " * 10_000},
        {f"q{number}_campo": "x" * 900 for number in range(20, 100)},
        {"token": "sesame", "q9_obs": "token=sesame", "q10_x": {"a": [1, None, 2.5]}},
    ],
    ids=["a large signature", "a long text", "many answers", "secrets"],
)
def test_rawrequest_stays_json_however_large(extra: dict[str, Any]) -> None:
    came = dict(webhook_fields(replace(SUBMISSION, extra=extra)))
    kept = redact(came)
    before, after = (parse(fields, field_map={}) for fields in (came, kept))
    assert json.loads(str(kept["rawRequest"]))["q6_dente"] == "26"
    assert replace(after, answers=before.answers) == before


def test_a_signature_still_gives_consent_in_what_is_kept() -> None:
    signed = {"q9_assinaturaConsentimento": "data:image/png;base64,iVBORw0KGgo="}
    came = dict(webhook_fields(replace(SUBMISSION, answers=signed)))
    assert parse(came, field_map={}).consent
    assert parse(redact(came), field_map={}).consent


def test_the_json_form_stays_readable() -> None:
    body = {
        "submissionID": "77",
        "formID": "1",
        "answers": {
            "3": {"name": "email", "answer": "exemplo@example.org"},
            "7": {"answer": ["https://www.jotform.com/uploads/u/1/77/film.png"]},
        },
    }
    assert parse_json(redact(body)) == parse_json(body)


def test_what_no_form_can_hold_is_left_out_as_a_whole() -> None:
    raw = json.dumps({f"q{number}_x": "y" * 15_000 for number in range(100)})
    kept = str(redact({"rawRequest": raw})["rawRequest"])
    assert len(raw) > MAX_JSON
    assert kept == f"[{len(raw)} characters]"
