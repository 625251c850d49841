"""Sending answers, each exactly once: at Jotform *sent* means that Jotform shows it."""

import logging
from datetime import timedelta

from django.db.models import F, Q
from django.utils import timezone
from django.utils.translation import gettext as _

from cases.models import Case, CaseEvent
from integrations import notify
from integrations.jotform.client import JotformError, KeyRefused
from integrations.jotform.outgoing import copies, outbox, writing
from integrations.jotform.patience import next_try
from integrations.models import ResultReturn, StaffNotice, backoff
from matching import measured
from matching.locks import work_lock

log = logging.getLogger(__name__)

# With the pauses of `backoff` between them: about half a day.
MAX_ATTEMPTS = 12
# When staff is told that an answer still waits.
LATE = timedelta(hours=24)
Status, Channel = ResultReturn.Status, ResultReturn.Channel
DELIVER = {Channel.JOTFORM: writing.deliver, Channel.COPY: copies.deliver}


def send(*, return_id: int) -> None:
    """Deliver one answer. Safe to run twice and at once.

    One that finds another answer of its case on the way stays queued for `send_due`.
    """
    row = ResultReturn.objects.filter(pk=return_id).first()
    if row is None:
        return
    with work_lock(outbox.lock_name(row), row.case_id) as acquired:
        if not acquired:
            return
        # As it is now that nobody else works on it.
        row = ResultReturn.objects.select_related("case").filter(pk=return_id).first()
        if row is not None and _is_sendable(row):
            _send(row)


def _is_sendable(row: ResultReturn) -> bool:
    if row.status == Status.WAITING:
        return row.next_try_at <= timezone.now()
    return row.status in (Status.QUEUED, Status.NOT_CONFIGURED)


def _send(row: ResultReturn) -> None:
    if row.case.status == Case.Status.ARCHIVED:
        _give_up(row, _too_late())
    elif row.revision != row.case.revision or not row.case.is_decided:
        _change(row, status=Status.WITHDRAWN)
    elif obstacle := outbox.missing_setting(row.channel):
        _change(
            row,
            status=Status.NOT_CONFIGURED,
            last_error=obstacle,
            next_try_at=timezone.now() + outbox.CONFIGURATION_CHECK,
        )
    elif row.attempts >= MAX_ATTEMPTS:
        _give_up(row, _("Sending was interrupted too often."))
    else:
        _attempt(row)


def _attempt(row: ResultReturn) -> None:
    # Committed before the call: a worker that dies in it leaves the attempt counted.
    if not _change(
        row,
        status=Status.QUEUED,
        attempts=F("attempts") + 1,
        last_error=_("The attempt was interrupted."),
        next_try_at=timezone.now() + (backoff(row.attempts) if row.attempts else timedelta()),
    ):
        return
    # As it was decided at last: from now on it cannot be undone any more, only reopened.
    attempt = row.attempts + 1
    row = ResultReturn.objects.select_related("case").get(pk=row.pk)
    if row.attempts != attempt:
        return
    try:
        DELIVER[Channel(row.channel)](row)
    except writing.OutOfDate:
        _change(row, status=Status.WITHDRAWN)
    except JotformError as error:
        measured.failed(error.trouble)
        log.warning("answer %s was not delivered: %s", row.pk, error)
        _put_off(row, error)
    else:
        _mark_sent(row)


def _mark_sent(row: ResultReturn) -> None:
    """Also one that was withdrawn in that very moment: it is out. One that names a tooth which
    was corrected meanwhile is written once more."""
    with outbox.case_locked(row):
        if _was_corrected(row):
            outbox.queue(row)
            return
        changed = (
            ResultReturn.objects.filter(pk=row.pk)
            .exclude(status=Status.SENT)
            .update(status=Status.SENT, sent_at=timezone.now(), last_error="")
        )
        if changed:
            outbox.record(row, CaseEvent.What.ANSWER_SENT)


def _was_corrected(row: ResultReturn) -> bool:
    if row.channel != Channel.JOTFORM:
        return False
    now = Case.objects.get(pk=row.case_id)
    return now.is_decided and now.revision == row.revision and now.tooth != row.case.tooth


def _put_off(row: ResultReturn, error: JotformError) -> None:
    next_try_at, attempts = next_try(error, attempts=row.attempts)
    if isinstance(error, writing.Edited) and row.created_at < timezone.now() - LATE:
        # A submission that is another one whenever it is read would be waited for for ever.
        attempts = row.attempts
    if error.is_final(row.attempts) or attempts >= MAX_ATTEMPTS:
        _give_up(row, str(error))
        return
    with outbox.case_locked(row):
        _change(
            row,
            status=Status.WAITING,
            last_error=_kept(row, str(error)),
            next_try_at=next_try_at,
            attempts=attempts,
        )
        if isinstance(error, KeyRefused):
            notify.alert(kind=StaffNotice.Kind.JOTFORM_REFUSES, case=row.case)
        elif _is_late(row):
            notify.alert(kind=StaffNotice.Kind.ANSWER_LATE, case=row.case)


def _is_late(row: ResultReturn) -> bool:
    told = StaffNotice.objects.filter(kind=StaffNotice.Kind.ANSWER_LATE, case=row.case)
    is_old = row.created_at < timezone.now() - LATE and row.channel == Channel.JOTFORM
    return is_old and not told.exists()


def _give_up(row: ResultReturn, reason: str) -> None:
    """Staff is told of answers to dentists, not of copies."""
    with outbox.case_locked(row):
        if not _change(row, status=Status.GIVEN_UP, last_error=_kept(row, reason)):
            return
        outbox.record(row, CaseEvent.What.ANSWER_FAILED)
        measured.failed(measured.Trouble.ANSWER_GIVEN_UP)
        if not _is_erased(row) and row.channel == Channel.JOTFORM:
            notify.alert(kind=StaffNotice.Kind.ANSWER_GIVEN_UP, case=row.case)


def _kept(row: ResultReturn, reason: str) -> str:
    """What may be written down of an error: Jotform's words may name people, and the case may
    have been erased while it answered. The caller holds the lock of the case."""
    return (_too_late() if _is_erased(row) else reason)[:255]


def _is_erased(row: ResultReturn) -> bool:
    return Case.objects.filter(pk=row.case_id, status=Case.Status.ARCHIVED).exists()


def _too_late() -> str:
    return _("The case was erased before its answer was delivered.")


def _change(row: ResultReturn, **changes: object) -> bool:
    """Write what this run found, unless “send again”, a reopening or an undoing came before,
    or another decision since then, whose answer is held back."""
    unchanged = ResultReturn.objects.unsent().filter(pk=row.pk, attempts=row.attempts)
    is_early = Q(status=Status.WAITING, attempts=0, next_try_at__gt=timezone.now())
    return bool(unchanged.exclude(is_early).update(**changes))
