"""Polling Jotform for what no webhook brought."""

import itertools
import logging
import math
import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from django.conf import settings
from django.utils import timezone
from django.utils.translation import gettext as _

from cases.models import Case
from integrations.jotform.client import JotformClient, JotformError
from integrations.jotform.incoming import readings
from integrations.jotform.incoming.api_submission import parse_api
from integrations.jotform.incoming.form import Submission
from integrations.models import JotformPoll, JotformSubmission
from matching import measured
from matching.locks import work_lock

log = logging.getLogger(__name__)

WORK_LOCK = "raiox.poll"
FIELDS = ("created_at:gt", "updated_at:gt")
FIRST_LOOK = timedelta(days=7)
# Jotform's times have no zone: they may be up to 14 hours from UTC, either way. The rest makes
# up for clocks, and for submissions that appear late.
OVERLAP = timedelta(hours=16)
PAGE = 200
# For all forms together: a task is killed after 60 seconds.
BUDGET_SECONDS = 40.0
# Calls of the account's daily limit that are left to answers and readings.
RESERVED_CALLS = 50


@dataclass
class Report:
    """How many submissions Jotform showed, and how many of them are going to be read."""

    seen: int = 0
    asked: int = 0


def sync_due() -> None:
    """Poll every form whose time has come; what goes wrong is written on the poll's row."""
    if not settings.JOTFORM_API_KEY.strip() or not settings.RAIOX_JOTFORM_SYNC_MINUTES:
        return
    limit = timezone.now() - timedelta(minutes=settings.RAIOX_JOTFORM_SYNC_MINUTES)
    end = time.monotonic() + BUDGET_SECONDS
    for form_id in _form_ids():
        recent = JotformPoll.objects.filter(form_id=form_id, tried_at__gt=limit)
        if recent.exists():
            continue
        try:
            _sync_form(form_id, None, end=end)
        except JotformError as error:
            measured.failed(error.trouble)
            log.warning("polling Jotform failed: %s", error)


def sync(*, since: datetime | None = None) -> Report:
    """Have every submission read that is new or was edited, of all forms that are accepted.

    `since` (else the last complete poll, else a week ago) is when to begin. Without
    JOTFORM_FORM_IDS the whole account is asked, and only submissions with a film are taken.
    Raises JotformError.
    """
    reports = [_sync_form(form_id, since, end=math.inf) for form_id in _form_ids()]
    return Report(sum(one.seen for one in reports), sum(one.asked for one in reports))


def _form_ids() -> list[str]:
    return settings.JOTFORM_FORM_IDS or [""]


def _sync_form(form_id: str, since: datetime | None, *, end: float) -> Report:
    poll, _is_new = JotformPoll.objects.get_or_create(form_id=form_id)
    with work_lock(WORK_LOCK, poll.pk) as acquired:
        return _poll(poll, since, end) if acquired else Report()


def _poll(poll: JotformPoll, since: datetime | None, end: float) -> Report:
    started = timezone.now()
    begin = since or (poll.polled_until or started - FIRST_LOOK)
    report, ids = Report(), set[str]()
    JotformPoll.objects.filter(pk=poll.pk).update(tried_at=started)
    try:
        for content in _changed(poll.form_id, begin - OVERLAP, end):
            if str(content.get("id")) not in ids:
                ids.add(str(content.get("id")))
                report.seen += 1
                report.asked += _ask_if_news(content)
    except JotformError as error:
        JotformPoll.objects.filter(pk=poll.pk).update(last_error=str(error)[:255])
        raise
    # A look that began later than the last one ended leaves a gap for the next.
    is_whole = poll.polled_until is None or begin <= poll.polled_until
    until = {"polled_until": started} if is_whole else {}
    JotformPoll.objects.filter(pk=poll.pk).update(last_error="", **until)
    return report


def _changed(form_id: str, since: datetime, end: float) -> Iterator[dict[str, Any]]:
    """Every submission that was made or edited since then, some of them twice."""
    client = JotformClient(settings.JOTFORM_API_BASE, settings.JOTFORM_API_KEY)
    text = since.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S")
    for field in FIELDS:
        for offset in itertools.count(0, PAGE):
            _check(client, end)
            page = client.submissions(form_id, filter={field: text}, offset=offset, limit=PAGE)
            yield from page
            if len(page) < PAGE:
                break


def _check(client: JotformClient, end: float) -> None:
    if client.limit_left is not None and client.limit_left < RESERVED_CALLS:
        raise JotformError(
            _("Jotform's daily limit is nearly used up: what is left is kept for answers."),
            permanent=False,
        )
    if time.monotonic() > end:
        raise JotformError(_("There was no time left for polling."), permanent=False)


def _ask_if_news(content: dict[str, Any]) -> bool:
    submission = parse_api(content, field_map=settings.JOTFORM_FIELDS)
    row = JotformSubmission.objects.filter(submission_id=submission.submission_id).first()
    if not submission.submission_id or not _is_wanted(content, submission, row):
        return False
    if row and (row.next_try_at or row.version == readings.version_of(content)):
        return False
    case = Case.objects.filter(jotform_submission_id=submission.submission_id).first()
    if case is not None and case.status == Case.Status.ARCHIVED:
        return False
    readings.ask(submission_id=submission.submission_id, form_id=submission.form_id, case=case)
    return True


def _is_wanted(
    content: dict[str, Any], submission: Submission, row: JotformSubmission | None
) -> bool:
    if str(content.get("status", "")).upper() == "DELETED":
        return False
    return bool(settings.JOTFORM_FORM_IDS or submission.file_urls or row)
