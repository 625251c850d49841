"""`GET /metrics`: what can be counted from the database, for Prometheus."""

import hmac
from collections.abc import Iterator

from django.conf import settings
from django.db.models import Count
from django.http import HttpRequest, HttpResponse
from django_q.models import OrmQ
from drf_spectacular.utils import extend_schema
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector
from rest_framework.exceptions import PermissionDenied
from rest_framework.request import Request

from cases.models import Case
from integrations.models import ResultReturn
from raiox_site.health import ServiceView
from raiox_site.health_shapes import METRICS

LOOPBACK = ("127.0.0.1", "::1")


class DatabaseCollector(Collector):
    """Gauges read at scrape time: right in every process, nothing to keep in step."""

    def collect(self) -> Iterator[Metric]:
        yield _by_status("raiox_cases", "Cases by status", Case)
        yield _by_status("raiox_answers", "Answers to Jotform by status", ResultReturn)
        yield GaugeMetricFamily(
            "raiox_queue_depth", "Tasks on the queue", value=OrmQ.objects.count()
        )


def _by_status(name: str, text: str, model: type[Case] | type[ResultReturn]) -> GaugeMetricFamily:
    family = GaugeMetricFamily(name, text, labels=["status"])
    counted = model._default_manager.order_by().values_list("status").annotate(Count("pk"))
    counts = dict(counted)
    for status in model.Status.values:
        family.add_metric([status], counts.get(status, 0))
    return family


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
        registry = CollectorRegistry()
        registry.register(DatabaseCollector())
        return HttpResponse(generate_latest(registry), content_type="text/plain; version=0.0.4")


def _may_scrape(request: HttpRequest) -> bool:
    token = settings.RAIOX_METRICS_TOKEN
    if token:
        given = request.headers.get("Authorization", "").removeprefix("Bearer ")
        return hmac.compare_digest(given.encode(), token.encode())
    # Behind a proxy every request comes from loopback: then only the token tells them apart.
    return not settings.RAIOX_PROXY_COUNT and request.META.get("REMOTE_ADDR") in LOOPBACK
