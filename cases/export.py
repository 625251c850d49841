"""Handing out what is held about a person (LGPD art. 18, II and V): data and films as a ZIP."""

import json
import logging
import shutil
import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import IO, Any
from zipfile import ZIP_DEFLATED, ZIP_STORED, ZipFile, ZipInfo

from django.contrib.auth.models import User
from django.core.serializers.json import DjangoJSONEncoder
from django.db import transaction
from django.db.models import QuerySet
from django.template.loader import render_to_string
from django.utils import timezone
from django.utils.translation import gettext as _

from cases import access, erasure, held
from cases.erasers import Wanted
from cases.models import Case, CaseAccess, CaseEvent, CaseImage, Erasure
from cases.models.authored import written_by
from cases.records import audit
from cases.review import ReviewError
from implants.storage import STORAGE_ERRORS
from matching import radiograph
from matching.radiograph import RadiographError

log = logging.getLogger(__name__)

FORMAT = 1
CASES_AT_ONCE = 50
JPEG_START = b"\xff\xd8\xff"


class NothingHeld(ReviewError):
    """Nothing is held about whom was asked for."""

    def __init__(self) -> None:
        super().__init__(_("Nothing is held about this person or case."))


class StorageFailed(ReviewError):
    """A film could not be read: half of what is held would be handed out as all of it."""

    def __init__(self) -> None:
        super().__init__(_("The image storage did not answer. Please try again."))


@dataclass(frozen=True)
class Asked:
    """Whose data: a dentist's or a patient's (`cases.erasers.Wanted`), or those of one case."""

    email: str = ""
    patient: str = ""
    case_id: int | None = None

    @property
    def basis(self) -> Erasure.Basis:
        if self.case_id is not None:
            return Erasure.Basis.CASE
        return Erasure.Basis.PATIENT if self.patient else Erasure.Basis.DENTIST

    @property
    def wanted(self) -> Wanted:
        return Wanted(email=self.email, patient=self.patient)

    def cases(self) -> QuerySet[Case]:
        if self.case_id is not None:
            return Case.objects.filter(pk=self.case_id)
        return erasure.found(self.wanted)


def export(*, asked: Asked, out: IO[bytes], by: User | None) -> int:
    """Write all that is held about a person to `out` as a ZIP: `data.json`, the films as clean
    JPEGs, and a text in Portuguese that explains them. The number of cases.

    One film and few cases are in memory at a time. That it was exported is written down before
    this returns: in the history of each case, in the access log and in the audit.
    Raises NothingHeld, StorageFailed.
    """
    ids = list(asked.cases().order_by("pk").values_list("pk", flat=True))
    beside = held.of_person(asked.wanted) if asked.case_id is None else {}
    if not ids and not any(beside.values()):
        raise NothingHeld
    with ZipFile(out, "w", ZIP_DEFLATED) as archive:
        films = dict(_films(archive, ids))
        with archive.open(_entry("data.json", ZIP_DEFLATED), "w", force_zip64=True) as data:
            for piece in _json(asked, ids, beside, films):
                data.write(piece.encode())
        archive.writestr(_entry("leia-me.txt", ZIP_DEFLATED), _explained(ids, films))
    _write_down(asked, ids, by)
    return len(ids)


def _films(archive: ZipFile, case_ids: list[int]) -> Iterator[tuple[int, str]]:
    """Id and name in the archive of every film; the name is empty for what is no image."""
    images = CaseImage.objects.filter(case__in=case_ids).exclude(file="").order_by("pk")
    for image in images.iterator(chunk_size=200):
        name = f"films/case-{image.case_id}-film-{image.pk}.jpg"
        try:
            yield image.pk, name if _add_film(archive, image, name) else ""
        except FileNotFoundError:
            log.warning("film %s is not in the storage any more", image.pk)
            yield image.pk, ""
        except STORAGE_ERRORS as error:
            raise StorageFailed from error


def _add_film(archive: ZipFile, image: CaseImage, name: str) -> bool:
    """False where the bytes that came are no image: the original is never handed out."""
    with image.file.open("rb") as file:
        start = file.read(len(JPEG_START))
        file.seek(0)
        if image.is_readable and start == JPEG_START:
            with archive.open(_entry(name, ZIP_STORED), "w") as copy:
                shutil.copyfileobj(file, copy)
            return True
        content = file.read()
    try:
        archive.writestr(_entry(name, ZIP_STORED), radiograph.load(content).clean_copy())
    except RadiographError:
        return False
    return True


def _json(
    asked: Asked, case_ids: list[int], beside: dict[str, list[Any]], films: dict[int, str]
) -> Iterator[str]:
    head = {"format": FORMAT, "made_at": timezone.now(), "basis": asked.basis, **beside}
    yield _dump(head).removesuffix("}") + ', "cases": ['
    rows = held.with_all(Case.objects.filter(pk__in=case_ids).order_by("pk"))
    for number, case in enumerate(rows.iterator(chunk_size=CASES_AT_ONCE)):
        told = held.of_case(case)
        for film in told["films"]:
            film["file"] = films.get(film["id"]) or None
        yield (",\n" if number else "\n") + _dump(told)
    yield "\n]}\n"


def _dump(value: Any) -> str:
    return json.dumps(value, cls=DjangoJSONEncoder, ensure_ascii=False)


def _explained(case_ids: list[int], films: dict[int, str]) -> str:
    context = {
        "made_at": timezone.localtime(),
        "cases": len(case_ids),
        "films": sum(map(bool, films.values())),
        "unreadable": sum(not name for name in films.values()),
    }
    return render_to_string("export/leia-me.txt", context)


def _entry(name: str, compression: int) -> ZipInfo:
    entry = ZipInfo(name, time.localtime()[:6])
    entry.compress_type = compression
    return entry


def _write_down(asked: Asked, case_ids: list[int], by: User | None) -> None:
    """Nothing here says whom it was about."""
    with transaction.atomic():
        CaseEvent.objects.bulk_create(
            CaseEvent(case_id=case_id, what=CaseEvent.What.EXPORTED, **written_by(by))
            for case_id in case_ids
        )
        audit("exported", actor=by, basis=asked.basis, cases=len(case_ids))
        if by is not None:
            access.seen(user=by, case_ids=case_ids, how=CaseAccess.How.EXPORT)
