"""What a reviewer decides."""

from collections.abc import Sequence

from django.contrib.auth.models import User
from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from cases import hard_negatives
from cases import verdicts as verdicts_
from cases.intake import PROCESS_TASK
from cases.models import Case, CaseEvent, Finding
from cases.shown import Shown, check_marks
from cases.signals import case_decided
from cases.undo import Answers, TooLate, before_undo, can_undo, undo, undo_until
from cases.verdicts import (
    NOTE_LENGTH,
    REASON_LENGTH,
    Choice,
    Outdated,
    ReviewError,
    StateConflict,
    Verdict,
)
from matching.queue import enqueue

__all__ = [
    "NOTE_LENGTH",
    "REASON_LENGTH",
    "Answers",
    "Choice",
    "Outdated",
    "ReviewError",
    "Shown",
    "StateConflict",
    "TooLate",
    "Verdict",
    "announce_again",
    "approve",
    "before_undo",
    "can_undo",
    "decide",
    "reject",
    "retry",
    "set_internal_note",
    "set_priority",
    "undo",
    "undo_until",
]

Status, What = Case.Status, CaseEvent.What


def decide(
    *,
    case_id: int,
    verdicts: Sequence[Verdict],
    reviewer: User,
    note: str = "",
    internal_note: str | None = None,
    revision: int | None = None,
    shown: Shown | None = None,
) -> Case:
    """pending → approved when any fixture is identified, else rejected.

    Every fixture that a person marked needs a verdict; what only the finder saw, or a film as a
    whole, needs none beside another one.
    `note` (at most NOTE_LENGTH characters) goes out with the answer, `internal_note` never
    does (None leaves the one that is there); `revision` is the one that the reviewer saw, and
    `shown` what else she saw.
    Raises ReviewError for verdicts that cannot be (it names the fixture), texts too long or an
    internal note that somebody else changed too, Outdated when the sender has changed the case
    since that revision or its marks are other ones than those shown, StateConflict when it
    does not await review, Case.DoesNotExist.
    """
    shown = shown or Shown()
    with transaction.atomic():
        case = _locked(case_id, expected=(Status.PENDING,), revision=revision)
        check_marks(case, shown.marks)
        if internal_note is not None:
            _note_down(case, internal_note, reviewer, shown=shown.internal_note)
        case.note = verdicts_.note(note)
        _settle(case, verdicts, reviewer)
    return case


def approve(
    *,
    case_id: int,
    choices: Sequence[Choice],
    reviewer: User,
    note: str = "",
    revision: int | None = None,
) -> Case:
    """pending → approved, with one or more implants of the catalogue.

    Raises ReviewError for no or unknown implants or findings, a fixture marked by a person that
    is not among them or a note too long; else as `decide`.
    """
    with transaction.atomic():
        case = _locked(case_id, expected=(Status.PENDING,), revision=revision)
        case.note = verdicts_.note(note)
        _settle(case, verdicts_.of_choices(case, choices), reviewer)
    return case


def reject(
    *,
    case_id: int,
    reason: str,
    reviewer: User,
    note: str = "",
    revision: int | None = None,
    outcome: str = "",
    internal_note: str | None = None,
) -> Case:
    """pending | failed → rejected; the reason, and a note if there is one, reach the dentist.

    An `outcome` (not in the catalogue, or unreadable) holds for every fixture of the case.
    A case whose film can never be read, or that waits for consent (received → rejected), would
    otherwise leave the dentist without an answer.
    Raises ReviewError without a reason, for another outcome or a text too long; else as
    `decide`.
    """
    with transaction.atomic():
        case = _rejectable(case_id, revision)
        if outcome not in ("", Finding.Outcome.NOT_IN_CATALOGUE, Finding.Outcome.UNREADABLE):
            raise ReviewError(_("The decision could not be read. Please choose again."))
        case.decision_reason, case.note = verdicts_.reason(reason), verdicts_.note(note)
        if not case.decision_reason:
            raise ReviewError(_("Say why the case is rejected."))
        if internal_note is not None:
            _note_down(case, internal_note, reviewer)
        if outcome:
            findings = Finding.objects.filter(case_image__case=case)
            findings.update(outcome=outcome, reason=case.decision_reason)
        case.outcome = outcome
        _close(case, Status.REJECTED, reviewer)
    return case


