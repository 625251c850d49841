"""The answers that wait to be sent: what goes into the outbox, and what is queued again.

The row (`ResultReturn`) is the truth, the queue only carries its id. `next_try_at` says when
the row may be queued (again): while it waits in the queue that is a minute ahead, and from the
moment its sending begins it is in the past, so that a row whose worker was killed is found by
`send_due` as soon as nobody holds its lock. An answer that is held back, while the decision can
be undone, is *waiting*; its task is on the queue for the moment when it may leave.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta

from django.conf import settings
from django.contrib.auth.models import User
from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from cases.models import Case, CaseEvent
from cases.review import undo_until
from integrations.models import QUEUE_LEASE, ResultReturn
from matching.locks import is_locked
from matching.queue import enqueue

RETURN_TASK = "integrations.tasks.send_return"
LOST_AT_MOST = 20
CONFIGURATION_CHECK = timedelta(minutes=1)
Status, Channel = ResultReturn.Status, ResultReturn.Channel


class NotSendable(ValueError):
    """The answer cannot be sent again. `str()` is a sentence."""


def queue_return(*, case: Case) -> list[ResultReturn]:
    """Put the answers to a decided case into the outbox, one for each channel that waits for
    it; those of earlier decisions are withdrawn. An answer that is there and neither sent nor
    queued is queued again.

    Called inside the transaction that decides the case.
    """
    with transaction.atomic():
        withdraw(case=case, before=case.revision)
        return [_put_in(case, channel) for channel in _channels(case)]


def withdraw(*, case: Case, before: int | None = None) -> int:
    """The case was reopened: answers of its earlier decisions (of revisions below `before`)
    that were not sent yet never will be; their number."""
    rows = ResultReturn.objects.unsent().filter(case=case)
    if before is not None:
        rows = rows.filter(revision__lt=before)
    return rows.update(status=Status.WITHDRAWN)


def send_again(*, return_id: int, by: User) -> ResultReturn:
    """Any but withdrawn and held back → queued, with its attempts forgiven. One that was sent
    is written again only if Jotform does not show it any more.

    Raises NotSendable, ResultReturn.DoesNotExist.
    """
    with case_locked(ResultReturn.objects.get(pk=return_id)):
        answer = ResultReturn.objects.select_related("case").get(pk=return_id)
        if answer.status == Status.WITHDRAWN or answer.revision != answer.case.revision:
            raise NotSendable(_("The case was reopened: this answer is out of date."))
        if answer.is_held_back:
            raise NotSendable(_("The answer leaves by itself when the time to undo it is over."))
        queue(answer, by=by)
    return answer


def correct(*, case: Case) -> None:
    """Something that the answer says was corrected after the decision: what was sent is
    written once more, if its text is another one now."""
    sent = ResultReturn.objects.filter(
        case=case, channel=Channel.JOTFORM, status=Status.SENT, revision=case.revision
    )
    for answer in sent.select_related("case"):
        queue(answer)


@contextmanager
def case_locked(row: ResultReturn) -> Iterator[None]:
    """A transaction that locks the case before its answers, as every decision does: two that
    lock the other way round would block."""
    with transaction.atomic():
        Case.objects.select_for_update().filter(pk=row.case_id).first()
        yield


def requeue_lost() -> int:
    """Queue answers whose task a killed worker may have taken along; their number.

    Called when a worker starts. A cluster holds only a few tasks at a time, and one that is
    queued twice is sent once.
    """
    queued = ResultReturn.objects.filter(status=Status.QUEUED, attempts=0)
    rows = list(queued.order_by("next_try_at")[:LOST_AT_MOST])
    lost = [row for row in rows if not is_being_sent(row)]
    for row in lost:
        enqueue(RETURN_TASK, row.pk)
    return len(lost)


def send_due() -> int:
    """Queue every answer whose time has come and that nobody is sending; their number."""
    for channel in Channel:
        if obstacle := missing_setting(channel):
            ResultReturn.objects.due().filter(channel=channel).update(
                status=Status.NOT_CONFIGURED,
                last_error=obstacle,
                next_try_at=timezone.now() + CONFIGURATION_CHECK,
            )
    return sum(_requeue(row) for row in list(ResultReturn.objects.due().order_by("next_try_at")))


def missing_setting(channel: str) -> str:
    """What the channel lacks; empty when it can be used."""
    if channel == Channel.COPY:
        return "" if settings.JOTFORM_COPY_URL else _("JOTFORM_WEBHOOK_URL names no receiver.")
    if not settings.JOTFORM_API_KEY.strip():
        return _("JOTFORM_API_KEY is not set.")
    if not settings.JOTFORM_FIELDS.get("answer"):
        return _("JOTFORM_FIELDS names no field for “answer”.")
    return ""


def lock_name(row: ResultReturn) -> str:
    """With the case's id: two answers of one case never go out by one channel at once."""
    return f"raiox.answer.{row.channel}"


def is_being_sent(row: ResultReturn) -> bool:
    return is_locked(lock_name(row), row.case_id)


def _channels(case: Case) -> list[ResultReturn.Channel]:
    if not case.jotform_submission_id:
        return []
    return [Channel.JOTFORM, Channel.COPY] if settings.JOTFORM_COPY_URL else [Channel.JOTFORM]


def _put_in(case: Case, channel: ResultReturn.Channel) -> ResultReturn:
    row, is_new = ResultReturn.objects.select_for_update().get_or_create(
        case=case,
        channel=channel,
        revision=case.revision,
        defaults={"next_try_at": timezone.now() + QUEUE_LEASE},
    )
    if is_new or not (row.status in (Status.SENT, Status.QUEUED) or row.is_held_back):
        queue(row)
    return row


def queue(row: ResultReturn, *, by: User | None = None) -> None:
    """Send it (again), with its attempts forgiven: at once, or when the time to undo the
    decision is over. The caller holds the lock of the case."""
    now, leaves_at = timezone.now(), undo_until(row.case)
    is_held_back = leaves_at is not None and leaves_at > now
    row.status = Status.WAITING if is_held_back else Status.QUEUED
    row.attempts, row.last_error, row.sent_at = 0, "", None
    row.next_try_at = leaves_at if leaves_at and is_held_back else now + QUEUE_LEASE
    row.save()
    record(row, CaseEvent.What.ANSWER_QUEUED, by=by)
    enqueue(RETURN_TASK, row.pk, when=leaves_at if is_held_back else None)


def record(row: ResultReturn, what: CaseEvent.What, *, by: User | None = None) -> None:
    """The case's history tells of the dentist's answer, not of its copies."""
    if row.channel == Channel.JOTFORM:
        row.case.record(what, actor=by, attempts=row.attempts)


def _requeue(row: ResultReturn) -> int:
    if is_being_sent(row):
        return 0
    with transaction.atomic():
        updated = (
            ResultReturn.objects.due()
            .filter(pk=row.pk)
            .update(status=Status.QUEUED, next_try_at=timezone.now() + QUEUE_LEASE)
        )
        if updated:
            enqueue(RETURN_TASK, row.pk)
    return updated
