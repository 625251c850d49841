"""What the nightly run does, in portions: a task is killed after 60 seconds, so that each works
for less and then puts the next one on the queue."""

import logging

from cases import doomed, erasure, leftovers, reconcile, retention
from cases.models import Erasure
from cases.retention import Place
from matching.queue import enqueue

SECONDS = 40.0
PURGE_TASK = "cases.tasks.purge_expired"
FINISH_ALL_TASK = "cases.tasks.finish_erasures"
DOOMED_TASK = "cases.tasks.delete_doomed"
LEFTOVERS_TASK = "cases.tasks.purge_leftovers"
RECONCILE_TASK = "cases.tasks.reconcile_storage"
log = logging.getLogger(__name__)


def purge_cases(*, is_again: bool = False, after: int = 0) -> None:
    """First the cases that are due; then, each by its own tasks, erasures that are still open,
    files that nothing names any more, rows that are too old, and what the storage and the rows
    say of each other."""
    report = retention.purge(place=Place(is_again, after), seconds=SECONDS)
    log.info("retention: %d cases erased, %d failed", report.erased, len(report.failed))
    if report.rest:
        enqueue(PURGE_TASK, int(report.rest.is_again), report.rest.case_id)
    else:
        enqueue(FINISH_ALL_TASK)


def finish_erasures(*, after: int = 0) -> None:
    rest = erasure.go_on_with_all(after=after, seconds=SECONDS)
    if rest is not None:
        enqueue(FINISH_ALL_TASK, rest)
    else:
        enqueue(DOOMED_TASK)


def delete_doomed(*, after: int = 0) -> None:
    rest = doomed.delete_all(after=after, seconds=SECONDS)
    if rest is not None:
        enqueue(DOOMED_TASK, rest)
    else:
        enqueue(LEFTOVERS_TASK)


def finish_erasure(*, certificate: Erasure) -> None:
    """Go on with one erasure while that brings it on; what fails is left to the night."""
    before = erasure.number_left(certificate)
    is_done = erasure.go_on(certificate=certificate, seconds=SECONDS)
    if not is_done and erasure.number_left(certificate) < before:
        enqueue(erasure.FINISH_TASK, certificate.pk)


def purge_leftovers() -> None:
    gone, is_done = leftovers.purge(leftovers.limits(), seconds=SECONDS)
    log.info("retention: %s", leftovers.in_words(gone) or "no row is too old")
    enqueue(RECONCILE_TASK if is_done else LEFTOVERS_TASK)


def reconcile_storage(*, after: str = "") -> None:
    found = reconcile.run(after=after, seconds=SECONDS)
    level = logging.WARNING if found.is_wrong else logging.INFO
    log.log(level, "storage: %s", "; ".join(found.lines()))
    if found.rest is not None:
        enqueue(RECONCILE_TASK, found.rest)
