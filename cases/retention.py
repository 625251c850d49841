"""Erasing personal data: when its time is over, or when a person asks."""

import logging
from collections.abc import Callable, Iterable
from datetime import datetime, timedelta
from itertools import islice

from django.conf import settings
from django.contrib.auth.models import User
from django.core.files.storage import default_storage
from django.db import transaction
from django.db.models import QuerySet
from django.utils import timezone

from cases import films, proposals
from cases.models import Case, CaseEvent, CaseImage, Finding, client_hash
from implants.storage import STORAGE_ERRORS

log = logging.getLogger(__name__)
_erasers: list[Callable[[str], None]] = []

# Longer than any film is on its way from the storage into its row.
ORPHAN_AGE = timedelta(days=1)
ORPHANS_AT_ONCE = 500


def erase(*, case_id: int, by: User | None = None, is_asked: bool | None = None) -> Case:
    """any → archived: films and what was derived from them, names, e-mail and free text go;
    decision and figures stay.

    Where a person asks (`is_asked`; unless said otherwise, where somebody does it), references
    that were made from the films go too; those hold no personal data, and outlive the films
    whose time is over. A film is deleted from the storage before its row forgets the name, so
    that an interrupted or failing erasure is found and finished by the next one. Safe to
    repeat. Raises Case.DoesNotExist, and whatever the storage raises.
    """
    with transaction.atomic():
        case = Case.objects.select_for_update().get(pk=case_id)
        if case.status != Case.Status.ARCHIVED:
            case.status = Case.Status.ARCHIVED
            case.record(CaseEvent.What.ARCHIVED, actor=by)
        case.dentist_name = case.dentist_email = case.patient_name = ""
        case.client_hash = case.decision_reason = case.failure = ""
        case.note = case.internal_note = ""
        case.next_try_at = None
        case.save()
        _forget_films(case)
        if by is not None if is_asked is None else is_asked:
            proposals.withdraw(case)
        else:
            proposals.forget_open(case)
    _delete_films(case.images.exclude(file="", thumbnail=""))
    return case


def purge(*, days: int | None = None, at: datetime | None = None, dry_run: bool = False) -> int:
    """Erase every case older than `days` (RAIOX_RETENTION_DAYS); the number of cases due.

    One case whose films cannot be deleted does not stop the others.
    """
    due = Case.objects.expired(days=days or settings.RAIOX_RETENTION_DAYS, at=at)
    ids = list(due.values_list("pk", flat=True))
    if not dry_run:
        _erase_all(ids)
    return len(ids)


def purge_orphans(*, at: datetime | None = None) -> int:
    """Delete stored films that no case names any more, a day old and older; their number.

    Only where RAIOX_PURGE_ORPHANS says that nobody else stores films there: those of another
    installation have no row here. A storage that fails is tried again by the next run.
    """
    if not settings.RAIOX_PURGE_ORPHANS:
        return 0
    before = (at or timezone.now()) - ORPHAN_AGE
    try:
        names = list(islice(films.orphans(), ORPHANS_AT_ONCE))
    except STORAGE_ERRORS:
        log.exception("the stored films could not be listed; the next run retries")
        return 0
    return sum(_delete_if_older(name, before) for name in names)


def erase_person(*, email: str, by: User | None = None) -> int:
    """Erase every case that a dentist's e-mail address sent; the number of cases."""
    identity = client_hash(email)
    if not identity:
        return 0
    ids = list(Case.objects.filter(client_hash=identity).values_list("pk", flat=True))
    _erase_all(ids, by=by, is_asked=True)
    for erase_elsewhere in _erasers:
        erase_elsewhere(email)
    return len(ids)


def also_erase(action: Callable[[str], None]) -> None:
    """Have `action` erase what a layer above keeps of the person with this e-mail address."""
    _erasers.append(action)


def _erase_all(
    case_ids: Iterable[int], *, by: User | None = None, is_asked: bool | None = None
) -> None:
    for case_id in case_ids:
        try:
            erase(case_id=case_id, by=by, is_asked=is_asked)
        except STORAGE_ERRORS:
            log.exception(
                "the films of case %s could not be deleted; the next run retries", case_id
            )


def _delete_if_older(name: str, before: datetime) -> bool:
    try:
        is_older = default_storage.get_modified_time(name) < before
        if is_older:
            default_storage.delete(name)
    except STORAGE_ERRORS:
        log.exception("a film without a case could not be deleted; the next run retries")
        return False
    return is_older


def _forget_films(case: Case) -> None:
    """What the rows of the films and their fixtures say of the pictures."""
    case.images.update(source_url="", error="", suggested_boxes=None)
    Finding.objects.filter(case_image__case=case).update(
        box=None, reason="", seen=None, vector=None, encoder=""
    )
    case.presences.all().delete()


def _delete_films(images: QuerySet[CaseImage]) -> None:
    for image in images:
        films.delete_files(image)
        CaseImage.objects.filter(pk=image.pk).update(
            file="", thumbnail="", purged_at=timezone.now()
        )
