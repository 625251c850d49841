"""What surrounds every request."""

import logging
import re
import time
from collections.abc import Callable

from django.conf import settings
from django.core.exceptions import SuspiciousOperation
from django.db import Error, InterfaceError, OperationalError
from django.http import HttpRequest, HttpResponse, HttpResponseBase

from cases import correlation as correlation_id
from integrations.throttles import ApiThrottle
from matching import measured
from raiox_site.bodies import DOORS
from raiox_site.errors import bad_request, service_unavailable, too_many_requests
from raiox_site.measured_requests import route_of
from raiox_site.sessions import is_logged_in

log = logging.getLogger(__name__)

Handler = Callable[[HttpRequest], HttpResponseBase]

# Asked for every few seconds, or many times for one page: worth a line only when refused.
UNREMARKABLE = ("/ping", "/health", "/metrics", "/static/")
PROBES = ("/ping", "/health", "/healthcheck", "/metrics")
# Counting asks the database, and what says that it hangs must not.
UNCOUNTED = re.compile(rf"/(ping|health|healthcheck|metrics)/?|/static/.*|{DOORS.pattern}")


def correlation(get_response: Handler) -> Handler:
    """Take over or make a correlation id, give it back as X-Request-ID, and log the request.

    The log tells no parameters and no address of the client: they may be about a person.
    """

    def middleware(request: HttpRequest) -> HttpResponseBase:
        chosen = correlation_id.start(request.headers.get("X-Request-ID", ""))
        since = time.monotonic()
        response = get_response(request)
        response["X-Request-ID"] = chosen
        if response.status_code >= 400 or not request.path.startswith(UNREMARKABLE):
            spent_ms = (time.monotonic() - since) * 1000
            told = (request.method, request.path, response.status_code, spent_ms)
            log.info("%s %s -> %d in %.0f ms", *told, extra=_told(request, response, spent_ms))
        return response

    return middleware


def _told(request: HttpRequest, response: HttpResponseBase, spent_ms: float) -> dict[str, object]:
    """For lines that machines read."""
    return {
        "method": request.method,
        "route": route_of(request),
        "status": response.status_code,
        "milliseconds": round(spent_ms),
    }


def probes_by_address(get_response: Handler) -> Handler:
    """Load balancers ask for the state of a host by its address, which is no name of the service:
    there the Host is replaced before it is judged. The answers name no host."""

    def middleware(request: HttpRequest) -> HttpResponseBase:
        if request.path_info.rstrip("/") in PROBES:
            name = settings.ALLOWED_HOSTS[0].lstrip(".")
            request.META["HTTP_HOST"] = "localhost" if name == "*" else name
        return get_response(request)

    return middleware


class database_outage:
    """503 with Retry-After while the database cannot be reached, instead of a 500."""

    def __init__(self, get_response: Handler) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        return self.get_response(request)

    def process_exception(self, request: HttpRequest, error: Exception) -> HttpResponse | None:
        if not isinstance(error, (OperationalError, InterfaceError)):
            return None
        measured.failed(measured.Trouble.DATABASE)
        log.error("the database does not answer: %s", error)
        return service_unavailable(request)


def limited(get_response: Handler) -> Handler:
    """429 for an address that asks more often than RAIOX_API_RATE for what needs no login. The
    doors count for themselves, and whoever is logged in to the panel is not counted."""

    def middleware(request: HttpRequest) -> HttpResponseBase:
        throttle = ApiThrottle()
        if is_counted(request) and not throttle.allow_request(request):
            return too_many_requests(request, seconds=int(throttle.wait()))
        return get_response(request)

    return middleware


def is_counted(request: HttpRequest) -> bool:
    if not settings.RAIOX_API_RATE or UNCOUNTED.fullmatch(request.path_info):
        return False
    try:
        return not is_logged_in(request)
    except Error:
        # What the page then meets is answered as an outage.
        return False


def no_nul_in_addresses(get_response: Handler) -> Handler:
    """400 for a NUL among the parameters of a page of the panel: filters hand them on to the
    database, which refuses it with an error. The API judges its parameters by itself."""

    def middleware(request: HttpRequest) -> HttpResponseBase:
        query = request.META.get("QUERY_STRING", "")
        if "%00" in query and request.path_info.startswith("/admin/"):
            return bad_request(request, SuspiciousOperation("a NUL in the query string"))
        return get_response(request)

    return middleware
