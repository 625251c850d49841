"""Taking a decision back: for a short time, and for as long as its answer has not left."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.conf import settings
from django.contrib.auth.models import User
from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from cases import consent, hard_negatives, proposals
from cases.models import Case, CaseEvent, Finding, Result
from cases.verdicts import StateConflict


class TooLate(StateConflict):
    """The answer is on its way or has left; or there is none, and the time is over."""

    def __init__(self) -> None:
        super().__init__(
            _("It is too late to undo this decision: the answer is on its way or the time is over.")
        )


@dataclass(frozen=True)
class Answers:
    """What the layer that sends answers knows.

    `have_left`: whether any answer to the decided case has, or may have, left; None where
    there is none to send. `take_back`: have them not sent, within the transaction of the
    undoing, whose lock on the case it may rely on; False when one has left.
    """

    have_left: Callable[[Case], bool | None]
    take_back: Callable[[Case], bool | None]


_senders: list[Answers] = []


def before_undo(answers: Answers) -> None:
    """Have a layer above say whether answers have left, and hold those back that have not."""
    _senders.append(answers)


def undo_until(case: Case) -> datetime | None:
    """Until when an answer to the decision is held back; None where nothing is decided.

    Later the decision may still be undone for as long as no answer has left: `can_undo`.
    """
    if not case.is_decided or case.decided_at is None:
        return None
    return case.decided_at + timedelta(seconds=settings.RAIOX_UNDO_SECONDS)


def can_undo(case: Case) -> bool:
    """Whether `undo` would succeed at this moment."""
    return case.is_decided and _is_in_time(case, [one.have_left(case) for one in _senders])


def undo(*, case_id: int, by: User) -> Case:
    """approved | rejected → pending (failed, where no film could be read; received, where the
    consent is missing): the decision is taken back entirely. Films that were still to come are
    looked for again.

    Raises TooLate, StateConflict when the case is not decided, Case.DoesNotExist.
    """
    with transaction.atomic():
        case = Case.objects.select_for_update().get(pk=case_id)
        if not case.is_decided:
            raise StateConflict(_("The case is not decided (any more): there is nothing to undo."))
        taken_back = [one.take_back(case) for one in _senders]
        if not _is_in_time(case, [None if one is None else not one for one in taken_back]):
            raise TooLate
        kept = {"decided_by": case.decided_by_id, "verdicts": _verdicts(case)}
        take_back(case, keep_texts=True)
        case.status = _status_before(case)
        if case.images.filter(is_awaited=True).exists():
            case.next_try_at = timezone.now()
        case.save()
        case.record(CaseEvent.What.UNDONE, actor=by, **kept)
    return case


def take_back(case: Case, *, keep_texts: bool = False) -> None:
    """Clear what the decision wrote: on the case (not saved), its findings and results.

    What the reviewer saw stays, and with `keep_texts` the note and the reasons: whoever typed
    them goes on from there. References made from the films go with the decision that said what
    they show, and so does what it taught. The caller holds the lock of the case.
    """
    case.decided_at = case.decided_by = None
    case.outcome = ""
    findings = Finding.objects.filter(case_image__case=case)
    findings.update(outcome="")
    if not keep_texts:
        case.decision_reason = case.note = ""
        findings.update(reason="")
    hard_negatives.take_back(case)
    results = Result.objects.filter(finding__case_image__case=case)
    results.filter(rank=None).delete()
    results.update(approved=False, approved_at=None, approved_by=None)
    proposals.withdraw(case)


def _status_before(case: Case) -> Case.Status:
    if case.awaits_consent or consent.was_taken_back(case):
        case.awaits_consent = True
        return Case.Status.RECEIVED
    return Case.Status.FAILED if case.failure else Case.Status.PENDING


def _verdicts(case: Case) -> dict[str, dict[str, Any]]:
    """Finding id → its outcome and the ids of its implants, as they were decided."""
    decided = Finding.objects.filter(case_image__case=case).exclude(outcome="")
    approved = case.approved_results.values_list("finding_id", "implant_id")
    return {
        str(finding.pk): {
            "outcome": finding.outcome,
            "implants": [implant for found, implant in approved if found == finding.pk],
        }
        for finding in decided
    }


def _is_in_time(case: Case, have_left: list[bool | None]) -> bool:
    known = [one for one in have_left if one is not None]
    if known:
        return not any(known)
    until = undo_until(case)
    return until is not None and timezone.now() < until
