"""Erasing personal data of one case, and of all cases whose time is over."""

import logging
import math
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial
from typing import Any

from django.conf import settings
from django.contrib.auth.models import User
from django.db import DatabaseError, transaction
from django.db.models import Q
from django.utils import timezone

from cases import (
    certificates,
    doomed,
    erasers,
    film_cache,
    films,
    hard_negatives,
    proposals,
)
from cases.models import Case, CaseEvent, CaseImage, DoomedFile, Erasure, Finding
from cases.models.case import CaseQuerySet
from implants.storage import STORAGE_ERRORS

log = logging.getLogger(__name__)

CASES_AT_ONCE = 100
PERSONAL_FIELDS = (
    "dentist_name",
    "dentist_email",
    "patient_name",
    "client_hash",
    "decision_reason",
    "failure",
    "note",
    "internal_note",
)
ERRORS = (*STORAGE_ERRORS, DatabaseError)


@dataclass(frozen=True)
class Place:
    """A case in the order of a purge: first those that are not erased at all, then those whose
    films could not be deleted. A film at which the storage hangs so stops no other case."""

    is_again: bool = False
    case_id: int = 0


@dataclass
class Report:
    """What a purge did: how many cases, and which not. `rest` is where to go on, None when
    every case had its turn."""

    erased: int = 0
    failed: set[int] = field(default_factory=set)
    rest: Place | None = None


def erase(
    *,
    case_id: int,
    by: User | None = None,
    is_asked: bool | None = None,
    certificate: Erasure | None = None,
) -> Case:
    """any → archived: films and what was derived from them, names, e-mail and free text go;
    decision and figures stay.

    Where a person asks (`is_asked`; unless said otherwise, where somebody does it), references
    that were made from the films go too; those hold no personal data, and outlive the films
    whose time is over. A film is deleted from the storage before its row forgets the name, so
    that an interrupted or failing erasure is found and finished by the next one. Safe to
    repeat. What goes is counted on the `certificate`. Raises Case.DoesNotExist, and whatever
    the storage raises, once everything else of the case is erased.
    """
    is_asked = by is not None if is_asked is None else is_asked
    with transaction.atomic():
        case = Case.objects.select_for_update().get(pk=case_id)
        digests = list(case.images.exclude(sha256="").values_list("sha256", flat=True))
        counts = _forget_person(case, by) + _forget_films(case) + erasers.erase_of_case(case)
        if is_asked:
            proposals.hide_references(case)
        else:
            proposals.forget_open(case)
        certificates.note(certificate, case, counts)
    # Afterwards: a run that is at work on the case looks once more whether the film is to stay.
    film_cache.forget(digests)
    _delete_files(case, certificate, is_asked=is_asked)
    return case


def due(*, days: int | None = None, at: datetime | None = None) -> CaseQuerySet:
    """Cases older than `days` (RAIOX_RETENTION_DAYS) that hold personal data or films."""
    return Case.objects.expired(days=days or settings.RAIOX_RETENTION_DAYS, at=at)


def purge(
    *,
    days: int | None = None,
    at: datetime | None = None,
    place: Place | None = None,
    seconds: float | None = None,
    progress: Callable[[int], Any] = lambda number: None,
) -> Report:
    """Erase every case that is due, from `place` on, for `seconds` and one case at least.

    One case that cannot be erased does not stop the others, and is tried again by the next
    purge. `progress` is told of every case. Safe to interrupt, to repeat, and to run twice at
    once.
    """
    end = time.monotonic() + seconds if seconds is not None else math.inf
    report, book = Report(), certificates.Book()
    for step in _places(due(days=days, at=at), place or Place()):
        # One at least, so that every portion comes further.
        if time.monotonic() > end and (report.erased or report.failed):
            report.rest = Place(step.is_again, step.case_id - 1)
            break
        if step.case_id not in report.failed:
            _erase_due(step, book, report)
            progress(1)
    book.close()
    return report


