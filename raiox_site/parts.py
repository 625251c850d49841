"""What the service is made of, and how each part is asked whether it works.

Every question has three seconds, and they are all asked at once.
"""

import os
import shutil
import sys
from datetime import timedelta
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.cache import cache
from django.core.files.storage import FileSystemStorage, default_storage
from django.db import Error, connections
from django.utils import timezone
from django_q.models import OrmQ
from redis.exceptions import RedisError

from implants.storage import STORAGE_ERRORS
from integrations import spaces
from matching import following
from matching.encoder import configured_name, get_encoder, make_encoder
from raiox_site import heartbeat
from raiox_site.configuration.services import process_kind
from raiox_site.probes import Asked, Probe, TooLate

# Monitors ask again every few seconds.
KEPT_SECONDS = {"web": 10.0}
QUEUE_LIMIT_SECONDS = 300
# However fast it is worked off: nobody sees a result for so long.
QUEUE_LONGEST_SECONDS = 3600
FREE_SPACE_BYTES = 200 * 1024 * 1024
# Without these nothing works; the others are told only.
VITAL = ("database", "storage", "disk", "queue", "encoder")
REPLICA = "replica"
FAILURES = (Error, TooLate, RedisError, *STORAGE_ERRORS)


def all_of_them() -> dict[str, Any]:
    asked = {name: _begin(probe) for name, probe in _PROBES.items() if _is_there(name)}
    found = {name: _outcome(name, one) for name, one in asked.items()}
    # Both are read by one connection.
    is_answered = found["queue"]["status"] != "unknown"
    return {"database": "ok" if is_answered else "down", **found}


def of_host() -> dict[str, Any]:
    """What a host with workers only has for itself. Neither the database is asked nor a model
    loaded: the process that watches the workers asks."""
    try:
        state = _disk()
    except OSError:
        state = "down"
    has_problem = bool(make_encoder(configured_name()).problem)
    return {"disk": state, "encoder": "down" if has_problem else "ok"}


def has_database() -> bool:
    return _outcome("queue", _begin(_PROBES["queue"]))["status"] != "unknown"


def is_ok(part: Any) -> bool:
    return (part["status"] if isinstance(part, dict) else part) == "ok"


def is_known(part: Any) -> bool:
    return not (isinstance(part, dict) and part["status"] == "unknown")


def disk() -> tuple[int, int]:
    """Free and all bytes of the disk with RAIOX_VAR_DIR. Raises OSError."""
    settings.VAR_DIR.mkdir(parents=True, exist_ok=True)
    usage = shutil.disk_usage(settings.VAR_DIR)
    return usage.free, usage.total


def _is_there(name: str) -> bool:
    """A replica and a cache of their own are optional."""
    if name == REPLICA:
        return REPLICA in settings.DATABASES
    return name != "cache" or "redis" in settings.CACHES["default"]["BACKEND"]


def _begin(probe: Probe[Any]) -> Asked[Any] | None:
    try:
        return probe.ask()
    except TooLate:
        return None


def _outcome(name: str, asked: Asked[Any] | None) -> Any:
    try:
        if asked is None:
            raise TooLate
        return asked.answer()
    except FAILURES:
        return UNANSWERED[name]() if name in UNANSWERED else "down"


def _queue() -> dict[str, Any]:
    """Seconds since a worker last ran a task, and the age of the oldest task that waits."""
    now = timezone.now()
    last = heartbeat.last()
    waiting = OrmQ.objects.filter(lock__lt=now).order_by("lock")
    oldest = waiting.values_list("lock", flat=True).first()
    age = (now - oldest).total_seconds() if oldest else 0.0
    return {
        "status": "ok" if _is_worked_off(age, now - last if last else timedelta.max) else "stuck",
        "oldest_seconds": round(age, 1),
        "heartbeat_seconds": round((now - last).total_seconds(), 1) if last else None,
    }


def _is_worked_off(oldest: float, silence: timedelta) -> bool:
    """A long queue that gets shorter calls for another machine by day, and for nobody at night."""
    if oldest < QUEUE_LIMIT_SECONDS:
        return silence < heartbeat.ALIVE
    return silence < heartbeat.BUSY and oldest < QUEUE_LONGEST_SECONDS


def _encoder() -> dict[str, Any]:
    """The one that this process compares films with; `note` says why it is not the one that was
    switched to."""
    # As a request does it: it looks now and then whether another one was switched to.
    following.begin()
    encoder = get_encoder()
    return {
        "status": "down" if encoder.problem else "ok",
        "name": encoder.name,
        "loaded": encoder.is_loaded,
        "note": following.note(),
    }


def _storage() -> str:
    if not isinstance(default_storage, FileSystemStorage):
        spaces.ask_for_nothing(default_storage)
        return "ok"
    folder = Path(default_storage.location)
    folder.mkdir(parents=True, exist_ok=True)
    return "ok" if os.access(folder, os.R_OK | os.W_OK | os.X_OK) else "down"


def _disk() -> str:
    free, _total = disk()
    return "ok" if free > FREE_SPACE_BYTES else "full"


def _replica() -> str:
    with connections[REPLICA].cursor() as cursor:
        cursor.execute("SELECT 1")
    return "ok"


def _cache() -> str:
    cache.get("health")
    return "ok"


UNANSWERED = {
    "queue": lambda: {"status": "unknown"},
    "encoder": lambda: {
        "status": "unknown",
        "name": configured_name(),
        "loaded": False,
        "note": "",
    },
}
_PROBES: dict[str, Probe[Any]] = {
    "queue": Probe(_queue, kept_seconds=KEPT_SECONDS.get(process_kind(sys.argv), 0.0)),
    "storage": Probe(_storage),
    "disk": Probe(_disk),
    "encoder": Probe(_encoder),
    REPLICA: Probe(_replica),
    "cache": Probe(_cache),
}
