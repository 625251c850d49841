"""The right to be forgotten: by case, by a dentist's address, by a patient's name."""

import logging
import math
import time
from collections import Counter

from django.contrib.auth.models import User
from django.db import transaction
from django.db.models import QuerySet

from cases import certificates, erasers, leftovers, retention
from cases.erasers import Wanted
from cases.models import Case, Erasure
from cases.persons import cases_of_dentist, cases_of_patient
from cases.records import audit
from matching.queue import enqueue

log = logging.getLogger(__name__)

FINISH_TASK = "cases.tasks.finish_erasure"
# What a person waits for; the rest is done by a task.
SECONDS = 15.0


def erase_case(*, case_id: int, by: User | None = None) -> Erasure:
    """Erase one case. Raises Case.DoesNotExist; see `erase_dentist`."""
    with transaction.atomic():
        case = Case.objects.get(pk=case_id)
        certificate = _begin(Erasure.Basis.CASE, by, Case.objects.filter(pk=case.pk))
    return _carry_out(certificate)


def erase_dentist(*, email: str, by: User | None = None) -> Erasure:
    """Erase every case that a dentist's address (or a plain client's id) sent.

    Names, texts and everything else in the database go at once. What the storage refuses, or
    what there was no time for, is finished by a task and by the nightly run: then the
    certificate is open until it is done.
    """
    wanted = Wanted(email=email)
    with transaction.atomic():
        counts = erasers.erase_of_person(wanted) + leftovers.forget_logins(email)
        certificate = _begin(Erasure.Basis.DENTIST, by, found(wanted), counts)
    return _carry_out(certificate)


def erase_patient(*, name: str, email: str = "", by: User | None = None) -> Erasure:
    """Erase every case about a patient, with an address only this dentist's; see
    `erase_dentist`."""
    wanted = Wanted(email=email, patient=name)
    with transaction.atomic():
        counts = erasers.erase_of_person(wanted)
        certificate = _begin(Erasure.Basis.PATIENT, by, found(wanted), counts)
    return _carry_out(certificate)


def found(wanted: Wanted) -> QuerySet[Case]:
    """The cases of a person that would go."""
    if wanted.patient:
        return cases_of_patient(wanted.patient, wanted.email)
    return cases_of_dentist(wanted.email)


def go_on(*, certificate: Erasure, seconds: float = math.inf) -> bool:
    """Erase what is left of the cases of a certificate, for `seconds` and one case at least;
    whether it is complete now."""
    end = time.monotonic() + seconds
    for case_id in list(certificates.left(certificate).values_list("pk", flat=True)):
        _erase(case_id, certificate)
        if time.monotonic() > end:
            break
    return certificates.settle(certificate)


def number_left(certificate: Erasure) -> int:
    """How many of its cases still hold something of what it covers."""
    return certificates.left(certificate).count()


def open_ones() -> int:
    """How many erasures are not complete."""
    return Erasure.objects.filter(completed_at=None).count()


def go_on_with_all(*, after: int = 0, seconds: float = math.inf) -> int | None:
    """Finish erasures that are open, for `seconds` and one at least: None when all had their
    turn, else the number after which to go on."""
    end = time.monotonic() + seconds
    unfinished = Erasure.objects.filter(completed_at=None).order_by("pk")
    while certificate := unfinished.filter(pk__gt=after).first():
        before = number_left(certificate)
        is_done = go_on(certificate=certificate, seconds=end - time.monotonic())
        is_late = time.monotonic() > end
        # As long as that brings it on; what the storage refuses is left to the next night.
        if is_late and not is_done and number_left(certificate) < before:
            return after
        after = certificate.pk
        if is_late:
            return after
    return None


def _begin(
    basis: Erasure.Basis,
    by: User | None,
    cases: QuerySet[Case],
    counts: Counter[str] | None = None,
) -> Erasure:
    ids = list(cases.order_by("pk").values_list("pk", flat=True))
    certificate = certificates.begin(basis=basis, by=by, case_ids=ids, counts=counts)
    audit("erased", actor=by, target=f"cases.erasure {certificate.pk}", basis=basis, cases=len(ids))
    return certificate


def _carry_out(certificate: Erasure) -> Erasure:
    if not go_on(certificate=certificate, seconds=SECONDS):
        enqueue(FINISH_TASK, certificate.pk)
    certificate.refresh_from_db()
    return certificate


def _erase(case_id: int, certificate: Erasure) -> None:
    try:
        retention.erase(
            case_id=case_id,
            by=certificate.actor,
            is_asked=certificates.is_asked(certificate),
            certificate=certificate,
        )
    except retention.ERRORS as error:
        log.warning("case %s was not erased, the next run retries: %s", case_id, error)