def retry(*, case_id: int, by: User) -> Case:
    """failed → received, and queued again, unless its source has yet to confirm it.

    Raises StateConflict, Case.DoesNotExist.
    """
    with transaction.atomic():
        case = _locked(case_id, expected=(Status.FAILED,))
        case.requeue()
        case.record(What.RETRIED, actor=by)
        if not case.is_stopped:
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


def set_priority(*, case_id: int, priority: int, by: User) -> Case:
    """Say how urgent a case is. Raises ReviewError for no such priority, StateConflict for an
    archived case, Case.DoesNotExist."""
    with transaction.atomic():
        case = _not_archived(case_id)
        if priority not in Case.Priority.values:
            raise ReviewError(_("There is no such priority."))
        if case.priority != priority:
            case.priority = priority
            case.save(update_fields=["priority", "updated_at"])
            case.record(What.PRIORITY, actor=by, priority=priority)
    return case


def set_internal_note(*, case_id: int, text: str, by: User, shown: str | None = None) -> Case:
    """Write the note that never leaves the house, in place of the one that was `shown`.

    Raises ReviewError for more than NOTE_LENGTH characters or where another one than that
    stands there by now, StateConflict for an archived case, Case.DoesNotExist.
    """
    with transaction.atomic():
        case = _not_archived(case_id)
        _note_down(case, text, by, shown=shown)
        case.save(update_fields=["internal_note", "updated_at"])
    return case


def _locked(case_id: int, *, expected: Sequence[Case.Status], revision: int | None = None) -> Case:
    case = Case.objects.select_for_update().get(pk=case_id)
    is_over = case.is_decided or case.status == Status.ARCHIVED
    if revision not in (None, case.revision) and not is_over:
        raise Outdated
    verdicts_.check_status(case, *expected)
    return case


def _rejectable(case_id: int, revision: int | None) -> Case:
    case = _locked(
        case_id, expected=(Status.PENDING, Status.FAILED, Status.RECEIVED), revision=revision
    )
    if case.is_held or not case.is_waiting_for_consent:
        verdicts_.check_status(case, Status.PENDING, Status.FAILED)
    return case


def _not_archived(case_id: int) -> Case:
    case = Case.objects.select_for_update().get(pk=case_id)
    if case.status == Status.ARCHIVED:
        raise StateConflict(_("The case was erased: nothing can be written to it any more."))
    return case


def _note_down(case: Case, text: str, by: User, *, shown: str | None = None) -> None:
    """What was not changed on the page is not written: somebody else's note may stand there."""
    text = verdicts_.note(text)
    if shown is not None and text == shown.strip():
        return
    if shown is not None and case.internal_note not in (shown.strip(), text):
        raise ReviewError(
            _("Somebody else changed the internal note meanwhile: put both together and try again.")
        )
    if text != case.internal_note:
        case.internal_note = text
        case.record(What.NOTED, actor=by)


def _settle(case: Case, verdicts: Sequence[Verdict], reviewer: User) -> None:
    verdicts_.record(case, verdicts, reviewer)
    hard_negatives.keep(case)
    is_approved = case.outcome == Finding.Outcome.IDENTIFIED
    implant_ids = sorted({pk for verdict in verdicts for pk in verdict.implant_ids})
    details = {"implant_ids": implant_ids} if is_approved else {}
    _close(case, Status.APPROVED if is_approved else Status.REJECTED, reviewer, **details)


def _close(case: Case, status: Case.Status, reviewer: User, **details: Sequence[int]) -> None:
    """Films that were still to come are not looked for any more, and what an undone decision
    left on a fixture that this one says nothing of is not part of it."""
    Finding.objects.filter(case_image__case=case, outcome="").update(reason="")
    case.status, case.decided_at, case.decided_by = status, timezone.now(), reviewer
    case.next_try_at = None
    case.save()
    what = What.APPROVED if status == Status.APPROVED else What.REJECTED
    case.record(what, actor=reviewer, **details)
    case_decided.send(sender=Case, case=case)
