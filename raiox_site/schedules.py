"""What runs by the clock. Registered after every migration, so that no host is set up by hand."""

from datetime import timedelta
from typing import Any

from django.utils import timezone

SCHEDULES = {
    "sweep cases": ("cases.tasks.sweep_cases", 1),
    "take in submissions": ("integrations.tasks.take_in_due_submissions", 1),
    # How often a form is really polled is RAIOX_JOTFORM_SYNC_MINUTES.
    "poll jotform": ("integrations.tasks.poll_jotform", 1),
    "send answers": ("integrations.tasks.send_due_returns", 1),
    "tell staff": ("integrations.tasks.send_notices", 1),
    "purge expired cases": ("cases.tasks.purge_expired", 24 * 60),
    "measure references": ("matching.tasks.measure_references", 1),
    "complete a switch": ("matching.tasks.complete_switch", 1),
    "note erasures": ("raiox_site.backup.tasks.note_erasures", 1),
    "heartbeat": ("raiox_site.heartbeat.beat", 1),
}


# Names of earlier versions, whose work another schedule does by now.
RETIRED = ("purge deliveries",)


def register(sender: Any = None, **kwargs: Any) -> None:
    """Create or correct the schedules by name; their next run is left where it was."""
    from django_q.models import Schedule

    Schedule.objects.filter(name__in=RETIRED).delete()
    for name, (task, minutes) in SCHEDULES.items():
        schedule, created = Schedule.objects.get_or_create(
            name=name,
            defaults={
                "func": task,
                "schedule_type": Schedule.MINUTES,
                "minutes": minutes,
                "repeats": -1,
                "next_run": timezone.now() + timedelta(seconds=5),
            },
        )
        if not created and (schedule.func, schedule.minutes) != (task, minutes):
            Schedule.objects.filter(pk=schedule.pk).update(func=task, minutes=minutes)
