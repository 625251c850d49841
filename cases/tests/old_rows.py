"""Rows that are too old, for the tests of the nightly run."""

from datetime import timedelta
from typing import Any

from django.utils import timezone
from django_q.models import Task

NOW = timezone.now()
OLD, YOUNG = NOW - timedelta(days=91), NOW - timedelta(days=89)


def old_tasks(number: int, *, at: Any = OLD) -> None:
    for one in range(number):
        Task.objects.create(
            id=f"{Task.objects.count():032x}", name=str(one), func="x", started=at, stopped=at
        )
