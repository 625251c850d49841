"""Telling staff: an outbox row for each event and channel, one message for what is due.

The rows are written in the transaction of their event. A channel has one message at a time and
one backoff: while it waits after a failure, everything new waits with it and is told together.
Rows are counted as attempted before they are sent; a worker killed in between leaves them to
the next run, so that a message may come twice but none is lost.
"""

import logging
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from typing import NamedTuple

from django.conf import settings
from django.db import transaction
from django.db.models import Count, F, Max, QuerySet
from django.utils import timezone
from django.utils.translation import gettext as _

from cases.models import Case, CaseEvent
from integrations.models import StaffNotice, backoff
from integrations.notices import failures, mail, telegram, wording
from integrations.notices.transport import Message, NotSent
from matching import measured
from matching.locks import work_lock
from matching.queue import enqueue

log = logging.getLogger(__name__)

Kind, Channel = StaffNotice.Kind, StaffNotice.Channel
NOTICES_TASK = "integrations.tasks.send_notices"
WORK_LOCK = "raiox.notices"
# With pauses of at most a quarter of an hour: about a day, a night without mail included; where
# Telegram refuses, two days for somebody to replace the token.
MAX_ATTEMPTS = 100
LONGEST_PAUSE = timedelta(minutes=15)
REFUSED_KEY_PAUSE = timedelta(hours=1)
# New cases that became one of these are nobody's news; a failure has a notice of its own.
NO_LONGER_NEW = (
    Case.Status.APPROVED,
    Case.Status.REJECTED,
    Case.Status.ARCHIVED,
    Case.Status.FAILED,
)
# They come in numbers and are told together.
BATCHED = (Kind.NEW_CASE, Kind.FAILED_CASE)


class Transport(NamedTuple):
    is_configured: Callable[[], bool]
    send: Callable[[Message], None]


# Telegram has a deadline, a mail conversation may take longer than a task may: it comes last.
TRANSPORTS = {
    Channel.TELEGRAM: Transport(telegram.is_configured, telegram.send),
    Channel.EMAIL: Transport(mail.is_configured, mail.send),
}


def alert(*, kind: StaffNotice.Kind, case: Case | None = None) -> None:
    """Tell staff by every configured channel, in the current transaction: a rollback leaves
    nothing. That Jotform refuses the key is told once an hour at most."""
    if kind == Kind.JOTFORM_REFUSES and _was_told_of_refusal():
        return
    channels = configured()
    with transaction.atomic():
        StaffNotice.objects.bulk_create(
            StaffNotice(kind=kind, channel=channel, case=case) for channel in channels
        )
        if channels:
            enqueue(NOTICES_TASK)


def tell_of_new_case(*, case: Case) -> None:
    """A case awaits review. Told once, and once more when it was reopened after a decision,
    however often its films are matched again. Called in the transaction of its matching."""
    if not configured():
        return
    told = StaffNotice.objects.filter(kind=Kind.NEW_CASE, case=case)
    reopened = case.events.filter(what=CaseEvent.What.REOPENED).aggregate(at=Max("created_at"))
    if reopened["at"]:
        told = told.filter(created_at__gte=reopened["at"])
    if not told.exists():
        alert(kind=Kind.NEW_CASE, case=case)


def send_due() -> None:
    """Send what is due, one message for each channel, cases that failed meanwhile included.
    Safe to run twice and at once."""
    _note_failures()
    for channel in configured():
        with work_lock(f"{WORK_LOCK}.{channel}", 0) as acquired:
            if acquired:
                _tell(channel)


def send_trial() -> list[tuple[str, str]]:
    """Send a test message by every configured channel: its name, and what went wrong if
    anything did."""
    return [(channel.value, _outcome(TRANSPORTS[channel])) for channel in configured()]


def stuck() -> list[tuple[str, int, str]]:
    """Channel, number and last error of the notices that failed and are not sent yet."""
    failed = StaffNotice.objects.filter(sent_at=None, attempts__gt=0)
    groups = failed.order_by("channel").values_list("channel", "last_error")
    return [(name, count, error) for name, error, count in groups.annotate(Count("pk"))]


