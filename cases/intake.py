"""Taking a case in, and finding its candidates."""

import logging
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.conf import settings
from django.db import IntegrityError, connection, transaction
from django.db.models import F
from django.utils import timezone
from django.utils.module_loading import import_string
from django.utils.translation import gettext as _

from cases import candidates, films, outcome
from cases.ahead import Ahead
from cases.films import CaseMovedOn, Fetch, IncomingImage
from cases.models import (
    MAX_ATTEMPTS,
    WORK_LOCK,
    Case,
    CaseEvent,
    CaseImage,
    client_hash,
    pause_before,
)
from implants.storage import STORAGE_ERRORS
from matching import measured
from matching.encoder import EncoderBusy, EncoderError
from matching.locks import work_lock
from matching.matcher import CatalogueNotSearchable
from matching.queue import enqueue

log = logging.getLogger(__name__)

PROCESS_TASK = "cases.tasks.process_case"


@dataclass(frozen=True)
class Person:
    """Who asks, and about whom. Personal data: it lives on the case and nowhere else."""

    dentist_name: str = ""
    dentist_email: str = ""
    patient_name: str = ""
    tooth: int | None = None
    consent_at: datetime | None = None
    consent_version: str = ""
    is_consent_asked: bool = False
    client_id: str = ""

    @property
    def lacks_consent(self) -> bool:
        """Whether the form asked for consent and did not get it."""
        return self.is_consent_asked and self.consent_at is None

    @property
    def hash(self) -> str:
        return client_hash(self.dentist_email or self.client_id)

    def columns(self) -> dict[str, Any]:
        """The fields of a case that say who asks and about whom."""
        return {
            "dentist_name": self.dentist_name[:200],
            "dentist_email": self.dentist_email[:254],
            "patient_name": self.patient_name[:200],
            "tooth": self.tooth,
            "consent_at": self.consent_at,
            "consent_version": self.consent_version,
        }


@dataclass(frozen=True)
class Received:
    case: Case
    is_new: bool


def receive(
    *,
    source: Case.Source,
    images: Sequence[IncomingImage],
    person: Person,
    submission_id: str | None = None,
    form_id: str = "",
    problem: str = "",
    run_inline: bool = False,
    hold: bool = False,
    is_unknown: bool = False,
) -> Received:
    """Create the case of one request, once, and queue its processing in the same transaction.

    A submission that is already known gives its case back unchanged (`cases.changes` applies
    what was edited). A request without a submission id is known again by the same client,
    tooth and bytes. `problem` (a sentence) or the lack of any film make a failed case: nothing
    is lost, a person sees the reason. With `run_inline` the caller runs `process` itself and
    nothing is queued; with `hold` the case waits until its source has confirmed it, and without
    a consent that was asked for until that is given (`cases.consent`). `is_unknown`: the caller
    has just looked (`compared_before`); whether it came meanwhile is seen all the same.
    """
    # Before bytes are stored; where there are none, asking once is enough.
    has_bytes = not is_unknown and any(image.film or image.content for image in images)
    if has_bytes and (known := _known_case(submission_id, images, person)):
        return _counted(known, is_new=False)
    rows = [films.store(image) for image in images]
    try:
        with transaction.atomic():
            if submission_id is None:
                _wait_for_twin(person, images)
            known = _known_case(submission_id, images, person)
            if known is None:
                reason = "" if hold else problem or ("" if rows else outcome.no_film())
                case = _create(source, person, submission_id, form_id, reason, hold)
                _begin(case, rows, run_inline=run_inline)
    except IntegrityError:
        known = _known_case(submission_id, images, person)
        if known is None:
            films.discard(rows, case=None)
            raise
    if known is not None:
        films.discard(rows, case=known)
        return _counted(known, is_new=False, is_unknown=is_unknown)
    return _counted(case, is_new=True)


def _counted(case: Case, *, is_new: bool, is_unknown: bool = False) -> Received:
    measured.asked(measured.Cache.FILM, is_known=not (is_new or is_unknown))
    return Received(case, is_new=is_new)


def compared_before(*, sha256: str, person: Person) -> Case | None:
    """The case in which this film (digest of its source) of the same client was compared: then
    it is a film, and needs no second reading. None where there is none, or it failed."""
    case = _known_by_digests({sha256}, person)
    if case is None or case.status in (Case.Status.RECEIVED, Case.Status.FAILED):
        return None
    if not case.images.filter(sha256=sha256, findings__isnull=False).exists():
        return None
    measured.asked(measured.Cache.FILM, is_known=True)
    return case


def process(
    *,
    case_id: int,
    fetch: Fetch | None = None,
    begun: Mapping[str, Ahead] | None = None,
) -> Case:
    """Fetch, read and match the films of a received case, and put it before the reviewer; or,
    for a case that awaits review, those films that could not be fetched before.

    Safe to run twice and at once: only one run works on a case, a case that is not due is left
    alone, and the outcome is written only while the case is what it was. Every run is counted
    on the case before its work begins; after MAX_ATTEMPTS runs that never ended the case is
    failed, so that a film which kills its worker cannot do so for ever. What the caller has
    `begun` with films (by sha256) is not done again.
    """
    with work_lock(WORK_LOCK, case_id) as acquired:
        case = _claim(case_id) if acquired else None
        if case is not None and case.attempts > MAX_ATTEMPTS:
            outcome.fail(case, _("Processing was interrupted several times."))
        elif case is not None:
            _work(case, fetch or import_string(settings.RAIOX_IMAGE_FETCHER), begun or {})
    after = Case.objects.get(pk=case_id)
    if case is not None and after.revision != case.revision:
        _queue_changed(case)
    return after


