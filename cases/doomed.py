"""Stored files that are to go: their names are kept until the storage has let go of them."""

import logging
import math
import time
from collections.abc import Iterable

from django.core.files.storage import default_storage

from cases.models import DoomedFile
from implants.storage import STORAGE_ERRORS
from matching.queue import enqueue

DELETE_TASK = "cases.tasks.delete_film"
log = logging.getLogger(__name__)


def doom(*, case_id: int, names: Iterable[str]) -> list[DoomedFile]:
    """Write down files of a case that are to go, in the transaction that forgets their names.
    Empty names are none."""
    rows = [DoomedFile(case_id=case_id, name=name) for name in sorted({*names} - {""})]
    DoomedFile.objects.bulk_create(rows, ignore_conflicts=True)
    return list(DoomedFile.objects.filter(name__in=[row.name for row in rows]))


def delete(row: DoomedFile) -> None:
    """Delete one file, and then its row. Raises what the storage does."""
    delete_file(row)
    forget(row)


def delete_file(row: DoomedFile) -> None:
    """Delete one file, whose row stays. Raises what the storage does."""
    default_storage.delete(row.name)


def forget(row: DoomedFile) -> bool:
    """Delete the row of a file that is gone; False where somebody else did."""
    return bool(DoomedFile.objects.filter(pk=row.pk).delete()[0])


def delete_later(rows: Iterable[DoomedFile]) -> None:
    """Have a task delete them, once the transaction of the caller is committed."""
    for row in rows:
        enqueue(DELETE_TASK, row.pk)


def try_delete(rows: Iterable[DoomedFile]) -> None:
    """Delete what the storage lets go of now; the rest waits for the night, or for the erasure
    of its case."""
    for row in rows:
        try:
            delete(row)
        except STORAGE_ERRORS as error:
            log.warning("file %s was not deleted, the next run retries: %s", row.pk, error)


def delete_all(*, after: int = 0, seconds: float = math.inf) -> int | None:
    """Try every file that is to go, for `seconds` and one at least: None when all had their
    turn, else the number after which to go on."""
    end = time.monotonic() + seconds
    while row := DoomedFile.objects.filter(pk__gt=after).order_by("pk").first():
        try_delete([row])
        after = row.pk
        if time.monotonic() > end:
            return after
    return None