def configured() -> list[StaffNotice.Channel]:
    return [channel for channel, transport in TRANSPORTS.items() if transport.is_configured()]


def _note_failures() -> None:
    channels = configured()
    with work_lock(f"{WORK_LOCK}.failures", 0) as acquired:
        if acquired and channels:
            StaffNotice.objects.bulk_create(
                StaffNotice(kind=Kind.FAILED_CASE, channel=channel, case=case)
                for case in failures.untold()
                for channel in channels
            )


def _outcome(transport: Transport) -> str:
    try:
        transport.send(wording.trial())
    except NotSent as error:
        return str(error)
    return ""


def _was_told_of_refusal() -> bool:
    since = timezone.now() - REFUSED_KEY_PAUSE
    return StaffNotice.objects.filter(kind=Kind.JOTFORM_REFUSES, created_at__gt=since).exists()


def _tell(channel: StaffNotice.Channel) -> None:
    notices = _due(channel)
    if not notices or _is_waiting(channel):
        return
    # A message that goes out anyway takes them along.
    if _is_pausing(channel) and all(notice.kind in BATCHED for notice in notices):
        return
    _send(channel, notices)


def _unsent(channel: StaffNotice.Channel) -> QuerySet[StaffNotice]:
    return StaffNotice.objects.filter(
        channel=channel, sent_at__isnull=True, attempts__lt=MAX_ATTEMPTS
    )


def _due(channel: StaffNotice.Channel) -> list[StaffNotice]:
    """What may be told now. New cases that are being matched again stay for later."""
    _drop_past(channel)
    due = _unsent(channel).filter(next_try_at__lte=timezone.now()).order_by("pk")
    again = due.filter(kind=Kind.NEW_CASE).exclude(case__status=Case.Status.PENDING)
    return list(due.exclude(pk__in=again.values("pk")))


def _drop_past(channel: StaffNotice.Channel) -> None:
    """Forget what stopped being true before it was told."""
    unsent = StaffNotice.objects.filter(channel=channel, sent_at=None)
    unsent.filter(kind=Kind.NEW_CASE, case__status__in=NO_LONGER_NEW).delete()
    unsent.filter(kind=Kind.FAILED_CASE).exclude(case__status=Case.Status.FAILED).delete()


def _is_waiting(channel: StaffNotice.Channel) -> bool:
    failed = _unsent(channel).filter(attempts__gt=0)
    return failed.filter(next_try_at__gt=timezone.now()).exists()


def _is_pausing(channel: StaffNotice.Channel) -> bool:
    pause = timedelta(seconds=settings.RAIOX_NOTIFY_PAUSE_SECONDS)
    sent = StaffNotice.objects.filter(channel=channel)
    return sent.filter(sent_at__gt=timezone.now() - pause).exists()


def _send(channel: StaffNotice.Channel, notices: Sequence[StaffNotice]) -> None:
    rows = StaffNotice.objects.filter(pk__in=[notice.pk for notice in notices])
    rows.update(
        attempts=F("attempts") + 1,
        last_error=_("The attempt was interrupted."),
        next_try_at=_next_try(notices),
    )
    try:
        TRANSPORTS[channel].send(wording.message(notices))
    except NotSent as error:
        measured.failed(measured.Trouble.NOTICE)
        log.warning("%d notices were not sent by %s: %s", len(notices), channel, error)
        _put_off(rows, error)
    else:
        rows.update(sent_at=timezone.now(), last_error="")


def _next_try(notices: Sequence[StaffNotice]) -> datetime:
    attempts = max(notice.attempts for notice in notices) + 1
    return timezone.now() + min(backoff(attempts), LONGEST_PAUSE)


def _put_off(rows: QuerySet[StaffNotice], error: NotSent) -> None:
    rows.update(last_error=str(error)[:255])
    if error.retry_at:
        rows.update(next_try_at=error.retry_at)
