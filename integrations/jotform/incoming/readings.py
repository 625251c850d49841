"""Reading submissions from Jotform, which is the truth: when one is new, and after each edit.

The row (`JotformSubmission`) says what has to be read, the queue only carries its id.
"""

import logging
import time
from datetime import datetime
from typing import Any

from django.conf import settings
from django.db import transaction
from django.db.models import F, Q
from django.utils import timezone
from django.utils.translation import gettext as _

from cases import changes, intake
from cases.candidates import Fetching
from cases.films import Fetch, ImageUnavailable
from cases.models import Case, CaseImage
from integrations import notify
from integrations.jotform.client import JotformClient, JotformError, KeyRefused
from integrations.jotform.files import fetch_film
from integrations.jotform.incoming import submissions
from integrations.jotform.incoming.api_submission import parse_api
from integrations.jotform.incoming.form import Submission
from integrations.jotform.patience import next_try
from integrations.models import QUEUE_LEASE, JotformSubmission, StaffNotice
from matching import measured, radiograph
from matching.locks import is_locked, require_lock, work_lock
from matching.queue import enqueue
from matching.radiograph import RadiographError, digest

log = logging.getLogger(__name__)

TAKE_IN_TASK = "integrations.tasks.take_in_submission"
WORK_LOCK = "raiox.submission"
MAX_ATTEMPTS = 20
# Readings of a new submission that wait for the files which its webhook named.
FILES_PATIENCE = 4
# For looking whether films were replaced; a task is killed after 60 seconds.
LOOK_SECONDS = 25.0


def ask(*, submission_id: str, form_id: str = "", case: Case | None = None) -> None:
    """Have the submission read (again), soon and by a task."""
    with transaction.atomic():
        row = submissions.locked_row(submission_id)
        row.asked += 1
        row.attempts, row.last_error = 0, ""
        row.next_try_at = timezone.now() + QUEUE_LEASE
        row.form_id, row.case = form_id or row.form_id, case or row.case
        row.save()
        enqueue(TAKE_IN_TASK, row.pk)


def ask_due() -> int:
    """Queue every submission whose time has come and that nobody is reading, and ask for cases
    that are held though nobody is going to look; their number."""
    stranded = Case.objects.held().filter(Q(submission=None) | Q(submission__next_try_at=None))
    for case in stranded.exclude(jotform_submission_id=None):
        ask(submission_id=str(case.jotform_submission_id), form_id=case.form_id, case=case)
    due = JotformSubmission.objects.filter(next_try_at__lte=timezone.now())
    return sum(_requeue(row_id) for row_id in list(due.values_list("pk", flat=True)))


def read(*, row_id: int) -> None:
    """Read one submission from Jotform and make its case say the same.

    Safe to run twice and at once: one run reads, and what was asked for meanwhile is read
    again afterwards.
    """
    with work_lock(WORK_LOCK, row_id) as acquired:
        row = _claim(row_id) if acquired else None
        if row is not None:
            _read(row)
    if row is not None and _was_asked_again(row):
        enqueue(TAKE_IN_TASK, row.pk)


def version_of(content: dict[str, Any]) -> str:
    """What tells an edited submission from the one that was read before."""
    return str(content.get("updated_at") or content.get("created_at") or "")[:64]


def _was_asked_again(row: JotformSubmission) -> bool:
    return JotformSubmission.objects.filter(pk=row.pk, asked__gt=row.asked).exists()


def _requeue(row_id: int) -> int:
    if is_locked(WORK_LOCK, row_id):
        return 0
    now = timezone.now()
    with transaction.atomic():
        due = JotformSubmission.objects.filter(pk=row_id, next_try_at__lte=now)
        updated = due.update(next_try_at=now + QUEUE_LEASE)
        if updated:
            enqueue(TAKE_IN_TASK, row_id)
    return updated


def _claim(row_id: int) -> JotformSubmission | None:
    """The row as it is when its reading begins, counted; None when nothing was asked.

    From here until the outcome is written its time is past: a run that is killed is found as
    soon as nobody holds its lock.
    """
    asked = JotformSubmission.objects.filter(pk=row_id, asked__gt=F("read"))
    if not asked.update(
        attempts=F("attempts") + 1,
        next_try_at=timezone.now(),
        last_error=_("The attempt was interrupted."),
    ):
        return None
    return JotformSubmission.objects.select_related("case").get(pk=row_id)


def _read(row: JotformSubmission) -> None:
    if not settings.JOTFORM_API_KEY.strip():
        _release(row)
        return
    if row.attempts > MAX_ATTEMPTS:
        _give_up(row, _("Reading was interrupted too often."))
        return
    client = JotformClient(settings.JOTFORM_API_BASE, settings.JOTFORM_API_KEY)
    try:
        content = client.read_submission(row.submission_id)
        content.setdefault("id", row.submission_id)
        _check_trust(row, content)
        submission = parse_api(content, field_map=settings.JOTFORM_FIELDS)
        _check_whole(row, submission)
    except JotformError as error:
        measured.failed(error.trouble)
        _put_off(row, error)
    else:
        _apply(row, submission, version_of(content))


