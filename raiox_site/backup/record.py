"""When the last backup and the last drill were good: for metrics and alerts."""

from datetime import datetime

from django.utils import timezone

from raiox_site.models import Heartbeat

BACKUP = "backup"
DRILL = "restore drill"


def good(name: str) -> None:
    Heartbeat.objects.update_or_create(name=name, defaults={"at": timezone.now()})


def last(name: str) -> datetime | None:
    """None: never."""
    return Heartbeat.objects.filter(name=name).values_list("at", flat=True).first()
