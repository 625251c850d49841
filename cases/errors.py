"""The one place that turns our errors into HTTP answers."""

import math
from typing import Any

from django.core.exceptions import BadRequest, RequestDataTooBig, SuspiciousOperation
from django.db import DataError
from django.http import Http404
from django.http.request import UnreadablePostError
from django.utils.translation import gettext as _
from rest_framework import status
from rest_framework.exceptions import APIException, ErrorDetail, ParseError, Throttled
from rest_framework.renderers import JSONRenderer
from rest_framework.response import Response
from rest_framework.views import exception_handler

from cases.films import ImageUnavailable
from cases.models import Case
from cases.review import ReviewError, StateConflict
from matching.encoder import EncoderError
from matching.matcher import CatalogueNotSearchable
from matching.radiograph import RadiographError

STATUS: dict[type[Exception], int] = {
    StateConflict: status.HTTP_409_CONFLICT,
    ReviewError: status.HTTP_400_BAD_REQUEST,
    ImageUnavailable: status.HTTP_422_UNPROCESSABLE_ENTITY,
    CatalogueNotSearchable: status.HTTP_503_SERVICE_UNAVAILABLE,
    EncoderError: status.HTTP_503_SERVICE_UNAVAILABLE,
}
# Also what cannot be stored, is nested too deeply to be parsed, or breaks off in the middle.
SENDERS_FAULT = (
    BadRequest,
    SuspiciousOperation,
    DataError,
    RecursionError,
    UnreadablePostError,
)


def answer(error: Exception, context: dict[str, Any]) -> Response | None:
    """DRF's exception handler: our own errors get their status and their sentence."""
    response = exception_handler(_as_api_error(error) or error, context)
    # Errors are JSON whatever the view answers with.
    request = context["request"]
    request.accepted_renderer, request.accepted_media_type = JSONRenderer(), "application/json"
    if response is not None and response.status_code == status.HTTP_503_SERVICE_UNAVAILABLE:
        response["Retry-After"] = "30"
    return response


def _as_api_error(error: Exception) -> APIException | None:
    if isinstance(error, Throttled):
        error.detail = ErrorDetail(
            _("Too many requests. Try again in %(seconds)d seconds.")
            % {"seconds": math.ceil(getattr(error, "wait", None) or 60)}
        )
    # DRF's parsers pass the English words of what they stumbled over on.
    if isinstance(error, ParseError) and error.__context__ is not None:
        return ParseError(_("The request body cannot be read."))
    if isinstance(error, APIException):
        return error
    if isinstance(error, RadiographError):
        return _api_error(error.status, str(error))
    if isinstance(error, (Case.DoesNotExist, Http404)):
        return _api_error(status.HTTP_404_NOT_FOUND, _("There is nothing at this address."))
    for kind, code in STATUS.items():
        if isinstance(error, kind):
            return _api_error(code, str(error))
    if isinstance(error, RequestDataTooBig):
        return _api_error(status.HTTP_413_REQUEST_ENTITY_TOO_LARGE, _("The request is too large."))
    if isinstance(error, SENDERS_FAULT):
        return ParseError(_("The request contains a value that cannot be processed."))
    return None


def _api_error(code: int, detail: str) -> APIException:
    error = APIException(detail)
    error.status_code = code
    return error
