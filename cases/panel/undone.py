"""Decisions that can be undone, and what a page begins with after one was."""

import math
from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta
from typing import Any

from django.conf import settings
from django.contrib.auth.models import User
from django.utils import timezone

from cases import review
from cases.models import Case, CaseEvent
from cases.panel.forms import Decision, Said

What = CaseEvent.What
TURNS = (What.APPROVED, What.REJECTED, What.REOPENED, What.UNDONE)
# After these the choices may be about another film, or another place on it.
CHANGING = (What.UPDATED, What.MATCHED, What.FIXTURE_MARKED, What.FIXTURE_REMOVED)


def restored(case: Case, decision: Decision, user: User) -> Decision:
    """A decision not yet begun starts with what this user had decided before it was undone:
    the note, and the choices where nothing was changed since. Nobody begins with another
    person's choices."""
    events = list(case.events.all())
    place = max((at for at, one in enumerate(events) if one.what in TURNS), default=None)
    if decision != Decision() or place is None or events[place].what != What.UNDONE:
        return decision
    kept = events[place].details
    if kept.get("decided_by") != user.pk:
        return decision
    if any(event.what in CHANGING for event in events[place:]):
        return replace(decision, note=case.note)
    return _as_it_was(case, decision, kept.get("verdicts", {}))


def last_decision(user: User) -> dict[str, Any]:
    """For any page: `last_decision`, the case that this user decided last, while its answer is
    held back and it can be undone, and `last_decision_seconds`, for how long."""
    if not user.has_perm("cases.decide_case"):
        return {}
    since = timezone.now() - timedelta(seconds=settings.RAIOX_UNDO_SECONDS)
    decided = Case.objects.filter(decided_by=user, decided_at__gt=since)
    case = decided.order_by("-decided_at").first()
    if case is None or not review.can_undo(case):
        return {}
    return {"last_decision": case, "last_decision_seconds": seconds_to_undo(case)}


def seconds_to_undo(case: Case) -> int:
    """For how long the answer is still held back; 0 where nothing is to be undone."""
    until = review.undo_until(case)
    return max(math.ceil((until - timezone.now()).total_seconds()), 0) if until else 0


def _as_it_was(
    case: Case, decision: Decision, verdicts: Mapping[str, Mapping[str, Any]]
) -> Decision:
    """A reason of the whole case is shown where it was not that of its fixtures."""
    findings = [finding for film in case.images.all() for finding in film.findings.all()]
    said = {
        finding.pk: Said(
            outcome=verdicts[str(finding.pk)]["outcome"],
            reason=finding.reason,
            seen=dict(finding.seen or {}),
        )
        for finding in findings
        if str(finding.pk) in verdicts
    }
    ticked = {f"{pk}:{implant}" for pk in said for implant in verdicts[str(pk)]["implants"]}
    reason = "" if verdicts else case.decision_reason
    return replace(decision, ticked=frozenset(ticked), said=said, note=case.note, reason=reason)
