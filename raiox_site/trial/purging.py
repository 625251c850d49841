"""Ninety nights of retention over many cases, with a storage that fails: what is due has to go,
nothing else, and no night may need more memory than the one before."""

import hashlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, cast

import psutil
from django.conf import settings
from django.contrib.auth.models import User
from django.core.files.base import ContentFile
from django.core.files.storage import FileSystemStorage, default_storage
from django.db.models import Q
from django.utils import timezone
from django_q.models import Task

from cases import erasure, leftovers, reconcile, records, retention
from cases.models import Case, CaseImage, Erasure
from cases.models.case import CaseQuerySet
from integrations.models import JotformDelivery
from raiox_site.bench import filling
from raiox_site.dashboard import agreement

AT_ONCE = 500
MEGABYTE = 2**20
# What the process may grow by over all nights.
ALLOWED_BYTES = 48 * MEGABYTE
Say = Callable[[str], object]


@dataclass(frozen=True)
class Options:
    """`rate` is the share of deletions that fail, `seed` says which."""

    cases: int = 10_000
    nights: int = 90
    rate: float = 0.15
    seed: int = 0


class FailingStorage(FileSystemStorage):
    """Refuses to delete some names, other ones each night."""

    rate, seed, night, refused = 0.0, 0, 0, 0

    def delete(self, name: str) -> None:
        drawn = hashlib.sha256(f"{self.seed}|{self.night}|{name}".encode()).digest()
        if int.from_bytes(drawn[:4]) < self.rate * 2**32:
            self.refused += 1
            raise PermissionError("injected: the storage does not delete this now")
        super().delete(name)


@dataclass
class Trial:
    options: Options
    storage: FailingStorage
    began: datetime
    violations: list[str] = field(default_factory=list)

    def moment(self, night: int) -> datetime:
        return self.began + timedelta(days=night)

    def expect(self, is_right: bool, what: str) -> None:
        if not is_right:
            self.violations.append(f"night {self.storage.night}: {what}")


def run(options: Options, say: Say, *, reviewer: User) -> list[str]:
    """What was not as it has to be. Needs an empty database with four implants or more."""
    with _failing_storage(options) as storage:
        trial = Trial(options, storage, timezone.now())
        _fill(options, trial.began, reviewer)
        say(f"{Case.objects.count()} cases, {_stored()} stored objects, {options.nights} nights")
        # The figures as they are while everything is still there.
        shown = agreement.report(at=trial.began)
        memory = psutil.Process().memory_info
        start = peak = memory().rss
        for night in range(1, options.nights + 1):
            _night(trial, night)
            peak = max(peak, memory().rss)
            if night == 1 or night % 10 == 0 or night == options.nights:
                say(_progress(trial, night))
        storage.rate = 0.0
        _night(trial, options.nights)
        _check_end(trial)
        end = memory().rss
        trial.expect(agreement.report(at=trial.began) == shown, "the figures of agreement changed")
        grown = peak - start
        trial.expect(grown < ALLOWED_BYTES, f"memory grew by {grown // MEGABYTE} MB")
    say(f"{storage.refused} deletions were refused, all were made good")
    say(
        "memory: "
        + ", ".join(
            f"{name} {size / MEGABYTE:.0f} MB"
            for name, size in (("start", start), ("peak", peak), ("end", end))
        )
    )
    return trial.violations


@contextmanager
def _failing_storage(options: Options) -> Iterator[FailingStorage]:
    """In place of the configured storage, in the same folder."""
    holder, location = cast(Any, default_storage), settings.STORAGES["default"]["OPTIONS"]
    # It is made when it is first used.
    default_storage.get_valid_name("a name")
    usual = holder._wrapped
    storage = FailingStorage(location=location["location"])
    storage.rate, storage.seed = options.rate, options.seed
    holder._wrapped = storage
    try:
        yield storage
    finally:
        holder._wrapped = usual


def _fill(options: Options, now: datetime, reviewer: User) -> None:
    """Cases that arrive evenly: a third is overdue, a third becomes due night by night, and a
    third is still kept at the end; with their films and deliveries."""
    filling.fill(options.cases, reviewer=reviewer, seed=options.seed)
    # Those that the filling left archived hold nothing: they are not part of the trial.
    with records.unlocked():
        Case.objects.filter(status=Case.Status.ARCHIVED).delete()
    span = timedelta(days=3 * options.nights)
    ids = list(Case.objects.order_by("pk").values_list("pk", flat=True))
    for place, pk in enumerate(ids):
        moment = now - settings.RAIOX_RETENTION_DAYS * timedelta(days=1) + span * place / len(ids)
        moment -= timedelta(days=options.nights)
        Case.objects.filter(pk=pk).update(created_at=moment, client_hash=f"{pk:064x}")
    _store_films()
    _add_rows()


