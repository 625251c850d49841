"""Requests by route and status: templates of addresses, never addresses, which name cases."""

import re
import time
from collections.abc import Callable
from functools import lru_cache

from django.http import HttpRequest, HttpResponseBase
from django.utils.regex_helper import normalize
from prometheus_client import Counter, Histogram

Handler = Callable[[HttpRequest], HttpResponseBase]
METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
BUCKETS = (0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30)
UNKNOWN = "unknown"

_requests = Counter("raiox_requests", "Requests answered", ["method", "route", "status"])
_seconds = Histogram("raiox_request_seconds", "Time to answer", ["route"], buckets=BUCKETS)


def measured(get_response: Handler) -> Handler:
    def middleware(request: HttpRequest) -> HttpResponseBase:
        since = time.perf_counter()
        response = get_response(request)
        route = route_of(request)
        method = request.method if request.method in METHODS else "OTHER"
        _requests.labels(method, route, response.status_code).inc()
        _seconds.labels(route).observe(time.perf_counter() - since)
        return response

    return middleware


def route_of(request: HttpRequest) -> str:
    """The template of the address, `/cases/{pk}`; one word for all that were not resolved."""
    if request.path_info.startswith("/static/"):
        return "/static/"
    match = request.resolver_match
    return template(match.route) if match else UNKNOWN


@lru_cache(maxsize=1024)
def template(route: str) -> str:
    """`^cases/(?P<pk>…)/?$` and `cases/<int:pk>` both as `/cases/{pk}`."""
    if route.startswith("^"):
        text, names = normalize(route)[0]
        return "/" + str(text % {name: f"{{{name}}}" for name in names})
    return "/" + re.sub(r"<(?:\w+:)?(\w+)>", r"{\1}", route)
