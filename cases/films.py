"""The films of a case: kept as they came, then replaced by their clean copy."""

import logging
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass

from django.core.files.base import ContentFile
from django.core.files.storage import default_storage
from django.db import transaction
from django.utils.translation import gettext as _

from cases import doomed, film_cache
from cases.models import Case, CaseImage
from cases.verdicts import ReviewError
from implants.storage import STORAGE_ERRORS
from matching import measured, radiograph
from matching.boxes import Box
from matching.radiograph import Radiograph, RadiographError

log = logging.getLogger(__name__)


class ImageUnavailable(Exception):
    """The film could not be fetched from where the case says it is. `str()` is a sentence;
    `may_come` says that it is worth looking again later."""

    def __init__(self, message: str, *, may_come: bool = False) -> None:
        super().__init__(message)
        self.may_come = may_come


class CaseMovedOn(Exception):
    """The case is not `received` any more: its processing has become pointless."""


FOLDER = "uploads"
# As `upload_path` names films; whatever else lies there is not ours.
MONTH = re.compile(r"\d{4}-\d{2}")
OURS = re.compile(r"[0-9a-f]{32}")
THUMBNAIL_SIDE = 240
Fetch = Callable[[str], bytes]


@dataclass(frozen=True)
class IncomingImage:
    """A film on its way in: decoded already, or its bytes, or the address to fetch it from."""

    film: Radiograph | None = None
    content: bytes = b""
    source_url: str = ""

    @property
    def sha256(self) -> str:
        """Digest of the bytes, empty while only the address is known."""
        if self.film:
            return self.film.sha256
        return radiograph.digest(self.content) if self.content else ""


def store(image: IncomingImage) -> CaseImage:
    """An unsaved row whose bytes are already safe in the storage."""
    row = CaseImage(source_url=image.source_url, sha256=image.sha256)
    if image.film:
        row.file.save("", ContentFile(image.film.clean_copy()), save=False)
        row.width, row.height = image.film.width, image.film.height
    elif image.content:
        row.file.save("", ContentFile(image.content), save=False)
    return row


def discard(rows: Iterable[CaseImage], *, case: Case | None = None) -> None:
    """Delete the stored bytes of rows that were never saved. Where their `case` is known, what
    the storage does not delete now goes later; else raises what the storage does."""
    rows = list(rows)
    if case is not None:
        doomed.try_delete(doomed.doom(case_id=case.pk, names=_names(rows)))
        return
    for row in rows:
        delete_files(row)


def _names(rows: Iterable[CaseImage]) -> Iterator[str]:
    for row in rows:
        yield from (str(stored.name) for stored in (row.thumbnail, row.file) if stored)


def delete_files(image: CaseImage) -> None:
    """Delete what is stored of a film: the thumbnail first, so that a film whose deletion was
    interrupted is still known by its file. Raises what the storage does."""
    for stored in (image.thumbnail, image.file):
        if stored:
            stored.storage.delete(str(stored.name))


def create(case: Case, rows: Sequence[CaseImage]) -> None:
    for row in rows:
        row.case = case
    CaseImage.objects.bulk_create(rows)


def read(image: CaseImage, *, fetch: Fetch) -> Radiograph:
    """The film of a row, fetched first where need be, its clean copy stored.

    Raises RadiographError when the bytes are no usable film, ImageUnavailable when they
    cannot be had, CaseMovedOn.
    """
    if not image.file:
        return attach_image(image=image, content=fetch(image.source_url))
    with image.file.open("rb") as file:
        content = file.read()
    if image.is_readable:
        return Radiograph(radiograph.load(content).image, image.sha256)
    return attach_image(image=image, content=content)


def stored(image: CaseImage) -> Radiograph:
    """The clean copy of a film, for a reviewer. Raises ReviewError when it cannot be read now."""
    try:
        with image.file.open("rb") as file:
            return radiograph.load(file.read())
    except (RadiographError, ValueError, *STORAGE_ERRORS) as error:
        raise ReviewError(_("The film cannot be read now. Please try again.")) from error