def _store_films() -> None:
    for image in CaseImage.objects.order_by("pk").iterator(chunk_size=AT_ONCE):
        image.file.save("", ContentFile(b"film"), save=False)
        image.thumbnail.save("", ContentFile(b"small"), save=False)
        image.sha256, image.source_url = f"{image.pk:064x}", f"https://example.org/{image.pk}.jpg"
        image.save()


def _add_rows() -> None:
    """For each case a delivery and a row of its task."""
    for case in Case.objects.order_by("pk").iterator(chunk_size=AT_ONCE):
        said = {"rawRequest": case.dentist_email}
        delivery = JotformDelivery.objects.create(case=case, fields=said)
        JotformDelivery.objects.filter(pk=delivery.pk).update(received_at=case.created_at)
        Task.objects.create(
            id=f"{case.pk:032x}",
            name=f"{case.pk}",
            func="cases.tasks.process_case",
            args=(case.pk,),
            started=case.created_at,
            stopped=case.created_at,
            success=True,
        )


def _night(trial: Trial, night: int) -> None:
    """What the nightly run does, at that moment."""
    trial.storage.night = night
    at = trial.moment(night)
    due = set(retention.due(at=at).values_list("pk", flat=True))
    report = retention.purge(at=at)
    erasure.go_on_with_all()
    leftovers.purge(leftovers.limits(at=at))
    trial.expect(report.erased + len(report.failed) >= len(due), "a case had no turn")
    trial.expect(not _due(at).exclude(status=Case.Status.ARCHIVED).exists(), "a due case is left")
    trial.expect(_holding(_due(at)) == 0, "a due case still names somebody")
    trial.expect(
        not Case.objects.filter(status=Case.Status.ARCHIVED, created_at__gte=_limit(at)).exists(),
        "a case that is not due was erased",
    )


def _limit(at: datetime) -> datetime:
    return at - timedelta(days=settings.RAIOX_RETENTION_DAYS)


def _due(at: datetime) -> CaseQuerySet:
    return Case.objects.filter(created_at__lt=_limit(at))


def _holding(cases: CaseQuerySet) -> int:
    fields = Q()
    for name in retention.PERSONAL_FIELDS:
        fields |= ~Q(**{name: ""})
    films = ~Q(images__sha256="") | ~Q(images__source_url="")
    return cases.filter(fields | films).distinct().count()


def _check_end(trial: Trial) -> None:
    at = trial.moment(trial.options.nights)
    kept = Case.objects.filter(created_at__gte=_limit(at))
    trial.expect(kept.exists(), "nothing was to be kept: the trial says little")
    films = CaseImage.objects.filter(case__in=kept)
    trial.expect(not retention.due(at=at).exists(), "something due is left")
    trial.expect(_holding(kept) == kept.count(), "a case that is not due lost something")
    trial.expect(not films.filter(Q(file="") | Q(thumbnail="")).exists(), "a film was forgotten")
    trial.expect(_stored() == 2 * films.count(), "the storage holds other films than the rows")
    found = reconcile.run(at=at, may_change=False)
    trial.expect(found.films == found.thumbnails == found.objects == 0, "storage and rows differ")
    deliveries, tasks = JotformDelivery.objects, Task.objects
    old = deliveries.filter(received_at__lt=_limit(at)), tasks.filter(started__lt=_limit(at))
    trial.expect(not any(rows.exists() for rows in old), "an old row is left")
    trial.expect(deliveries.count() == tasks.count() == kept.count(), "a row went too early")
    open_ones = Erasure.objects.filter(completed_at=None).count()
    trial.expect(open_ones == 0, f"{open_ones} certificates are not complete")
    counted = sum(row.counts.get("films", 0) for row in Erasure.objects.iterator(chunk_size=100))
    gone = CaseImage.objects.exclude(case__in=kept).count()
    trial.expect(counted == gone, f"{counted} films on certificates, {gone} went")


def _stored() -> int:
    folders = default_storage.listdir("uploads")[0]
    return sum(len(default_storage.listdir(f"uploads/{one}")[1]) for one in folders)


def _progress(trial: Trial, night: int) -> str:
    archived = Case.objects.filter(status=Case.Status.ARCHIVED).count()
    waiting = CaseImage.objects.filter(case__status=Case.Status.ARCHIVED).exclude(
        file="", thumbnail=""
    )
    return (
        f"night {night}/{trial.options.nights}: {archived} cases erased, "
        f"{waiting.count()} films wait for the storage, {_stored()} objects stored"
    )
