"""Proof that tasks are executed: a scheduled task leaves the time of its last run."""

import logging
from datetime import datetime, timedelta
from typing import Any

from django.db import DatabaseError
from django.utils import timezone

from matching.queue import enqueue
from raiox_site.models import Heartbeat

log = logging.getLogger(__name__)

WORKER = "worker"
ALIVE = timedelta(minutes=4)


def ask_for_one(**kwargs: Any) -> None:
    """A cluster that starts proves itself at once, not only with its first schedule."""
    try:
        enqueue("raiox_site.heartbeat.beat")
    except DatabaseError:
        log.exception("the database did not answer at worker start")


def beat() -> None:
    Heartbeat.objects.update_or_create(name=WORKER, defaults={"at": timezone.now()})


def last() -> datetime | None:
    return Heartbeat.objects.filter(name=WORKER).values_list("at", flat=True).first()