def _check_whole(row: JotformSubmission, submission: Submission) -> None:
    """Raise JotformError for answers that cannot be read, and for a new submission whose files
    the webhook named while Jotform does not show them yet."""
    if submission.problem:
        raise JotformError(submission.problem, permanent=False)
    is_new = row.case is not None and row.case.is_held and row.case.images.exists()
    if is_new and not submission.file_urls and row.attempts < FILES_PATIENCE:
        raise JotformError(_("Jotform does not show the files yet."), permanent=False)


def _release(row: JotformSubmission) -> None:
    """The key was taken away: then the delivery is believed, as without one."""
    with transaction.atomic():
        _lock(row)
        if row.case is not None:
            changes.confirm(case_id=row.case.pk)
        _settle(row)


def _check_trust(row: JotformSubmission, content: dict[str, Any]) -> None:
    """Raise JotformError unless the submission is the one that the delivery claims."""
    form_id = str(content.get("form_id", ""))
    allowed = settings.JOTFORM_FORM_IDS
    if str(content["id"]) != row.submission_id:
        raise JotformError(_("Jotform answered with another submission."), permanent=True)
    if (row.form_id and form_id != row.form_id) or (allowed and form_id not in allowed):
        raise JotformError(_("The submission belongs to another form at Jotform."), permanent=True)
    if str(content.get("status", "")).upper() == "DELETED":
        raise JotformError(_("The submission was deleted at Jotform."), permanent=True)


def _apply(row: JotformSubmission, submission: Submission, version: str) -> None:
    replaced = _replaced(row, submission) if row.version not in ("", version) else []
    with transaction.atomic():
        _lock(row)
        # What another run has read since then is newer.
        require_lock(WORK_LOCK, row.pk)
        received = submissions.receive(submission)
        if not received.is_new:
            submissions.revise(received.case, submission, is_complete=True, replaced=replaced)
        _settle(row, case=received.case, form_id=submission.form_id[:64], version=version)


def _replaced(row: JotformSubmission, submission: Submission) -> list[int]:
    """Ids of known films that are other ones by now: a file of the same name has its address."""
    if row.case is None or row.case.status == Case.Status.ARCHIVED:
        return []
    if submissions.will_wait(row.case, submission):
        return []
    known = row.case.images.filter(source_url__in=submission.file_urls)
    if row.case.awaits_consent:
        # Nothing of it is under way.
        known = known.exclude(sha256="")
    end = time.monotonic() + LOOK_SECONDS
    looking = Fetching(fetch_film, [image.source_url for image in known], end=end)
    try:
        return [image.pk for image in known if _has_changed(image, row.case, looking)]
    finally:
        looking.close()


def _has_changed(image: CaseImage, case: Case, fetch: Fetch) -> bool:
    """Whether the address of a film holds another one than was read, or one that can be read
    at last. While a case is processed, the old bytes may be under way: then it counts too."""
    if not image.sha256 and case.status == Case.Status.RECEIVED:
        return True
    try:
        content = fetch(image.source_url)
        return digest(content) != image.sha256 if image.sha256 else bool(radiograph.load(content))
    except (ImageUnavailable, RadiographError):
        return False


def _put_off(row: JotformSubmission, error: JotformError) -> None:
    log.warning("submission %s was not read: %s", row.pk, error)
    next_try_at, attempts = next_try(error, attempts=row.attempts)
    if error.is_final(row.attempts) or attempts >= MAX_ATTEMPTS:
        _give_up(row, str(error))
        return
    with transaction.atomic():
        _lock(row)
        if isinstance(error, KeyRefused):
            notify.alert(kind=StaffNotice.Kind.JOTFORM_REFUSES)
        if row.case is not None:
            changes.explain_hold(case_id=row.case.pk, reason=str(error))
        _change(
            row,
            next_try_at=next_try_at,
            attempts=attempts,
            last_error=_kept(row, str(error)),
        )


def _give_up(row: JotformSubmission, reason: str) -> None:
    """A case that was held becomes a failed one, for a person to see; others stay."""
    with transaction.atomic():
        _lock(row)
        case = row.case
        if case is not None and Case.objects.held().filter(pk=case.pk).exists():
            intake.fail(case_id=case.pk, reason=reason)
        _settle(row, last_error=_kept(row, reason))


def _lock(row: JotformSubmission) -> None:
    """Before the case, as everybody does: two that lock the other way round would block."""
    JotformSubmission.objects.select_for_update().get(pk=row.pk)


def _kept(row: JotformSubmission, reason: str) -> str:
    """What may be written down of an error: Jotform's words may name people, and the case may
    have been erased while it answered. Locks the case, after its submission."""
    case = Case.objects.select_for_update().filter(jotform_submission_id=row.submission_id).first()
    is_erased = case is not None and case.status == Case.Status.ARCHIVED
    return "" if is_erased else reason[:255]


def _settle(row: JotformSubmission, **changed: Any) -> None:
    """What was asked until the reading began is answered."""
    facts = {"last_error": "", "attempts": 0, "read": row.asked, **changed}
    JotformSubmission.objects.filter(pk=row.pk).update(**facts)
    _change(row, next_try_at=None)


def _change(row: JotformSubmission, **changed: datetime | int | str | None) -> None:
    """Write down when to come again, unless the submission was asked for anew meanwhile."""
    JotformSubmission.objects.filter(pk=row.pk, asked=row.asked).update(**changed)
