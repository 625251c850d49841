"""What the dentist gets to read, and whether Jotform shows it."""

import html
import re
from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from django.conf import settings
from django.utils.translation import gettext as _

from cases.models import Case, Result
from implants.models import Implant
from integrations.jotform.client import JotformError
from integrations.jotform.roles import ANSWER_ROLES


def fields(case: Case, submission: Mapping[str, Any]) -> dict[str, str]:
    """Text by question number, for every role that JOTFORM_FIELDS maps and that has a text.

    Raises JotformError when the form has no field of a name that is mapped.
    """
    texts = {role: text for role, text in _texts(case).items() if text}
    return {
        _question_number(str(settings.JOTFORM_FIELDS[role]).strip(), submission): text
        for role, text in texts.items()
        if settings.JOTFORM_FIELDS.get(role)
    }


def needs_form() -> bool:
    """Whether some role is mapped by a field's unique name, whose number the form knows."""
    mapped = (settings.JOTFORM_FIELDS.get(role, "").strip() for role in ANSWER_ROLES)
    return not all(reference.isdecimal() for reference in mapped if reference)


def not_shown(expected: Mapping[str, str], submission: Mapping[str, Any]) -> list[str]:
    """The question numbers whose answer in the submission is not the expected text."""
    questions = _questions(submission)
    return [
        number
        for number, text in expected.items()
        if _normal(text) != _normal(_shown(questions.get(number)))
    ]


def _texts(case: Case) -> dict[str, str]:
    results: dict[int, Result] = {}
    for result in case.approved_results:
        results.setdefault(result.implant_id, result)
    implants = [result.implant for result in results.values()]
    is_approved = case.status == Case.Status.APPROVED
    return {
        "answer": "\n".join(map(_line, implants)) if is_approved else case.decision_reason,
        "answer_status": case.get_status_display(),
        "answer_manufacturer": "; ".join(implant.manufacturer for implant in implants),
        "answer_line": "; ".join(implant.name for implant in implants),
        "answer_diameter": "; ".join(_diameter(implant.diameter_mm) for implant in implants),
        "answer_similarity": "; ".join(_similarity(one.similarity) for one in results.values()),
    }


def _line(implant: Implant) -> str:
    parts = (implant.manufacturer, implant.name, implant.type, implant.size)
    return ", ".join(filter(None, parts))


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
    value = (question or {}).get("answer", "")
    parts = value if isinstance(value, list) else [value]
    return "" if value is None else ", ".join(map(str, parts))


def _normal(text: str) -> str:
    """Without what a form field may do to a text: escapes, line breaks, outer spaces."""
    return " ".join(html.unescape(re.sub(r"<br\s*/?>", " ", text)).split())
