"""What surrounds every request."""

import logging
from collections.abc import Callable

from django.conf import settings
from django.core.exceptions import SuspiciousOperation
from django.db import InterfaceError, OperationalError
from django.http import HttpRequest, HttpResponse, HttpResponseBase

from cases import correlation as correlation_id
from raiox_site.errors import bad_request, service_unavailable

log = logging.getLogger(__name__)

Handler = Callable[[HttpRequest], HttpResponseBase]


def correlation(get_response: Handler) -> Handler:
    """Take over or make a correlation id, and give it back as X-Request-ID."""

    def middleware(request: HttpRequest) -> HttpResponseBase:
        chosen = correlation_id.start(request.headers.get("X-Request-ID", ""))
        response = get_response(request)
        response["X-Request-ID"] = chosen
        return response

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
        log.error("the database does not answer: %s", error)
        return service_unavailable(request)


def no_nul_in_addresses(get_response: Handler) -> Handler:
    """400 for a NUL among the parameters of a page of the panel: filters hand them on to the
    database, which refuses it with an error. The API judges its parameters by itself."""

    def middleware(request: HttpRequest) -> HttpResponseBase:
        query = request.META.get("QUERY_STRING", "")
        if "%00" in query and request.path_info.startswith("/admin/"):
            return bad_request(request, SuspiciousOperation("a NUL in the query string"))
        return get_response(request)

    return middleware


def content_security_policy(get_response: Handler) -> Handler:
    """Everything from our own origin; pictures also from the private bucket's signed links."""
    images = "'self' data:"
    if settings.STORAGES["default"]["BACKEND"].endswith("S3Storage"):
        options = settings.STORAGES["default"]["OPTIONS"]
        endpoint = options["endpoint_url"]
        scheme, _separator, host = endpoint.partition("://")
        images += f" {endpoint} {scheme}://{options['bucket_name']}.{host}"
    policy = (
        f"default-src 'self'; img-src {images}; object-src 'none'; base-uri 'self'; "
        "form-action 'self'; frame-ancestors 'none'"
    )

    def middleware(request: HttpRequest) -> HttpResponseBase:
        response = get_response(request)
        response.setdefault("Content-Security-Policy", policy)
        return response

    return middleware
