"""Writing an answer into its submission at Jotform, and reading it back."""

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from django.conf import settings
from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from cases.models import Case
from integrations.jotform.client import JotformClient, JotformError
from integrations.jotform.incoming import readings
from integrations.jotform.outgoing import answer, outbox
from integrations.models import JotformSubmission, ResultReturn
from matching.locks import require_lock

# How long a reading may take before the answer is tried again.
READING_TIME = timedelta(seconds=20)
# From the last look at the decision on, an attempt has its answer to itself for so long: it
# begins to write within the first seconds or not at all, and has ended (`client`, by its
# deadline) before the time is over, also where its host was cut off or PostgreSQL restarted,
# which ends the lock of the answer early.
OWN_TIME = timedelta(seconds=30)
BEGINS_WITHIN = timedelta(seconds=5)


def deliver(row: ResultReturn) -> None:
    """Write the answer, unless an earlier attempt got that far and Jotform shows it already;
    then make sure that it shows. Raises JotformError.

    Our own edit changes the version of the submission, which is read once more for that: the
    sender may have edited in the same moment, and only its films would tell.
    """
    client = JotformClient(settings.JOTFORM_API_BASE, settings.JOTFORM_API_KEY)
    submission_id = str(row.case.jotform_submission_id)
    before = client.read_submission(submission_id)
    _refuse_wrong(row.case, before)
    fields = _fields(row, before)
    if not answer.not_shown(fields, before):
        return
    _refuse_edited(row.case, before)
    _refuse_late(row)
    client.edit_submission(
        submission_id, fields, marks=answer.marks(), transport=settings.JOTFORM_TRANSPORT
    )
    # Numbers that the form does not have are dropped in silence, with status 200.
    if lost := answer.not_shown(fields, client.read_submission(submission_id)):
        raise JotformError(
            _("Jotform took the answer but does not show it in field %(fields)s.")
            % {"fields": ", ".join(lost)},
            permanent=False,
        )


class OutOfDate(JotformError):
    """The case was reopened or erased: this answer must not go out any more."""


class Edited(JotformError):
    """The submission is another one than was taken in; that is being done first."""

    is_failure = False


def _fields(row: ResultReturn, submission: Mapping[str, Any]) -> dict[str, str]:
    """What the answer says as the decision stands now: it may have been taken back while
    Jotform was asked."""
    with transaction.atomic():
        case = Case.objects.select_for_update().get(pk=row.case_id)
        require_lock(outbox.lock_name(row), row.case_id)
        # Another attempt since then has counted itself.
        due = ResultReturn.objects.unsent().filter(pk=row.pk, attempts=row.attempts)
        if not due.filter(revision=case.revision).exists() or not case.is_decided:
            raise OutOfDate(_("The case was reopened: this answer is out of date."), permanent=True)
        row.status, row.next_try_at = ResultReturn.Status.WAITING, timezone.now() + OWN_TIME
        due.update(status=row.status, next_try_at=row.next_try_at)
        # What is written is what this case says, not what it says when that is done.
        row.case = case
        return answer.fields(case, submission)


def _refuse_late(row: ResultReturn) -> None:
    """This process, or its machine, was held up: others may have taken the answer over."""
    if timezone.now() > row.next_try_at - OWN_TIME + BEGINS_WITHIN:
        raise JotformError(_("The attempt was interrupted."), permanent=False)


def _refuse_wrong(case: Case, submission: Mapping[str, Any]) -> None:
    asked = str(case.jotform_submission_id)
    if str(submission.get("id", asked)) != asked:
        raise JotformError(_("Jotform answered with another submission."), permanent=False)
    form_id = str(submission.get("form_id", ""))
    if str(submission.get("status", "")).upper() == "DELETED":
        raise JotformError(_("The submission was deleted at Jotform."), permanent=True)
    if case.form_id and form_id and case.form_id != form_id:
        raise JotformError(_("The submission belongs to another form at Jotform."), permanent=True)


def _refuse_edited(case: Case, submission: dict[str, Any]) -> None:
    """The sender changed something that was not taken in yet: perhaps the films, and then this
    answer is none to them."""
    submission_id = str(case.jotform_submission_id)
    known = JotformSubmission.objects.filter(submission_id=submission_id).first()
    if known and known.version == readings.version_of(submission):
        return
    is_settled = known is None or known.asked == known.read
    is_asleep = known is not None and known.is_asleep
    if is_settled or is_asleep:
        # Jotform has just answered: a reading that waits out an outage need not any more.
        readings.ask(submission_id=submission_id, form_id=case.form_id, case=case)
    if known and is_settled and known.last_error:
        raise JotformError(known.last_error, permanent=False)
    raise Edited(
        _("The submission was edited at Jotform: the changes are taken in first."),
        permanent=False,
        retry_at=timezone.now() + READING_TIME,
    )
