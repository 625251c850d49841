"""Bringing decisions back to Jotform, each exactly once.

The outbox row (`ResultReturn`) is the truth, the queue only carries its id. `next_try_at` says
when the row may be queued (again): while it waits in the queue that is a minute ahead, and
from the moment its sending begins it is in the past, so that a row whose worker was killed is
found by `send_due` as soon as nobody holds its lock.
"""

import logging
import secrets
from datetime import timedelta

from django.conf import settings
from django.contrib.auth.models import User
from django.db import transaction
from django.db.models import F
from django.utils import timezone
from django.utils.translation import gettext as _

from cases.models import Case, CaseEvent
from integrations.jotform import answer
from integrations.jotform.client import JotformClient, JotformError
from integrations.models import ResultReturn, backoff
from matching.locks import is_locked, work_lock
from matching.queue import enqueue

log = logging.getLogger(__name__)

RETURN_TASK = "integrations.tasks.send_return"
WORK_LOCK = "raiox.answer"
MAX_ATTEMPTS = 12
QUEUE_LEASE = timedelta(minutes=1)
LOST_AT_MOST = 20
CONFIGURATION_CHECK = timedelta(minutes=1)


class AlreadySent(ValueError):
    """The answer has been delivered. `str()` is a sentence."""


def queue_return(*, case: Case) -> ResultReturn | None:
    """Put the answer to a decided case into the outbox, once; None when nobody waits for it.
    An answer that is there and neither sent nor queued is queued again.

    Called inside the transaction that decides the case.
    """
    if not case.jotform_submission_id:
        return None
    with transaction.atomic():
        row, is_new = ResultReturn.objects.select_for_update().get_or_create(
            case=case, defaults={"next_try_at": timezone.now() + QUEUE_LEASE}
        )
        if is_new or row.status not in (ResultReturn.Status.SENT, ResultReturn.Status.QUEUED):
            _queue(row)
    return row


def send_again(*, return_id: int, by: User) -> ResultReturn:
    """Any but sent → queued, with its attempts forgiven.

    Raises AlreadySent, ResultReturn.DoesNotExist.
    """
    with transaction.atomic():
        row = ResultReturn.objects.select_for_update().get(pk=return_id)
        if row.status == ResultReturn.Status.SENT:
            raise AlreadySent(_("The answer has been delivered already."))
        _queue(row, by=by)
    return row


def requeue_lost() -> int:
    """Queue answers whose task a killed worker may have taken along; their number.

    Called when a worker starts. A cluster holds only a few tasks at a time, and one that is
    queued twice is sent once.
    """
    queued = ResultReturn.objects.filter(status=ResultReturn.Status.QUEUED, attempts=0)
    ids = queued.order_by("next_try_at").values_list("pk", flat=True)[:LOST_AT_MOST]
    lost = [return_id for return_id in ids if not is_locked(WORK_LOCK, return_id)]
    for return_id in lost:
        enqueue(RETURN_TASK, return_id)
    return len(lost)


def _queue(row: ResultReturn, *, by: User | None = None) -> None:
    row.status, row.attempts, row.last_error = ResultReturn.Status.QUEUED, 0, ""
    row.next_try_at = timezone.now() + QUEUE_LEASE
    row.save()
    row.case.record(CaseEvent.What.ANSWER_QUEUED, actor=by)
    enqueue(RETURN_TASK, row.pk)


def send_due() -> int:
    """Queue every answer whose time has come and that nobody is sending; their number."""
    if obstacle := _missing_setting():
        ResultReturn.objects.due().update(
            status=ResultReturn.Status.NOT_CONFIGURED,
            last_error=obstacle,
            next_try_at=timezone.now() + CONFIGURATION_CHECK,
        )
        return 0
    due = ResultReturn.objects.due().order_by("next_try_at").values_list("pk", flat=True)
    return sum(_requeue(return_id) for return_id in list(due))


def send(*, return_id: int) -> None:
    """Deliver one answer and read it back. Safe to run twice and at once."""
    with work_lock(WORK_LOCK, return_id) as acquired:
        if not acquired:
            return
        row = ResultReturn.objects.select_related("case").filter(pk=return_id).first()
        if row is not None and _is_sendable(row):
            _send(row)


def _requeue(return_id: int) -> int:
    if is_locked(WORK_LOCK, return_id):
        return 0
    with transaction.atomic():
        updated = (
            ResultReturn.objects.due()
            .filter(pk=return_id)
            .update(status=ResultReturn.Status.QUEUED, next_try_at=timezone.now() + QUEUE_LEASE)
        )
        if updated:
            enqueue(RETURN_TASK, return_id)
    return updated


