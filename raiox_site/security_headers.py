"""What browsers are told on every answer, whoever gives it: a view, a refusal, a static file."""

from collections.abc import Callable, Mapping

from django.conf import settings
from django.http import HttpRequest, HttpResponseBase
from django.urls import reverse

Handler = Callable[[HttpRequest], HttpResponseBase]

NOWHERE = (
    "accelerometer", "browsing-topics", "camera", "display-capture", "geolocation", "gyroscope",
    "magnetometer", "microphone", "midi", "payment", "usb",
)  # fmt: skip
HEADERS = {
    # A view that may be kept says so itself.
    "Cache-Control": "no-store",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": ", ".join(f"{feature}=()" for feature in NOWHERE),
    "Referrer-Policy": "same-origin",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "X-Permitted-Cross-Domain-Policies": "none",
}
OWN = {
    "default-src": "'none'",
    "script-src": "'self'",
    "style-src": "'self'",
    "img-src": "'self'",
    "font-src": "'self'",
    "connect-src": "'self'",
    "form-action": "'self'",
    "base-uri": "'none'",
    "frame-ancestors": "'none'",
    "object-src": "'none'",
}
# Swagger UI's page has this one style sheet in it, and its own style sheet has pictures in it.
READER_STYLE = "sha256-MMpT0iDxyjALd9PdfepImGX3DBfJPXZ4IlDWdPAgtn0="
READER = {"style-src": f"'self' '{READER_STYLE}'", "img-src": "'self' data:"}


def sent(get_response: Handler) -> Handler:
    """Middleware: every answer carries the headers, unless its view chose its own."""

    def middleware(request: HttpRequest) -> HttpResponseBase:
        response = get_response(request)
        for name, value in HEADERS.items():
            response.setdefault(name, value)
        response.setdefault("Content-Security-Policy", policy(request))
        return response

    return middleware


def policy(request: HttpRequest) -> str:
    """Everything from our own origin; pictures also from the private bucket's signed links."""
    directives = dict(OWN)
    if request.path_info.rstrip("/") == reverse("docs").rstrip("/"):
        directives |= READER
    directives["img-src"] += "".join(f" {place}" for place in bucket_places())
    return joined(directives)


def joined(directives: Mapping[str, str]) -> str:
    return "; ".join(f"{name} {value}" for name, value in directives.items())


def bucket_places() -> list[str]:
    """The origins under which objects of the configured bucket are fetched."""
    storage = settings.STORAGES["default"]
    if not storage["BACKEND"].endswith("S3Storage"):
        return []
    endpoint = storage["OPTIONS"]["endpoint_url"]
    scheme, _separator, host = endpoint.partition("://")
    return [endpoint, f"{scheme}://{storage['OPTIONS']['bucket_name']}.{host}"]
