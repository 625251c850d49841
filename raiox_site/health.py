"""Is the service up, and does it do its work?"""

import shutil
from typing import Any

from django.conf import settings
from django.core.files.storage import FileSystemStorage, default_storage
from django.db import DatabaseError, connection
from django.http import HttpResponse, JsonResponse
from django.utils import timezone
from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.views import APIView

from implants.negotiation import AnyAccept
from implants.storage import STORAGE_ERRORS
from matching import following
from matching.encoder import get_encoder
from raiox_site import heartbeat
from raiox_site.health_shapes import PARTS, PONG, UP, states

QUEUE_LIMIT_SECONDS = 300
FREE_SPACE_BYTES = 200 * 1024 * 1024


class ServiceView(APIView):
    """Open to everybody, and in one form whatever is asked for."""

    authentication_classes = ()
    permission_classes = ()
    content_negotiation_class = AnyAccept


class Ping(ServiceView):
    """Whether a web process answers; nothing else is looked at."""

    @extend_schema(summary="Is anybody there?", responses={(200, "text/plain"): PONG}, auth=[])
    def get(self, request: Request) -> HttpResponse:
        return HttpResponse("pong", content_type="text/plain")


class Healthcheck(ServiceView):
    """The shape that the client's monitors read: up or, while the database is down, 503."""

    @extend_schema(summary="Up or not", responses=states(UP), auth=[])
    def get(self, request: Request) -> JsonResponse:
        is_up = _database() == "ok"
        return JsonResponse(
            {"status": "ok" if is_up else "error", "version": settings.VERSION},
            status=200 if is_up else 503,
        )


class Health(ServiceView):
    """Every part by itself; 503 when one that the service cannot work without is down."""

    @extend_schema(summary="Every part by itself", responses=states(PARTS), auth=[])
    def get(self, request: Request) -> JsonResponse:
        database = _database()
        parts: dict[str, Any] = {
            "database": database,
            "storage": _storage(),
            "queue": _queue() if database == "ok" else {"status": "unknown"},
            "encoder": _encoder(),
        }
        is_up = (
            database == parts["storage"] == "ok"
            and parts["queue"]["status"] == parts["encoder"]["status"] == "ok"
        )
        return JsonResponse(
            {"status": "ok" if is_up else "error", "version": settings.VERSION, **parts},
            status=200 if is_up else 503,
        )


def _database() -> str:
    try:
        with connection.cursor() as cursor:
            cursor.execute("SELECT 1")
    except DatabaseError:
        return "down"
    return "ok"


def _encoder() -> dict[str, Any]:
    """The one that this process compares films with; `note` says why it is not the one that was
    switched to."""
    encoder = get_encoder()
    return {
        "status": "down" if encoder.problem else "ok",
        "name": encoder.name,
        "loaded": encoder.is_loaded,
        "note": following.note(),
    }


def _storage() -> str:
    try:
        if isinstance(default_storage, FileSystemStorage):
            settings.VAR_DIR.mkdir(parents=True, exist_ok=True)
            free = shutil.disk_usage(settings.VAR_DIR).free
            return "ok" if free > FREE_SPACE_BYTES else "full"
        default_storage.exists("health")
    except STORAGE_ERRORS:
        return "down"
    return "ok"


def _queue() -> dict[str, Any]:
    """Seconds since a worker last ran a task, and the age of the oldest task that waits."""
    from django_q.models import OrmQ

    now = timezone.now()
    last = heartbeat.last()
    oldest = (
        OrmQ.objects.filter(lock__lt=now).order_by("lock").values_list("lock", flat=True).first()
    )
    age = (now - oldest).total_seconds() if oldest else 0.0
    is_alive = last is not None and now - last < heartbeat.ALIVE
    return {
        "status": "ok" if is_alive and age < QUEUE_LIMIT_SECONDS else "stuck",
        "oldest_seconds": round(age, 1),
        "heartbeat_seconds": round((now - last).total_seconds(), 1) if last else None,
    }