def _places(cases: CaseQuerySet, start: Place) -> Iterator[Place]:
    """In portions, so that many cases do not fill the memory."""
    archived = Q(status=Case.Status.ARCHIVED)
    for is_again, kind in ((False, ~archived), (True, archived)):
        if is_again < start.is_again:
            continue
        after = start.case_id if is_again == start.is_again else 0
        while ids := _ids(cases.filter(kind, pk__gt=after)):
            yield from (Place(is_again, pk) for pk in ids)
            after = ids[-1]


def _ids(cases: CaseQuerySet) -> list[int]:
    return list(cases.order_by("pk").values_list("pk", flat=True)[:CASES_AT_ONCE])


def _erase_due(step: Place, book: certificates.Book, report: Report) -> None:
    certificate = book.again(step.case_id) if step.is_again else book.page()
    try:
        erase(case_id=step.case_id, is_asked=False, certificate=certificate)
        report.erased += 1
    except Case.DoesNotExist:
        return
    except ERRORS as error:
        log.warning("case %s was not erased, the next run retries: %s", step.case_id, error)
        report.failed.add(step.case_id)


def _forget_person(case: Case, by: User | None) -> Counter[str]:
    if case.status != Case.Status.ARCHIVED:
        if case.status == Case.Status.APPROVED:
            # By which the decision is known from now on.
            case.outcome = Finding.Outcome.IDENTIFIED
        case.status = Case.Status.ARCHIVED
        case.record(CaseEvent.What.ARCHIVED, actor=by)
    held = [name for name in PERSONAL_FIELDS if getattr(case, name)]
    for name in held:
        setattr(case, name, "")
    case.next_try_at = None
    case.save()
    case.presences.all().delete()
    return Counter(fields=len(held))


def _forget_films(case: Case) -> Counter[str]:
    """What the rows of the films and their fixtures say of the pictures. The digest goes too:
    who has the film could find its case by it."""
    findings = Finding.objects.filter(case_image__case=case)
    counts = Counter(
        vectors=findings.exclude(vector=None).count(),
        boxes=findings.exclude(box=None).count(),
        addresses=case.images.exclude(source_url="").count(),
    )
    case.images.update(source_url="", sha256="", error="", suggested_boxes=None, is_awaited=False)
    # Films of which nothing is stored: they never came, or could not be kept.
    case.images.filter(file="", thumbnail="", purged_at=None).update(purged_at=timezone.now())
    findings.update(box=None, reason="", seen=None, vector=None, encoder="")
    hard_negatives.forget_fixtures(case)
    return counts


def _delete_files(case: Case, certificate: Erasure | None, *, is_asked: bool) -> None:
    """Everything has its turn; then the first error is raised."""
    stored = case.images.exclude(file="", thumbnail="")
    steps = [partial(_delete_film, case, image, certificate) for image in stored]
    steps += [partial(_delete_doomed, case, row, certificate) for row in case.doomed_files.all()]
    if is_asked:
        made = proposals.references_of(case)
        steps += [partial(_delete_reference, case, pk, certificate) for pk in made]
    errors = [error for step in steps if (error := _error_of(step))]
    if errors:
        raise errors[0]


def _error_of(step: Callable[[], None]) -> Exception | None:
    try:
        step()
    except STORAGE_ERRORS as error:
        return error
    return None


def _delete_film(case: Case, image: CaseImage, certificate: Erasure | None) -> None:
    films.delete_files(image)
    counts = Counter(films=int(bool(image.file)), thumbnails=int(bool(image.thumbnail)))
    with transaction.atomic():
        # Whoever else erases the case at this moment counts it as well, if not the first.
        row = CaseImage.objects.filter(pk=image.pk).exclude(file="", thumbnail="")
        if row.update(file="", thumbnail="", purged_at=timezone.now()):
            certificates.note(certificate, case, counts)


def _delete_doomed(case: Case, row: DoomedFile, certificate: Erasure | None) -> None:
    doomed.delete_file(row)
    with transaction.atomic():
        if doomed.forget(row):
            certificates.note(certificate, case, Counter(films=1))


def _delete_reference(case: Case, reference_id: int, certificate: Erasure | None) -> None:
    proposals.delete_pictures(reference_id)
    with transaction.atomic():
        if proposals.withdraw_one(reference_id):
            certificates.note(certificate, case, Counter(references=1))