def reopen(*, case_id: int) -> Case:
    """failed → received without a task: the caller runs `process`. Others are left alone."""
    with transaction.atomic():
        case = Case.objects.select_for_update().get(pk=case_id)
        if case.status == Case.Status.FAILED:
            case.requeue()
            case.record(CaseEvent.What.RETRIED)
    return case


def fail(*, case_id: int, reason: str) -> bool:
    """received → failed, with the reason for the screen. False when the case has moved on."""
    return outcome.fail(Case.objects.get(pk=case_id), reason)


def _known_case(
    submission_id: str | None, images: Sequence[IncomingImage], person: Person
) -> Case | None:
    if submission_id is not None:
        of_submission = Case.objects.filter(jotform_submission_id=submission_id)
        # Mostly there is none, and asking for all columns of nothing costs three times as much.
        return of_submission.first() if of_submission.exists() else None
    return _known_by_digests({image.sha256 for image in images if image.sha256}, person)


def _known_by_digests(digests: Collection[str], person: Person) -> Case | None:
    if not person.hash or not digests:
        return None
    known = Case.objects.exclude(status=Case.Status.ARCHIVED).filter(
        client_hash=person.hash, jotform_submission_id=None, tooth=person.tooth
    )
    # Every film that arrives must be there: one more, or another tooth, is another request.
    for sha256 in digests:
        known = known.filter(images__sha256=sha256)
    return known.order_by("-pk").first()


def _wait_for_twin(person: Person, images: Sequence[IncomingImage]) -> None:
    """Make the same film of the same client wait for its twin: no unique key covers the two."""
    if not person.hash:
        return
    with connection.cursor() as cursor:
        for sha256 in sorted(image.sha256 for image in images if image.sha256):
            cursor.execute(
                "SELECT pg_advisory_xact_lock(hashtext(%s))", [f"{person.hash}:{sha256}"]
            )


def _create(
    source: Case.Source,
    person: Person,
    submission_id: str | None,
    form_id: str,
    reason: str,
    hold: bool,
) -> Case:
    return Case.objects.create(
        source=source,
        jotform_submission_id=submission_id,
        form_id=form_id[:32],
        status=Case.Status.FAILED if reason else Case.Status.RECEIVED,
        failure=reason[:255],
        queued_at=None if hold else timezone.now(),
        awaits_consent=person.lacks_consent,
        client_hash=person.hash,
        **person.columns(),
    )


def _begin(case: Case, rows: Sequence[CaseImage], *, run_inline: bool) -> None:
    films.create(case, rows)
    case.record(CaseEvent.What.RECEIVED, source=case.source, films=len(rows))
    log.info("case %s received by %s", case.pk, case.source)
    if case.status == Case.Status.FAILED:
        case.record(CaseEvent.What.FAILED)
    elif not (run_inline or case.is_stopped):
        enqueue(PROCESS_TASK, case.pk)
    if case.awaits_consent and not case.is_held:
        case.record(CaseEvent.What.CONSENT_MISSING)


def _claim(case_id: int) -> Case | None:
    """The case as it is when the run begins, counted; None when there is nothing to do."""
    due = Case.objects.due().filter(pk=case_id, status=Case.Status.RECEIVED)
    if due.update(attempts=F("attempts") + 1):
        return Case.objects.filter(pk=case_id).first()
    with transaction.atomic():
        case = Case.objects.due().select_for_update().filter(pk=case_id).first()
        if case is None:
            return None
        if case.is_awaiting_review:
            case.postponed += 1
            case.next_try_at = timezone.now() + pause_before(case.postponed + 1)
        else:
            case.attempts += 1
        case.save(update_fields=["attempts", "postponed", "next_try_at"])
    return case


def _work(case: Case, fetch: Fetch, begun: Mapping[str, Ahead]) -> None:
    try:
        outcomes = candidates.match_films(case, fetch, begun)
    except CaseMovedOn:
        log.info("case %s moved on while it was processed", case.pk)
    except EncoderBusy:
        measured.failed(measured.Trouble.OVERLOAD)
        log.warning("case %s: too many films are being compared", case.pk)
        outcome.fail(case, _("Too many images are being read at this moment. Please try again."))
    except (CatalogueNotSearchable, EncoderError) as error:
        measured.failed(measured.Trouble.CATALOGUE)
        log.error("case %s cannot be matched: %s", case.pk, error)
        outcome.fail(case, str(error))
    except STORAGE_ERRORS:
        measured.failed(measured.Trouble.STORAGE)
        log.exception("case %s: the image storage failed", case.pk)
        outcome.fail(case, _("The image storage did not answer."))
    else:
        outcome.settle(case, outcomes)
        candidates.keep_seen(outcomes)


def _queue_changed(case: Case) -> None:
    """Queue a case again whose films were changed while its run held the lock: the task of the
    change may have come and gone meanwhile."""
    with transaction.atomic():
        changed = Case.objects.due().filter(pk=case.pk, status=Case.Status.RECEIVED)
        if changed.exclude(revision=case.revision).exists():
            enqueue(PROCESS_TASK, case.pk)
