"""Bodies of requests: bounded before anything reads them, and taken in where their length was not
announced."""

from collections.abc import Callable
from contextlib import closing
from tempfile import SpooledTemporaryFile
from typing import IO, Any

from django.conf import settings
from django.core.exceptions import BadRequest
from django.core.handlers.wsgi import WSGIRequest
from django.http import HttpRequest, HttpResponseBase
from gunicorn.http.errors import ParseException

from integrations.uploads import ENVELOPE_BYTES, MAX_REQUEST_BYTES, PayloadTooLarge, RequestTooLarge
from raiox_site.errors import bad_request, length_required

Handler = Callable[[HttpRequest], HttpResponseBase]

DOORS = ("/upload", "/webhook", "/jotform")
PIECE_BYTES = 64 * 1024
IN_MEMORY_BYTES = 1024 * 1024


def largest_body(request: HttpRequest) -> int:
    """How many bytes the body of a request may have, by its address: a film and its form at the
    doors; many films in the panel, for whoever has a session; a small form everywhere else."""
    path = request.path_info
    if path.startswith(DOORS):
        return int(settings.RAIOX_MAX_IMAGE_BYTES) + ENVELOPE_BYTES
    has_session = settings.SESSION_COOKIE_NAME in request.COOKIES
    return MAX_REQUEST_BYTES if path.startswith("/admin/") and has_session else ENVELOPE_BYTES


def bounded(get_response: Handler) -> Handler:
    """413 for a body over its limit: before it is read where its length is announced, else
    (`Transfer-Encoding: chunked`) as soon as it passes the limit. Django would take a chunked
    body for an empty one; here it becomes a body of known length."""

    def middleware(request: HttpRequest) -> HttpResponseBase:
        limit = largest_body(request)
        announced = request.META.get("CONTENT_LENGTH") or "0"
        if announced.isdecimal() and int(announced) > limit:
            return bad_request(request, RequestTooLarge(limit=limit))
        if "chunked" not in request.META.get("HTTP_TRANSFER_ENCODING", "").lower():
            return get_response(request)
        if not request.META.get("wsgi.input_terminated"):
            return length_required(request)
        with closing(SpooledTemporaryFile(max_size=IN_MEMORY_BYTES)) as body:
            try:
                size = take_in(request.META["wsgi.input"], body, limit=limit)
            except (PayloadTooLarge, BadRequest) as refusal:
                return bad_request(request, refusal)
            return get_response(with_body(request, body, size))

    return middleware


def take_in(source: Any, body: IO[bytes], *, limit: int) -> int:
    """Copy a stream that ends by itself and return its bytes. Raises RequestTooLarge when it
    passes the limit, BadRequest when it breaks off or is malformed."""
    size = 0
    try:
        while piece := source.read(min(PIECE_BYTES, limit + 1 - size)):
            size += len(piece)
            if size > limit:
                raise RequestTooLarge(limit=limit)
            body.write(piece)
    except (OSError, ParseException) as error:
        raise BadRequest("the chunked body broke off") from error
    body.seek(0)
    return size


def with_body(request: HttpRequest, body: IO[bytes], size: int) -> WSGIRequest:
    """The same request as if it had announced its length."""
    environ = {**request.META, "wsgi.input": body, "CONTENT_LENGTH": str(size)}
    del environ["HTTP_TRANSFER_ENCODING"]
    return WSGIRequest(environ)
