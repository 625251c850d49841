"""Which question of a form plays which role, proposed from the form's own questions."""

import html
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from integrations.jotform.incoming.api_submission import UNANSWERABLE, UPLOAD_TYPE
from integrations.jotform.incoming.cleaning import clean_text
from integrations.jotform.incoming.form import FILE_NAME, GUESSES, NOT_MEANT, words
from integrations.jotform.roles import ANSWER_ROLES, READ_ROLES

EMAIL_TYPE = "control_email"
TEXT_TYPES = ("control_textarea", "control_textbox")
# Types that cannot play a role, whatever they are called.
_UNFIT = {
    "dentist_name": r"email|phone|address|date|upload|signature|checkbox|textarea|number",
    "dentist_email": r"fullname|phone|address|date|upload|signature|checkbox|textarea|number",
    "patient_name": r"email|phone|address|date|upload|signature|checkbox|textarea|number",
    "tooth": r"email|phone|address|date|upload|signature|fullname",
    "consent": r"email|phone|address|date|fullname|textarea|number|textbox",
}
_ANSWERS: dict[str, tuple[str, ...]] = {
    "answer_status": (r"\bsituacao\b|\bstatus\b|\bestado d[oa] (analise|laudo|caso)\b",),
    "answer_manufacturer": (r"fabricante|manufacturer|\bmarca\b",),
    "answer_line": (r"\blinha\b|\bline\b|\bmodelo?\b",),
    "answer_diameter": (r"diametro|diameter",),
    "answer_similarity": (r"similaridade|similarity|semelhanca",),
    "answer_confidence": (r"confianca|confidence",),
    "answer_note": (r"(\bnotas?\b|observac|comentario|\bnote\b).*(revis|review|laudo|resultado)",),
    "answer": (r"resultado|\bresults?\b", r"resposta|\banswer\b", r"\blaudo\b"),
}


@dataclass(frozen=True)
class FormQuestion:
    """A question as the form defines it; `kind` is Jotform's type (`control_textbox`)."""

    qid: str
    name: str
    label: str
    kind: str
    order: int
    is_required: bool

    def says(self, pattern: str) -> bool:
        return any(re.search(pattern, words(text)) for text in (self.name, self.label))


@dataclass
class Proposal:
    """Question number by role, the roles that no question plays, and for each role the
    questions that fit as well as the one that was taken."""

    fields: dict[str, str] = field(default_factory=dict)
    missing: list[str] = field(default_factory=list)
    rivals: dict[str, list[FormQuestion]] = field(default_factory=dict)


def read_questions(content: Mapping[str, Mapping[str, Any]]) -> list[FormQuestion]:
    """The questions of `GET /form/{id}/questions`, in the order of the form."""
    questions = [_question(qid, one) for qid, one in content.items()]
    return sorted(questions, key=lambda one: (one.order, len(one.qid), one.qid))


def propose(questions: Sequence[FormQuestion]) -> Proposal:
    """The best fit for every role, by unique name, label and type.

    What Raiox writes goes to a text field that nobody is asked to fill in.
    """
    proposal = Proposal()
    free = [one for one in questions if not UNANSWERABLE.match(one.kind)]
    for role in READ_ROLES:
        fitting = _films(free) if role == "files" else _fitting(role, free)
        _settle(proposal, role, fitting)
        free = [one for one in free if one.qid not in proposal.fields.get(role, "").split(",")]
    writable = [one for one in free if one.kind in TEXT_TYPES and not one.is_required]
    # First the special ones: `resultadoFabricante` is not the whole answer.
    for role, patterns in _ANSWERS.items():
        fitting = _matching(patterns, writable, TEXT_TYPES.index)
        _settle(proposal, role, fitting)
        writable = [one for one in writable if one.qid != proposal.fields.get(role)]
    proposal.missing.sort(key=[*READ_ROLES, *ANSWER_ROLES].index)
    return proposal


def _question(qid: str, content: Mapping[str, Any]) -> FormQuestion:
    order = clean_text(content.get("order"))
    return FormQuestion(
        qid=clean_text(content.get("qid")) or qid,
        name=clean_text(content.get("name")),
        label=clean_text(re.sub(r"<[^>]*>", " ", html.unescape(str(content.get("text") or "")))),
        kind=clean_text(content.get("type")),
        order=int(order) if order.isascii() and order.isdecimal() and len(order) < 10 else 0,
        is_required=clean_text(content.get("required")).lower() == "yes",
    )


def _settle(proposal: Proposal, role: str, fitting: Sequence[FormQuestion]) -> None:
    if not fitting:
        proposal.missing.append(role)
        return
    # A film may lie in any of several upload fields; everything else is in one place.
    taken = fitting if role == "files" else fitting[:1]
    proposal.fields[role] = ",".join(one.qid for one in taken)
    if len(fitting) > 1:
        proposal.rivals[role] = list(fitting[1:])


def _fitting(role: str, questions: Iterable[FormQuestion]) -> list[FormQuestion]:
    refused = NOT_MEANT.get(role)
    able = [
        one
        for one in questions
        if not re.search(_UNFIT[role], one.kind) and not (refused and one.says(refused))
    ]
    if role != "dentist_email":
        return _matching(GUESSES[role], able)
    # Any e-mail question may be the dentist's, however it is called.
    named = _matching(GUESSES[role], able, lambda kind: kind != EMAIL_TYPE)
    return named or [one for one in able if one.kind == EMAIL_TYPE]


def _matching(
    patterns: Iterable[str],
    questions: Sequence[FormQuestion],
    preference: Callable[[str], int] = lambda kind: 0,
) -> list[FormQuestion]:
    """The questions that the first telling pattern finds, those of preferred types alone."""
    for pattern in patterns:
        if found := [one for one in questions if one.says(pattern)]:
            best = min(preference(one.kind) for one in found)
            return [one for one in found if preference(one.kind) == best]
    return []


def _films(questions: Iterable[FormQuestion]) -> list[FormQuestion]:
    uploads = [one for one in questions if one.kind == UPLOAD_TYPE]
    return [one for one in uploads if one.says(FILE_NAME.pattern)] or uploads
