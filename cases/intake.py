"""Taking a case in, and finding its candidates."""

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from django.conf import settings
from django.db import IntegrityError, connection, transaction
from django.db.models import F
from django.utils import timezone
from django.utils.module_loading import import_string
from django.utils.translation import gettext as _

from cases import candidates, films
from cases.candidates import Outcome
from cases.films import CaseMovedOn, Fetch, IncomingImage
from cases.models import (
    MAX_ATTEMPTS,
    WORK_LOCK,
    Case,
    CaseEvent,
    CaseImage,
    client_hash,
)
from cases.signals import case_matched
from implants.storage import STORAGE_ERRORS
from matching.encoder import EncoderError
from matching.locks import work_lock
from matching.matcher import CatalogueNotSearchable
from matching.queue import enqueue
from matching.radiograph import Radiograph

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
    client_id: str = ""

    @property
    def hash(self) -> str:
        return client_hash(self.dentist_email or self.client_id)


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
) -> Received:
    """Create the case of one request, once, and queue its processing in the same transaction.

    A submission that is already known gives its case back unchanged, except that a failed
    case without any film takes the films which arrive now. A request without a submission id
    is known again by the same client, tooth and bytes. `problem` (a sentence) or the lack
    of any film make a failed case: nothing is lost, a person sees the reason. With
    `run_inline` the caller runs `process` itself and nothing is queued.
    """
    known = _known_case(submission_id, images, person)
    if known is not None and not (images and _lacks_films(known)):
        return Received(known, is_new=False)
    rows = [films.store(image) for image in images]
    try:
        with transaction.atomic():
            if submission_id is None:
                _wait_for_twin(person, images)
            known = _known_case(submission_id, images, person)
            if known is None:
                case = _create(source, person, submission_id, form_id, rows, problem)
            else:
                case = Case.objects.select_for_update().get(pk=known.pk)
            is_used = known is None or _take_films(case, rows)
            if is_used and case.status == Case.Status.RECEIVED and not run_inline:
                enqueue(PROCESS_TASK, case.pk)
    except IntegrityError:
        films.discard(rows)
        twin = _known_case(submission_id, images, person)
        if twin is None:
            raise
        return Received(twin, is_new=False)
    if not is_used:
        films.discard(rows)
    return Received(case, is_new=known is None)


def process(
    *,
    case_id: int,
    fetch: Fetch | None = None,
    decoded: Mapping[str, Radiograph] | None = None,
) -> Case:
    """Fetch, read and match the films of a received case, and put it before the reviewer.

    Safe to run twice and at once: only one run works on a case, a case that is no longer
    `received` is left alone, and the outcome is written only while it still is. Every run is
    counted on the case before its work begins; after MAX_ATTEMPTS runs that never ended the
    case is failed, so that a film which kills its worker cannot do so for ever. `decoded`
    spares films (by sha256) that the caller has decoded a second decoding.
    """
    with work_lock(WORK_LOCK, case_id) as acquired:
        if acquired and _claim(case_id):
            case = Case.objects.get(pk=case_id)
            if case.attempts > MAX_ATTEMPTS:
                fail(case_id=case_id, reason=_("Processing was interrupted several times."))
            else:
                _work(case, fetch or import_string(settings.RAIOX_IMAGE_FETCHER), decoded or {})
    return Case.objects.get(pk=case_id)


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
    with transaction.atomic():
        changed = Case.objects.filter(pk=case_id, status=Case.Status.RECEIVED).update(
            status=Case.Status.FAILED, failure=reason[:255], updated_at=timezone.now()
        )
        if changed:
            Case.objects.get(pk=case_id).record(CaseEvent.What.FAILED)
            log.warning("case %s failed: %s", case_id, reason)
    return bool(changed)


def _known_case(
    submission_id: str | None, images: Sequence[IncomingImage], person: Person
) -> Case | None:
    if submission_id is not None:
        return Case.objects.filter(jotform_submission_id=submission_id).first()
    digests = {image.sha256 for image in images if image.sha256}
    if not person.hash or not digests:
        return None
    known = Case.objects.exclude(status=Case.Status.ARCHIVED).filter(
        client_hash=person.hash, jotform_submission_id=None, tooth=person.tooth
    )
    # Every film that arrives must be there: one more, or another tooth, is another request.
    for sha256 in digests:
        known = known.filter(images__sha256=sha256)
    return known.order_by("-pk").first()


def _lacks_films(case: Case) -> bool:
    return case.status == Case.Status.FAILED and not case.images.exists()


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
    rows: Sequence[CaseImage],
    problem: str,
) -> Case:
    reason = problem or ("" if rows else _no_film())
    case = Case.objects.create(
        source=source,
        jotform_submission_id=submission_id,
        form_id=form_id[:32],
        client_hash=person.hash,
        dentist_name=person.dentist_name[:200],
        dentist_email=person.dentist_email[:254],
        patient_name=person.patient_name[:200],
        tooth=person.tooth,
        consent_at=person.consent_at,
        status=Case.Status.FAILED if reason else Case.Status.RECEIVED,
        failure=reason[:255],
    )
    films.create(case, rows)
    case.record(CaseEvent.What.RECEIVED, source=source, films=len(rows))
    log.info("case %s received by %s", case.pk, source)
    if reason:
        case.record(CaseEvent.What.FAILED)
    return case


def _take_films(case: Case, rows: Sequence[CaseImage]) -> bool:
    """failed → received for a case that had no film and now gets some; whether it took them."""
    if not rows or not _lacks_films(case):
        return False
    films.create(case, rows)
    case.requeue()
    case.record(CaseEvent.What.UPDATED, films=len(rows))
    return True


def _no_film() -> str:
    return _("The request came without any radiograph.")


def _claim(case_id: int) -> bool:
    return bool(
        Case.objects.filter(pk=case_id, status=Case.Status.RECEIVED).update(
            attempts=F("attempts") + 1
        )
    )


def _work(case: Case, fetch: Fetch, decoded: Mapping[str, Radiograph]) -> None:
    try:
        outcomes = candidates.match_films(case, fetch, decoded)
    except CaseMovedOn:
        log.info("case %s moved on while it was processed", case.pk)
        return
    except (CatalogueNotSearchable, EncoderError) as error:
        log.error("case %s cannot be matched: %s", case.pk, error)
        fail(case_id=case.pk, reason=str(error))
        return
    except STORAGE_ERRORS:
        log.exception("case %s: the image storage failed", case.pk)
        fail(case_id=case.pk, reason=_("The image storage did not answer."))
        return
    if any(outcome.candidates for outcome in outcomes):
        _complete(case.pk, [outcome for outcome in outcomes if outcome.candidates])
    else:
        fail(case_id=case.pk, reason=next((o.error for o in outcomes), case.failure or _no_film()))


def _complete(case_id: int, outcomes: Sequence[Outcome]) -> None:
    """received → pending, with the candidates; nothing is written when the case has moved on."""
    with transaction.atomic():
        case = (
            Case.objects.select_for_update().filter(pk=case_id, status=Case.Status.RECEIVED).first()
        )
        if case is None:
            return
        for outcome in outcomes:
            candidates.keep(outcome)
        case.status, case.failure, case.matched_at = Case.Status.PENDING, "", timezone.now()
        case.save(update_fields=["status", "failure", "matched_at", "updated_at"])
        case.record(CaseEvent.What.MATCHED, films=len(outcomes))
        log.info("case %s awaits review", case.pk)
        case_matched.send(sender=Case, case=case)
