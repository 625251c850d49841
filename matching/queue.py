"""The one door to the task queue: a task gets ids, never objects or personal data."""

import logging
from collections.abc import Callable
from datetime import datetime
from typing import Any

from django.db import DatabaseError
from django_q.brokers.orm import ORM
from django_q.conf import Conf
from django_q.signals import post_spawn
from django_q.tasks import async_task

log = logging.getLogger(__name__)

INDEX_TASK = "matching.tasks.index_reference"


class _Later(ORM):
    """Puts tasks on the queue that no worker takes before `when`."""

    def __init__(self, when: datetime) -> None:
        super().__init__()
        self._when = when

    def enqueue(self, task: str) -> int:
        key = self.list_key or Conf.CLUSTER_NAME
        return int(self.get_connection().create(key=key, payload=task, lock=self._when).pk)


def enqueue(task: str, *ids: int | str, when: datetime | None = None) -> None:
    """Put `task` (dotted path) on the queue, to be run at once or not before `when`.

    Call it inside the transaction that writes the row: with the ORM broker on the same
    database a rollback then leaves no task, and a crash after the commit loses none.
    """
    async_task(task, *ids, **({"broker": _Later(when)} if when else {}))


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