def attach_image(*, image: CaseImage, content: bytes) -> Radiograph:
    """Read the bytes of one film and store its clean copy in place of what came.

    Raises RadiographError when the bytes are not a usable film, CaseMovedOn when the case was
    erased or failed meanwhile, or lost this film: then nothing of it is kept.
    """
    film = radiograph.load(content)
    raw = str(image.file.name) if image.file else ""
    image.file.save("", ContentFile(film.clean_copy()), save=False)
    image.sha256, image.width, image.height = film.sha256, film.width, film.height
    image.error, image.is_awaited = "", False
    with transaction.atomic():
        if is_wanted := _is_wanted(image):
            image.save(update_fields=["file", "sha256", "width", "height", "error", "is_awaited"])
        unnamed = raw if is_wanted else str(image.file.name)
        gone = doomed.doom(case_id=image.case_id, names=[unnamed])
    doomed.try_delete(gone)
    if not is_wanted:
        raise CaseMovedOn
    return film


def prepare(image: CaseImage, film: Radiograph, *, suggested: Sequence[Box] = ()) -> None:
    """Give a readable film its thumbnail and the boxes suggested for it, once.

    A case is never lost to this: without a thumbnail the film itself is shown.
    """
    if image.thumbnail:
        return
    boxes = [box.as_json() for box in suggested]
    try:
        image.thumbnail.save("", ContentFile(film.thumbnail(THUMBNAIL_SIDE)), save=False)
    except STORAGE_ERRORS:
        measured.failed(measured.Trouble.STORAGE)
        log.exception("no thumbnail of film %s could be stored", image.pk)
    name = str(image.thumbnail.name or "")
    with transaction.atomic():
        rows = CaseImage.objects.filter(pk=image.pk, thumbnail="")
        is_kept = _is_in_work(image) and rows.update(thumbnail=name, suggested_boxes=boxes)
        gone = [] if is_kept else doomed.doom(case_id=image.case_id, names=[name])
    doomed.try_delete(gone)


def _is_wanted(image: CaseImage) -> bool:
    return _is_in_work(image) and CaseImage.objects.filter(pk=image.pk).exists()


def _is_in_work(image: CaseImage) -> bool:
    """Whether its case awaits what is found on it; locks the case."""
    in_work = [Case.Status.RECEIVED, Case.Status.PENDING]
    case = Case.objects.select_for_update().filter(
        pk=image.case_id, status__in=in_work, awaits_consent=False
    )
    return case.exists()


def months() -> list[str]:
    """Names of the folders that hold films. Raises what the storage does."""
    return [month for month in listed(FOLDER)[0] if MONTH.fullmatch(month)]


def orphans_in(folder: str, stored: Iterable[str]) -> Iterator[str]:
    """Of the names that are `stored` in a folder those, whole, that no row names: one was
    deleted, or its worker killed, before the other; or the row is about to be written. Other
    folders than ours have none."""
    if folder not in {f"{FOLDER}/{month}" for month in MONTH.findall(folder)}:
        return iter(())
    names = [f"{folder}/{name}" for name in sorted(stored) if OURS.fullmatch(name)]
    rows = CaseImage.objects.values_list
    known = {
        *rows("file", flat=True).filter(file__startswith=f"{folder}/"),
        *rows("thumbnail", flat=True).filter(thumbnail__startswith=f"{folder}/"),
    }
    return (name for name in names if name not in known)


def listed(folder: str) -> tuple[list[str], list[str]]:
    """Folders and files in a folder of the storage; none where it does not exist."""
    try:
        folders, names = default_storage.listdir(folder)
    except FileNotFoundError:
        return [], []
    return sorted(folders), sorted(names)


def remove(images: Sequence[CaseImage]) -> None:
    """Delete films of one case that their sender took back, with what was found on them; a task
    deletes their files, once the transaction of the caller is committed."""
    if not images:
        return
    CaseImage.objects.filter(pk__in=[image.pk for image in images]).delete()
    transaction.on_commit(lambda: film_cache.forget([image.sha256 for image in images]))
    doomed.delete_later(doomed.doom(case_id=images[0].case_id, names=_names(images)))
