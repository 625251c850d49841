"""Proof that tasks are executed: a scheduled task leaves the time of its last run. It waits like
all others, so where one task follows the other each process leaves it, too, now and then."""

import time
from contextlib import suppress
from datetime import datetime, timedelta
from typing import Any

from django.db import Error
from django.utils import timezone
from django_q.signals import post_execute_in_worker, pre_execute

from matching.queue import enqueue
from raiox_site.models import Heartbeat

WORKER = "worker"
ALIVE = timedelta(minutes=4)
# One task may take a minute.
BUSY = timedelta(minutes=2)
EVERY_SECONDS = 30.0


def ask_for_one() -> None:
    """A cluster that starts proves itself at once, not only with its first schedule."""
    enqueue("raiox_site.heartbeat.beat")


def beat() -> None:
    Heartbeat.objects.update_or_create(name=WORKER, defaults={"at": timezone.now()})


def last() -> datetime | None:
    return Heartbeat.objects.filter(name=WORKER).values_list("at", flat=True).first()


class Tasks:
    """What one process has done since it last said so."""

    def __init__(self) -> None:
        self._is_one_done, self._said_at = False, time.monotonic()

    def ended(self, *, task: dict[str, Any], **kwargs: Any) -> None:
        # One that proves the cluster came through no queue.
        if task.get("success") and task.get("name") != PROOF:
            self._is_one_done = True

    def begins(self, **kwargs: Any) -> None:
        """Here and not at the end of one: the process is guarded by a lock then."""
        now = time.monotonic()
        if self._is_one_done and now - self._said_at >= EVERY_SECONDS:
            self._is_one_done, self._said_at = False, now
            with suppress(Error):
                beat()


PROOF = "proof"
_tasks = Tasks()


def connect() -> None:
    pre_execute.connect(_tasks.begins, dispatch_uid="heartbeat.begins")
    post_execute_in_worker.connect(_tasks.ended, dispatch_uid="heartbeat.ended")
