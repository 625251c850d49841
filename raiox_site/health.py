"""Is the service up, and does it do its work?

Red (503) exactly when somebody must get up: nothing can be received, stored, compared or worked
off. What mends itself, or has an outbox that waits for it, is told and stays green: a read
replica or a cache that is gone, a mail server that refuses, an answer that Jotform did not take.
"""

from typing import Any

from django.conf import settings
from django.http import HttpResponse, JsonResponse
from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.views import APIView

from implants.negotiation import AnyAccept
from raiox_site import parts
from raiox_site.health_shapes import PARTS, PONG, UP, states


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
        return _answer(is_up=parts.has_database())


class Health(ServiceView):
    """Every part by itself; 503 when one that the service cannot work without is down."""

    @extend_schema(summary="Every part by itself", responses=states(PARTS), auth=[])
    def get(self, request: Request) -> JsonResponse:
        found = parts.all_of_them()
        is_up = all(parts.is_ok(found[name]) for name in parts.VITAL)
        return _answer(is_up=is_up, **found)


def _answer(*, is_up: bool, **found: Any) -> JsonResponse:
    return JsonResponse(
        {"status": "ok" if is_up else "error", "version": settings.VERSION, **found},
        status=200 if is_up else 503,
    )
