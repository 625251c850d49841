"""Bodies of requests: bounded before anything reads them, and taken in where their length was not
announced."""

import re
from collections.abc import Callable
from contextlib import closing
from tempfile import SpooledTemporaryFile
from typing import IO, Any

from django.conf import settings
from django.core.exceptions import BadRequest
from django.core.handlers.wsgi import WSGIRequest
from django.db import InterfaceError, OperationalError
from django.http import HttpRequest, HttpResponseBase
from gunicorn.http.errors import ParseException

from integrations.uploads import ENVELOPE_BYTES, MAX_REQUEST_BYTES, PayloadTooLarge, RequestTooLarge
from raiox_site.errors import bad_request, length_required, service_unavailable
from raiox_site.sessions import is_logged_in

Handler = Callable[[HttpRequest], HttpResponseBase]

DOORS = re.compile(r"/(upload|webhook|jotform(/[^/]+)?)/?")
PIECE_BYTES = 64 * 1024
IN_MEMORY_BYTES = 1024 * 1024


def largest_body(request: HttpRequest) -> int:
    """How many bytes the body of a request may have, by its address: a film and its form at the
    doors; many films in the panel, for whoever is logged in; a small form everywhere else."""
    if DOORS.fullmatch(request.path_info):
        return int(settings.RAIOX_MAX_IMAGE_BYTES) + ENVELOPE_BYTES
    return MAX_REQUEST_BYTES if is_logged_in(request) else ENVELOPE_BYTES


def bounded(get_response: Handler) -> Handler:
    """413 for a body over its limit: before it is read where its length is announced, else
    (`Transfer-Encoding: chunked`) as soon as it passes the limit. Django would take a chunked
    body for an empty one; here it becomes a body of known length."""

    def middleware(request: HttpRequest) -> HttpResponseBase:
        is_chunked = "chunked" in request.META.get("HTTP_TRANSFER_ENCODING", "").lower()
        size = _announced(request)
        if not is_chunked and size <= ENVELOPE_BYTES:
            return get_response(request)
        try:
            limit = largest_body(request)
        except (OperationalError, InterfaceError):
            return service_unavailable(request)
        if size > limit:
            return bad_request(request, RequestTooLarge(limit=limit))
        if not is_chunked:
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


def _announced(request: HttpRequest) -> int:
    announced = request.META.get("CONTENT_LENGTH") or "0"
    return int(announced[:18]) if announced.isdecimal() else 0


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
