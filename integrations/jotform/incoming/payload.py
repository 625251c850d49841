"""Reading what Jotform and plain clients send. Nothing here touches the database, and
nothing that a client can send raises."""

import re
import time
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from typing import Any

from django.utils.translation import gettext as _

from integrations.jotform.incoming.addresses import is_web_address
from integrations.jotform.incoming.api_submission import parse_api
from integrations.jotform.incoming.cleaning import MAX_DIGITS, clean_text, parsed_json, redact
from integrations.jotform.incoming.form import (
    FILE_NAME,
    Form,
    Question,
    Submission,
    in_order,
    parse_tooth,
    texts,
    tidy_answer,
    words,
)

__all__ = [
    "Submission",
    "clean_text",
    "parse",
    "parse_api",
    "parse_json",
    "parse_tooth",
    "redact",
]

EARLIEST_MS = 1_000_000_000_000
# A sender's clock may be a little fast; one that is far ahead would outlive every later edit.
AHEAD_MS = 10 * 60 * 1000

_QUESTION = re.compile(r"^q([0-9]+)_(.+)$", re.DOTALL)


def parse(fields: Mapping[str, str], *, field_map: Mapping[str, str]) -> Submission:
    """A delivery to /jotform: Jotform's form fields, or plain ones beside a file.

    `field_map` gives the question number or unique name of each role (JOTFORM_FIELDS).
    """
    raw, problem = _raw_request(fields.get("rawRequest", ""))
    slug = clean_text(raw.get("slug")).rstrip("/")
    form = Form(
        questions=in_order(_questions(raw)),
        field_map=field_map,
        form_id=clean_text(fields.get("formID")) or slug.rpartition("/")[2],
        submission_id=clean_text(fields.get("submissionID")),
    )
    return replace(
        form.submission(fields),
        submitted_ms=_milliseconds(raw.get("submitDate")),
        is_preview=str(raw.get("preview", "")).strip().lower() == "true",
        problem=problem,
    )


def parse_json(
    body: Mapping[str, Any], *, field_map: Mapping[str, str] | None = None
) -> Submission:
    """The JSON form of a submission: `{"submissionID", "formID", "answers": {qid: {"answer"}}}`."""
    answers = body.get("answers")
    problem = "" if isinstance(answers, dict) else _("The submission came without answers.")
    form = Form(
        questions=tuple(_json_questions(answers if isinstance(answers, dict) else {})),
        field_map=field_map or {},
        form_id=clean_text(body.get("formID")),
        submission_id=clean_text(body.get("submissionID")),
    )
    urls = (url for one in form.questions for url in texts(one.answer) if is_web_address(url))
    return replace(form.submission(body), file_urls=tuple(dict.fromkeys(urls)), problem=problem)


def _json_questions(answers: Mapping[str, Any]) -> Iterator[Question]:
    for qid, entry in answers.items():
        known = entry if isinstance(entry, dict) else {"answer": entry}
        yield Question(
            clean_text(qid), clean_text(known.get("name")), tidy_answer(known.get("answer"))
        )


def _raw_request(text: object) -> tuple[dict[str, Any], str]:
    if not text:
        return {}, _("The webhook came without the form's answers (rawRequest).")
    raw = parsed_json(text)
    if not isinstance(raw, dict):
        return {}, _("The form's answers (rawRequest) cannot be read.")
    return raw, ""


def _questions(raw: Mapping[str, Any]) -> Iterator[Question]:
    """The upload fields first, and every other key that is a question's."""
    uploads = dict(_ticketed(raw))
    uploads |= {key: one for key, one in _looking_like_uploads(raw) if key not in uploads}
    yield from uploads.values()
    for key, value in raw.items():
        match = _QUESTION.match(key)
        if match and key not in uploads:
            yield _question(match, value)


def _ticketed(raw: Mapping[str, Any]) -> Iterable[tuple[str, Question]]:
    """Key in `raw` and question of each upload field that upload tickets name."""
    tickets = raw.get("temp_upload")
    for ticket in tickets if isinstance(tickets, dict) else {}:
        match = _QUESTION.match(ticket)
        key = next((one for one in (match[2], ticket) if one in raw), "") if match else ""
        if match and key:
            yield key, _question(match, raw[key], is_upload=True)


def _looking_like_uploads(raw: Mapping[str, Any]) -> Iterable[tuple[str, Question]]:
    """Those without tickets: lists of addresses below a key that is no question's, or that is
    named like a file."""
    for key, value in raw.items():
        if not (isinstance(value, list) and any(map(is_web_address, texts(value)))):
            continue
        match = _QUESTION.match(key)
        if match and FILE_NAME.search(words(key)):
            yield key, _question(match, value, is_upload=True)
        elif not match:
            yield key, Question("", clean_text(key), tidy_answer(value), is_upload=True)


def _question(match: re.Match[str], value: object, *, is_upload: bool = False) -> Question:
    return Question(match[1], clean_text(match[2]), tidy_answer(value), is_upload=is_upload)


def _milliseconds(value: object) -> int | None:
    """A moment between 2001 and now, as milliseconds since 1970; None for anything else."""
    text = clean_text(value)
    if not (text.isascii() and text.isdecimal() and len(text) <= MAX_DIGITS):
        return None
    number = int(text)
    return number if EARLIEST_MS <= number <= time.time() * 1000 + AHEAD_MS else None
