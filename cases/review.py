"""What a reviewer decides."""

from collections.abc import Sequence
from dataclasses import dataclass

from django.contrib.auth.models import User
from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from cases.intake import PROCESS_TASK
from cases.models import Case, CaseEvent, Finding, Result
from cases.signals import case_decided
from implants.models import Implant
from matching.queue import enqueue

NOTE_LENGTH = 1000


class ReviewError(ValueError):
    """The decision cannot be made as asked. `str()` is a sentence for the reviewer."""


class StateConflict(ReviewError):
    """The case's status does not allow this (any more): somebody else may have decided."""


class Outdated(StateConflict):
    """The sender changed the case after the reviewer saw it, or a late film arrived."""

    def __init__(self) -> None:
        super().__init__(
            _("This case has changed since you opened it: look at it again before deciding.")
        )


@dataclass(frozen=True)
class Choice:
    """An implant approved for a finding; without a finding, for the one that proposed it
    best, else for the first."""

    implant_id: int
    finding_id: int | None = None


def approve(
    *,
    case_id: int,
    choices: Sequence[Choice],
    reviewer: User,
    note: str = "",
    revision: int | None = None,
) -> Case:
    """pending → approved, with one or more implants of the catalogue.

    `note` (at most NOTE_LENGTH characters) goes out with the answer; `revision` is the one
    that the reviewer saw.
    Raises ReviewError for no or unknown implants or findings or a note too long, Outdated
    when the sender has changed the case since that revision, StateConflict when it does not
    await review, Case.DoesNotExist.
    """
    with transaction.atomic():
        case = _locked(case_id, expected=(Case.Status.PENDING,), revision=revision)
        if not choices:
            raise ReviewError(_("Choose at least one implant."))
        implants = _implants(choices)
        findings = list(Finding.objects.filter(case_image__case=case).order_by("pk"))
        for choice in choices:
            _mark(_result(choice, implants[choice.implant_id], findings), reviewer)
        case.note = _note(note)
        _decide(case, Case.Status.APPROVED, reviewer)
        case.record(CaseEvent.What.APPROVED, actor=reviewer, implant_ids=sorted(implants))
        case_decided.send(sender=Case, case=case)
    return case


def reject(
    *, case_id: int, reason: str, reviewer: User, note: str = "", revision: int | None = None
) -> Case:
    """pending | failed → rejected; the reason, and a note if there is one, reach the dentist.

    A case whose film can never be read would otherwise leave the dentist without an answer.
    Raises ReviewError without a reason or for a note too long, Outdated, StateConflict (both
    as `approve`), Case.DoesNotExist.
    """
    with transaction.atomic():
        expected = (Case.Status.PENDING, Case.Status.FAILED)
        case = _locked(case_id, expected=expected, revision=revision)
        if not reason.strip():
            raise ReviewError(_("Say why the case is rejected."))
        case.decision_reason, case.note = reason.strip(), _note(note)
        _decide(case, Case.Status.REJECTED, reviewer)
        case.record(CaseEvent.What.REJECTED, actor=reviewer)
        case_decided.send(sender=Case, case=case)
    return case


def retry(*, case_id: int, by: User) -> Case:
    """failed → received, and queued again, unless its source has yet to confirm it.

    Raises StateConflict, Case.DoesNotExist.
    """
    with transaction.atomic():
        case = _locked(case_id, expected=(Case.Status.FAILED,))
        case.requeue()
        case.record(CaseEvent.What.RETRIED, actor=by)
        if not case.is_held:
            enqueue(PROCESS_TASK, case.pk)
    return case


def announce_again(*, case_id: int) -> Case:
    """Announce a decided case once more: what listens sends the answer if it is still due.

    Raises StateConflict, Case.DoesNotExist.
    """
    with transaction.atomic():
        case = Case.objects.select_for_update().get(pk=case_id)
        if not case.is_decided:
            raise StateConflict(_("The case is not decided yet."))
        case_decided.send(sender=Case, case=case)
    return case


def _locked(case_id: int, *, expected: Sequence[Case.Status], revision: int | None = None) -> Case:
    case = Case.objects.select_for_update().get(pk=case_id)
    is_over = case.is_decided or case.status == Case.Status.ARCHIVED
    if revision not in (None, case.revision) and not is_over:
        raise Outdated
    if case.status not in expected:
        raise StateConflict(
            _("The case is “%(status)s”; this is only possible while it is “%(expected)s”.")
            % {"status": case.get_status_display(), "expected": expected[0].label}
        )
    return case


def _note(text: str) -> str:
    text = text.strip()
    if len(text) > NOTE_LENGTH:
        raise ReviewError(
            _("The note is too long: at most %(limit)d characters.") % {"limit": NOTE_LENGTH}
        )
    return text


def _implants(choices: Sequence[Choice]) -> dict[int, Implant]:
    implants = Implant.objects.in_bulk({choice.implant_id for choice in choices})
    missing = sorted({choice.implant_id for choice in choices} - set(implants))
    if missing:
        raise ReviewError(
            _("There is no implant %(ids)s in the catalogue.")
            % {"ids": ", ".join(map(str, missing))}
        )
    return implants


def _result(choice: Choice, implant: Implant, findings: Sequence[Finding]) -> Result:
    """The result row of this choice: the matcher's, or a new one without a rank."""
    allowed = [f.pk for f in findings if choice.finding_id in (None, f.pk)]
    if not allowed:
        raise ReviewError(_("The case has no such finding."))
    proposed = (
        Result.objects.filter(finding_id__in=allowed, implant=implant)
        .order_by("rank", "-similarity")
        .first()
    )
    return proposed or Result(finding_id=allowed[0], implant=implant)


def _mark(result: Result, reviewer: User) -> None:
    result.approved, result.approved_at, result.approved_by = True, timezone.now(), reviewer
    result.save()


def _decide(case: Case, status: Case.Status, reviewer: User) -> None:
    """Films that were still to come are not looked for any more."""
    case.status, case.decided_at, case.decided_by = status, timezone.now(), reviewer
    case.next_try_at = None
    case.save(
        update_fields=[
            "status",
            "decided_at",
            "decided_by",
            "decision_reason",
            "note",
            "next_try_at",
            "updated_at",
        ]
    )
