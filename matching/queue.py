"""The one door to the task queue: a task gets ids, never objects or personal data."""

import logging
from collections.abc import Callable
from typing import Any

from django.db import DatabaseError
from django_q.signals import post_spawn
from django_q.tasks import async_task

log = logging.getLogger(__name__)


def enqueue(task: str, *ids: int | str) -> None:
    """Put `task` (dotted path) on the queue.

    Call it inside the transaction that writes the row: with the ORM broker on the same
    database a rollback then leaves no task, and a crash after the commit loses none.
    """
    async_task(task, *ids)


def on_worker_start(action: Callable[[], object]) -> None:
    """Have every task process run `action` as it starts: it may replace one that was killed.

    A database that does not answer then is logged; the schedules repeat what matters.
    """

    def run(**kwargs: Any) -> None:
        try:
            action()
        except DatabaseError:
            log.exception("%s failed at worker start", action.__name__)

    post_spawn.connect(run, weak=False, dispatch_uid=f"{action.__module__}.{action.__name__}")
