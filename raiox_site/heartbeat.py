"""Proof that tasks are executed: a scheduled task leaves the time of its last run."""

from datetime import datetime, timedelta

from django.utils import timezone

from matching.queue import enqueue
from raiox_site.models import Heartbeat

WORKER = "worker"
ALIVE = timedelta(minutes=4)


def ask_for_one() -> None:
    """A cluster that starts proves itself at once, not only with its first schedule."""
    enqueue("raiox_site.heartbeat.beat")


def beat() -> None:
    Heartbeat.objects.update_or_create(name=WORKER, defaults={"at": timezone.now()})


def last() -> datetime | None:
    return Heartbeat.objects.filter(name=WORKER).values_list("at", flat=True).first()