def _is_sendable(row: ResultReturn) -> bool:
    if row.status == ResultReturn.Status.WAITING:
        return row.next_try_at <= timezone.now()
    return row.status in (ResultReturn.Status.QUEUED, ResultReturn.Status.NOT_CONFIGURED)


def _send(row: ResultReturn) -> None:
    if row.case.status not in (Case.Status.APPROVED, Case.Status.REJECTED):
        _give_up(row, _("The case was erased before its answer was delivered."))
    elif obstacle := _missing_setting():
        _change(
            row,
            status=ResultReturn.Status.NOT_CONFIGURED,
            last_error=obstacle,
            next_try_at=timezone.now() + CONFIGURATION_CHECK,
        )
    elif row.attempts >= MAX_ATTEMPTS:
        _give_up(row, _("Sending was interrupted too often."))
    else:
        _attempt(row)


def _attempt(row: ResultReturn) -> None:
    # Committed before the call: a worker that dies in it leaves the attempt counted.
    if not _change(
        row,
        status=ResultReturn.Status.QUEUED,
        attempts=F("attempts") + 1,
        last_error=_("The attempt was interrupted."),
        next_try_at=timezone.now() + (backoff(row.attempts) if row.attempts else timedelta()),
    ):
        return
    row.attempts += 1
    try:
        _deliver(row.case, may_be_there=_was_tried_before(row))
    except JotformError as error:
        log.warning("answer %s was not delivered: %s", row.pk, error)
        _put_off(row, error)
    else:
        _mark_sent(row)


def _was_tried_before(row: ResultReturn) -> bool:
    queued = row.case.events.filter(what=CaseEvent.What.ANSWER_QUEUED)
    return row.attempts > 1 or queued.count() > 1


def _deliver(case: Case, *, may_be_there: bool) -> None:
    """Write the answer, unless an earlier attempt got that far and Jotform shows it already;
    then make sure that it shows. Raises JotformError."""
    client = JotformClient(settings.JOTFORM_API_BASE, settings.JOTFORM_API_KEY)
    submission_id = str(case.jotform_submission_id)
    must_look = may_be_there or answer.needs_form()
    submission = client.read_submission(submission_id) if must_look else {}
    fields = answer.fields(case, submission)
    if must_look and not answer.not_shown(fields, submission):
        return
    client.edit_submission(submission_id, fields)
    # Numbers that the form does not have are dropped in silence, with status 200.
    lost = answer.not_shown(fields, client.read_submission(submission_id))
    if lost:
        raise JotformError(
            _("Jotform took the answer but does not show it in field %(fields)s.")
            % {"fields": ", ".join(lost)},
            permanent=False,
        )


def _mark_sent(row: ResultReturn) -> None:
    with transaction.atomic():
        changed = (
            ResultReturn.objects.filter(pk=row.pk)
            .exclude(status=ResultReturn.Status.SENT)
            .update(status=ResultReturn.Status.SENT, sent_at=timezone.now(), last_error="")
        )
        if changed:
            row.case.record(CaseEvent.What.ANSWER_SENT, attempts=row.attempts)


def _put_off(row: ResultReturn, error: JotformError) -> None:
    if error.permanent or row.attempts >= MAX_ATTEMPTS:
        _give_up(row, str(error))
        return
    jitter = 1 + secrets.randbelow(250) / 1000
    _change(
        row,
        status=ResultReturn.Status.WAITING,
        last_error=str(error)[:255],
        next_try_at=timezone.now() + backoff(row.attempts) * jitter,
    )


def _give_up(row: ResultReturn, reason: str) -> None:
    with transaction.atomic():
        if _change(row, status=ResultReturn.Status.GIVEN_UP, last_error=reason[:255]):
            row.case.record(CaseEvent.What.ANSWER_FAILED, attempts=row.attempts)


def _change(row: ResultReturn, **changes: object) -> bool:
    """Write what this run found, unless “send again” has begun anew meanwhile."""
    unchanged = ResultReturn.objects.unsent().filter(pk=row.pk, attempts=row.attempts)
    return bool(unchanged.update(**changes))


def _missing_setting() -> str:
    if not settings.JOTFORM_API_KEY.strip():
        return _("JOTFORM_API_KEY is not set.")
    if not settings.JOTFORM_FIELDS.get("answer"):
        return _("JOTFORM_FIELDS names no field for “answer”.")
    return ""
