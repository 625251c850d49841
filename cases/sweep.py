"""Finding cases whose task was lost, and queueing them again.

The case row is the truth, the queue only carries it: an entry can vanish with a killed
worker, be locked for minutes, or be dropped when the signing key changes.
"""

import logging
from datetime import timedelta

from django.db import transaction
from django.db.models import QuerySet
from django.utils import timezone

from cases.intake import PROCESS_TASK
from cases.models import WORK_LOCK, Case
from matching.locks import is_locked
from matching.queue import enqueue, on_worker_start

LOST_AT_MOST = 20
log = logging.getLogger(__name__)


def requeue_abandoned() -> int:
    """Queue every case that is due and that nobody works on; the number of cases queued."""
    return _requeue_unlocked(Case.objects.interrupted() | Case.objects.overdue())


def requeue_lost() -> int:
    """Queue cases whose task a killed worker may have taken along; the number of cases queued.

    Called when a worker starts. A cluster holds only a few tasks at a time, and a case that
    is queued twice is processed once.
    """
    waiting = Case.objects.due().order_by("queued_at")
    return _requeue_unlocked(waiting[:LOST_AT_MOST])


def _requeue_unlocked(candidates: QuerySet[Case]) -> int:
    count = 0
    for case_id in list(candidates.values_list("pk", flat=True)):
        if not is_locked(WORK_LOCK, case_id):
            count += _requeue(case_id)
    if count:
        log.warning("%d case(s) had lost their task and were queued again", count)
    return count


def _requeue(case_id: int) -> int:
    with transaction.atomic():
        # The processes of a cluster start together: one of them queues the case.
        a_moment_ago = timezone.now() - timedelta(seconds=1)
        due = Case.objects.due().filter(pk=case_id, queued_at__lt=a_moment_ago)
        updated = due.update(queued_at=timezone.now())
        if updated:
            enqueue(PROCESS_TASK, case_id)
    return updated


on_worker_start(requeue_lost)
