"""`GET /metrics`, for Prometheus: what the processes of this host counted, the state of every
part, and what is counted in the database at that moment."""

import hmac
import os
from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import Any

from django.conf import settings
from django.db import Error
from django.http import HttpRequest, HttpResponse
from drf_spectacular.utils import extend_schema
from prometheus_client import REGISTRY, CollectorRegistry, generate_latest
from prometheus_client.core import InfoMetricFamily, Metric
from prometheus_client.registry import Collector
from rest_framework.exceptions import PermissionDenied
from rest_framework.request import Request

from raiox_site import gauges, metric_files, parts
from raiox_site.health import ServiceView
from raiox_site.health_shapes import METRICS
from raiox_site.probes import Probe, TooLate

LOOPBACK = ("127.0.0.1", "::1")
OURS = "raiox_"
_database = Probe(gauges.of_database)


def text_of_host() -> bytes:
    """What is known without the database: for a host that has workers only."""
    return _written(_of_worker_host)


def text() -> bytes:
    """All of it, within three seconds also while the database or the bucket hangs."""
    return _written(_of_service)


def is_allowed(authorization: str, address: str) -> bool:
    """Whether a scraper with this header, from this address, may read them."""
    token = settings.RAIOX_METRICS_TOKEN
    if token:
        given = authorization.removeprefix("Bearer ")
        return hmac.compare_digest(given.encode(), token.encode())
    return address in LOOPBACK


class Metrics(ServiceView):
    """For a scraper on this machine, or one that shows RAIOX_METRICS_TOKEN as bearer."""

    @extend_schema(
        summary="Figures for Prometheus",
        responses={(200, "text/plain"): METRICS, 403: None},
        auth=[],
    )
    def get(self, request: Request) -> HttpResponse:
        if not _may_scrape(request._request):
            raise PermissionDenied
        return HttpResponse(text(), content_type="text/plain; version=0.0.4")


def _may_scrape(request: HttpRequest) -> bool:
    # Behind a proxy every request comes from loopback: then only the token tells them apart.
    address = "" if settings.RAIOX_PROXY_COUNT else request.META.get("REMOTE_ADDR", "")
    return is_allowed(request.headers.get("Authorization", ""), address)


def _written(collect: Callable[[], Iterator[Metric]]) -> bytes:
    class Once(Collector):
        def collect(self) -> Iterator[Metric]:
            return collect()

        def describe(self) -> list[Metric]:
            """Nothing: to be registered, it need not be collected once more."""
            return []

    registry = CollectorRegistry()
    registry.register(Once())
    return generate_latest(registry)


def _of_worker_host() -> Iterator[Metric]:
    yield _states(parts.of_host())
    yield from _of_host()


def _of_service() -> Iterator[Metric]:
    try:
        database = _database.ask()
    except TooLate:
        database = None
    yield _states(parts.all_of_them())
    yield from _of_host()
    if database is not None:
        with suppress(Error, TooLate):
            yield from database.answer()


def _states(states: dict[str, Any]) -> Metric:
    known = {name: state for name, state in states.items() if parts.is_known(state)}
    up = {name: float(parts.is_ok(state)) for name, state in known.items()}
    return gauges.gauge("raiox_up", "Whether a part works, as /health sees it", "part", up)


def _of_host() -> Iterator[Metric]:
    yield InfoMetricFamily(
        "raiox_build",
        "What is running",
        value={"version": settings.VERSION, "encoder": settings.RAIOX_ENCODER},
    )
    with suppress(OSError):
        free, size = parts.disk()
        sizes = {"free": float(free), "size": float(size)}
        yield gauges.gauge("raiox_disk_bytes", "Disk with RAIOX_VAR_DIR", "which", sizes)
    yield from _of_processes()


def _of_processes() -> Iterator[Metric]:
    if metric_files.VARIABLE in os.environ:
        yield from metric_files.read()
    else:
        # A process by itself, as a test.
        yield from (one for one in REGISTRY.collect() if one.name.startswith(OURS))
