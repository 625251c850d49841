"""What the worker does for the backups."""

from datetime import timedelta

from django.conf import settings
from django.utils import timezone

from raiox_site.backup import erased
from raiox_site.models import Heartbeat

NOTED = "erasure notes"
# Longer than the transaction in which an erasure begins: what it covers is seen once it ends.
OVERLAP = timedelta(minutes=5)


def note_erasures() -> None:
    """Note what was asked to be erased since the last run, beside the dumps."""
    now = timezone.now()
    known = Heartbeat.objects.filter(name=NOTED).values_list("at", flat=True).first()
    since = known - OVERLAP if known else now - timedelta(days=settings.RAIOX_BACKUP.days)
    erased.note_all(since=since)
    Heartbeat.objects.update_or_create(name=NOTED, defaults={"at": now})
