"""What the sender of a case changed, in the reviewer's words. Names of fields, never values."""

from collections.abc import Sequence
from dataclasses import dataclass

from django.utils.text import capfirst
from django.utils.translation import gettext_lazy, ngettext

from cases.models import Case, CaseEvent
from implants.models import Implant

FIELD_LABELS = {
    "dentist_name": gettext_lazy("dentist"),
    "dentist_email": gettext_lazy("dentist's e-mail"),
    "patient_name": gettext_lazy("patient"),
    "tooth": gettext_lazy("tooth"),
    "consent": gettext_lazy("consent"),
    "consent_at": gettext_lazy("consent"),
}
What = CaseEvent.What
DECISIONS = (What.APPROVED, What.REJECTED)


@dataclass(frozen=True)
class Line:
    """A line of the history; `change` says what an edit of the sender changed."""

    event: CaseEvent
    change: str = ""


@dataclass(frozen=True)
class Reopening:
    """A decision that no longer stands, because the sender changed the films after it."""

    decision: CaseEvent
    implants: Sequence[Implant] = ()


def history(case: Case) -> list[Line]:
    """Every line of the history of a case (from `for_review`)."""
    return [Line(event, _change([event])) for event in case.events.all()]


def changed_after_decision(case: Case) -> str:
    """What the sender changed after the decision that stands; empty when nothing, or when no
    decision stands."""
    if not case.is_decided or case.decided_at is None:
        return ""
    return capfirst(_change([e for e in case.events.all() if e.created_at > case.decided_at]))


def reopening(case: Case) -> Reopening | None:
    """The decision to be taken again; None when there is none."""
    if case.is_decided or case.status == Case.Status.ARCHIVED:
        return None
    turns = [e for e in case.events.all() if e.what in (*DECISIONS, What.REOPENED)]
    earlier = [e for e in turns if e.what in DECISIONS]
    if not earlier or turns[-1].what != What.REOPENED:
        return None
    ids = earlier[-1].details.get("implant_ids", ())
    return Reopening(earlier[-1], list(Implant.objects.filter(pk__in=ids)) if ids else ())


def _change(events: Sequence[CaseEvent]) -> str:
    details = [event.details for event in events if event.what == What.UPDATED]
    names = [name for one in details for name in one.get("fields", ())]
    added = sum(one.get("films_added", 0) for one in details)
    removed = sum(one.get("films_removed", 0) for one in details)
    parts = list(dict.fromkeys(str(FIELD_LABELS.get(name, name)) for name in names))
    if added:
        parts.append(ngettext("%(n)d film added", "%(n)d films added", added) % {"n": added})
    if removed:
        parts.append(
            ngettext("%(n)d film removed", "%(n)d films removed", removed) % {"n": removed}
        )
    return ", ".join(parts)
