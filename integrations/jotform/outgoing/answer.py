"""What the dentist gets to read, and whether Jotform shows it."""

import html
import re
import unicodedata
from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from django.conf import settings
from django.template.loader import render_to_string
from django.utils.translation import gettext as _

from cases.models import Case
from integrations.jotform.client import JotformError
from integrations.jotform.outgoing.identified import (
    Identified,
    are_from_left_to_right,
    fixtures,
    identified,
)

# In place of what an earlier answer said in a field that this one leaves empty.
NOTHING = "–"


def fields(case: Case, submission: Mapping[str, Any]) -> dict[str, str]:
    """Text by question number, for every role that JOTFORM_FIELDS maps and that has a text, or
    that the submission shows one for.

    Raises JotformError when the form has no field of a name that is mapped, when two texts
    would go into one field, or when there is nothing to say.
    """
    questions = _questions(submission)
    mapped = _mapped(_texts(case), submission)
    return {
        number: text or NOTHING
        for number, text in mapped.items()
        if text or _shown(questions.get(number))
    }


def _mapped(texts: Mapping[str, str], submission: Mapping[str, Any]) -> dict[str, str]:
    if not texts["answer"]:
        raise JotformError(_("The answer has no text."), permanent=False)
    mapped: dict[str, str] = {}
    for role, text in texts.items():
        if reference := settings.JOTFORM_FIELDS.get(role, "").strip():
            number = _question_number(reference, submission)
            if number in mapped:
                raise JotformError(
                    _("JOTFORM_FIELDS names field %(number)s twice.") % {"number": number},
                    permanent=False,
                )
            mapped[number] = text
    return mapped


def marks() -> dict[str, str]:
    """The submission's `flag` and `new`, where the settings ask for them."""
    wanted = {"flag": settings.JOTFORM_SET_FLAG, "new": settings.JOTFORM_SET_NEW}
    return {name: value for name, value in wanted.items() if value}


def not_shown(expected: Mapping[str, str], submission: Mapping[str, Any]) -> list[str]:
    """The question numbers whose answer in the submission is not the expected text."""
    questions = _questions(submission)
    return [
        number
        for number, text in expected.items()
        if _normal(text) != _normal(_shown(questions.get(number)))
    ]


def _texts(case: Case) -> dict[str, str]:
    is_approved = case.status == Case.Status.APPROVED
    found = identified(case) if is_approved else []
    return {
        "answer": _text(case, found),
        "answer_status": case.get_status_display(),
        "answer_manufacturer": "; ".join(one.implant.manufacturer for one in found),
        "answer_line": "; ".join(one.implant.name for one in found),
        "answer_diameter": "; ".join(_diameter(one.implant.diameter_mm) for one in found),
        "answer_similarity": "; ".join(_similarity(one.similarity) for one in found),
        "answer_confidence": "; ".join(str(one.confidence.label) for one in found),
        "answer_note": case.note,
    }


def _text(case: Case, found: list[Identified]) -> str:
    decided = fixtures(case)
    is_said_once = len({(one.outcome, one.reason) for one in decided}) < 2 and not found
    context = {
        "is_approved": case.status == Case.Status.APPROVED,
        "identified": found,
        "fixtures": [] if is_said_once or len(decided) < 2 else decided,
        "are_from_left_to_right": are_from_left_to_right(decided),
        "reason": case.decision_reason,
        "note": case.note,
    }
    return render_to_string("jotform/answer.txt", context).strip()


def _diameter(value: Decimal | None) -> str:
    return f"{value.normalize():f} mm".replace(".", ",") if value else "–"


def _similarity(value: float | None) -> str:
    return "–" if value is None else f"{value:.3f}".replace(".", ",")


def _question_number(reference: str, submission: Mapping[str, Any]) -> str:
    if reference.isascii() and reference.isdecimal():
        return reference
    for number, question in _questions(submission).items():
        name = question.get("name")
        if reference in (name, f"q{number}_{name}"):
            return number
    raise JotformError(
        _("The form has no field named “%(name)s”.") % {"name": reference}, permanent=False
    )


def _questions(submission: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    answers = submission.get("answers")
    # PHP writes an empty object as a list.
    entries = answers.items() if isinstance(answers, dict) else ()
    return {number: question for number, question in entries if isinstance(question, dict)}


def _shown(question: Mapping[str, Any] | None) -> str:
    match (question or {}).get("answer"):
        case None:
            return ""
        case list() as parts:
            return ", ".join(map(str, parts))
        case dict() as parts:
            return " ".join(map(str, parts.values()))
        case value:
            return str(value)


def _normal(text: str) -> str:
    """Without what a form field may do to a text: escapes, line breaks, outer spaces."""
    plain = html.unescape(re.sub(r"</?(br|p)\s*/?>", " ", text, flags=re.IGNORECASE))
    return " ".join(unicodedata.normalize("NFC", plain).split())
