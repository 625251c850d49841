"""Reading a submission as Jotform's API shows it. Nothing that it can hold raises."""

import re
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from django.utils.translation import gettext as _

from integrations.jotform.incoming.cleaning import clean_text
from integrations.jotform.incoming.form import (
    FILE_NAME,
    Form,
    Question,
    Submission,
    holds_files,
    in_order,
    texts,
    tidy_answer,
    words,
)

UPLOAD_TYPE = "control_fileupload"
UNANSWERABLE = re.compile(r"control_(head|text|button|divider|pagebreak|image|collapse|captcha)$")


def parse_api(content: Mapping[str, Any], *, field_map: Mapping[str, str]) -> Submission:
    """The `content` of `GET /submission/{id}`, or one of a list of submissions.

    The same submission says the same of people, tooth, consent and files as its webhook does
    to `payload.parse`: a difference is an edit. `field_map` as there (JOTFORM_FIELDS).
    """
    answers = content.get("answers")
    # PHP writes what is empty as a list.
    is_readable = isinstance(answers, Mapping) or answers == []
    entries = answers if isinstance(answers, Mapping) else {}
    form = Form(
        questions=in_order(
            _question(clean_text(qid), entry)
            for qid, entry in entries.items()
            if not _is_layout(entry)
        ),
        field_map=field_map,
        form_id=clean_text(content.get("form_id")),
        submission_id=clean_text(content.get("id")),
    )
    problem = "" if is_readable else _("The submission came without answers.")
    return replace(form.submission(), problem=problem)


def _is_layout(entry: object) -> bool:
    """Whether it is a heading or a button: a heading about consent asks for none."""
    kind = entry.get("type") if isinstance(entry, Mapping) else ""
    return bool(UNANSWERABLE.match(clean_text(kind)))


def _question(qid: str, entry: object) -> Question:
    known = entry if isinstance(entry, Mapping) else {}
    name, kind = clean_text(known.get("name")), clean_text(known.get("type"))
    answer = tidy_answer(known.get("answer"))
    return Question(qid, name, answer, is_upload=_is_upload_field(kind, name, answer))


def _is_upload_field(kind: str, name: str, answer: object) -> bool:
    """By its type; without one, by its name, or by an answer that only upload fields have."""
    if kind:
        return kind == UPLOAD_TYPE
    is_list_of_files = isinstance(answer, list) and holds_files(answer)
    return is_list_of_files or bool(FILE_NAME.search(words(name)) and any(texts(answer)))
