"""What the storage holds and what the rows name, compared both ways.

Films that no row names are deleted, where this installation is the storage's only one. A row
whose film is not there is marked, so that people are told, and is unmarked should it come back.
References are only counted: others may keep theirs in the same folder.
"""

import logging
import math
import time
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.conf import settings
from django.core.files.storage import default_storage
from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext as _

from cases import films
from cases.models import CaseImage
from cases.models.film import film_gone
from implants.models import ReferenceImage
from implants.storage import STORAGE_ERRORS

# Longer than any film is on its way from the storage into its row.
ORPHAN_AGE = timedelta(days=1)
REFERENCES = "referencia"
log = logging.getLogger(__name__)


@dataclass
class Found:
    """`objects` that no row names, of which `deleted` were; `films` and `thumbnails` that a row
    names and the storage does not have, `returned` films that were missed before. `rest` is the
    folder after which to go on; `is_broken`: the storage failed, and not all was looked at."""

    objects: int = 0
    deleted: int = 0
    films: int = 0
    thumbnails: int = 0
    returned: int = 0
    reference_objects: int = 0
    references: int = 0
    rest: str | None = None
    is_broken: bool = False

    @property
    def is_wrong(self) -> bool:
        is_missing = self.films or self.thumbnails or self.references
        is_kept = settings.RAIOX_PURGE_ORPHANS and self.objects > self.deleted
        return bool(is_missing or self.is_broken or is_kept)

    def lines(self) -> list[str]:
        """What was found, for people."""
        told = [
            (_("stored films that no row names"), self.objects),
            (_("of these deleted"), self.deleted),
            (_("films that the storage does not have"), self.films),
            (_("small copies that the storage does not have"), self.thumbnails),
            (_("films that are there again"), self.returned),
            (_("stored references that no row names (left alone)"), self.reference_objects),
            (_("references that the storage does not have"), self.references),
        ]
        lines = [f"{text}: {number}" for text, number in told]
        if self.is_broken:
            lines.append(_("The storage did not answer: not everything was compared."))
        return lines


def run(
    *,
    after: str = "",
    seconds: float = math.inf,
    at: datetime | None = None,
    may_change: bool = True,
) -> Found:
    """Compare folder by folder, from the one after `after` on, for at most `seconds`. With
    `may_change` off nothing is deleted or marked."""
    end = time.monotonic() + seconds
    before = (at or timezone.now()) - ORPHAN_AGE
    found, done = Found(), after
    try:
        for folder in _folders():
            if folder <= after:
                continue
            # One at least, so that every run comes further.
            if time.monotonic() > end and done != after:
                found.rest = done
                break
            if not _compare(folder, before, found, end=end, may_change=may_change):
                found.rest = done
                break
            done = folder
    except STORAGE_ERRORS as error:
        log.error("the storage could not be compared, the next run retries: %s", error)
        found.is_broken = True
    return found


def purge_orphans(*, at: datetime | None = None) -> int:
    """Delete stored films that no row names any more, a day old and older; their number.

    Only where RAIOX_PURGE_ORPHANS says that nobody else stores films there: those of another
    installation have no row here. A storage that fails is tried again by the next run.
    """
    return run(at=at).deleted


def _folders() -> list[str]:
    """Folders of films that exist, or that rows name, and that of the references."""
    stored = (f"{films.FOLDER}/{name}" for name in films.months())
    return sorted({*stored, *_named_folders(), REFERENCES})


def _named_folders() -> Iterator[str]:
    rows = CaseImage.objects.exclude(file="", thumbnail="").values_list("file", "thumbnail")
    known: set[str] = set()
    for names in rows.iterator(chunk_size=2000):
        for folder in {name.rpartition("/")[0] for name in names if name} - known:
            known.add(folder)
            yield folder


def _compare(folder: str, before: datetime, found: Found, *, end: float, may_change: bool) -> bool:
    """Whether all of the folder had its turn."""
    if folder == REFERENCES:
        _compare_references(found)
        return True
    stored = set(films.listed(folder)[1])
    _compare_rows(folder, stored, found, may_change=may_change)
    orphans = films.orphans_in(folder, stored)
    if not (may_change and settings.RAIOX_PURGE_ORPHANS):
        found.objects += sum(1 for _name in orphans)
        return True
    return _delete_orphans(orphans, before, found, end=end)


def _delete_orphans(orphans: Iterable[str], before: datetime, found: Found, *, end: float) -> bool:
    """Whether all had their turn, or none of them could be deleted."""
    deleted = found.deleted
    for name in orphans:
        if time.monotonic() > end:
            return found.deleted == deleted
        if _is_older(name, before):
            found.objects += 1
            found.deleted += _delete(name, found)
    return True


def _is_older(name: str, before: datetime) -> bool:
    try:
        return default_storage.get_modified_time(name) < before
    except FileNotFoundError:
        return False


def _delete(name: str, found: Found) -> bool:
    try:
        default_storage.delete(name)
    except STORAGE_ERRORS as error:
        log.warning("a film without a case was not deleted, the next run retries: %s", error)
        found.is_broken = True
        return False
    return True


def _compare_rows(folder: str, stored: Collection[str], found: Found, *, may_change: bool) -> None:
    inside = Q(file__startswith=f"{folder}/") | Q(thumbnail__startswith=f"{folder}/")
    gone = film_gone()
    for image in CaseImage.objects.filter(inside).order_by("pk").iterator(chunk_size=1000):
        if _lacks(folder, stored, str(image.file or "")):
            found.films += 1
            changed = {"error": gone}
        elif image.error == gone and str(image.file or "").startswith(f"{folder}/"):
            found.returned += 1
            changed = {"error": ""}
        elif _lacks(folder, stored, str(image.thumbnail or "")):
            # The film itself is shown in its place.
            found.thumbnails += 1
            changed = {"thumbnail": ""}
        else:
            continue
        if may_change and changed.get("error") != image.error:
            same = CaseImage.objects.filter(pk=image.pk, file=image.file.name or "")
            same.filter(thumbnail=image.thumbnail.name or "").update(**changed)


def _lacks(folder: str, stored: Collection[str], name: str) -> bool:
    """What came after the folder was listed is asked for by its name."""
    place, _slash, short = name.rpartition("/")
    return place == folder and short not in stored and not default_storage.exists(name)


def _compare_references(found: Found) -> None:
    """Memory: the names of the catalogue's pictures, which are few."""
    rows = ReferenceImage.objects.values_list("file", "thumbnail")
    named = {name for names in rows.iterator(chunk_size=2000) for name in names if name}
    stored = set(_below(REFERENCES))
    found.reference_objects += len(stored - named)
    own = {name for name in named if name.startswith(f"{REFERENCES}/")}
    found.references += sum(not default_storage.exists(name) for name in own - stored)


def _below(folder: str) -> Iterator[str]:
    folders, names = films.listed(folder)
    yield from (f"{folder}/{name}" for name in names)
    for inner in folders:
        yield from _below(f"{folder}/{inner}")
