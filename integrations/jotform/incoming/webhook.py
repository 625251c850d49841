"""`POST /jotform`: a submission arrives."""

from collections.abc import Mapping, Sequence
from typing import Any, NoReturn

from django.conf import settings
from django.utils.translation import gettext_lazy as _
from drf_spectacular.utils import OpenApiParameter, OpenApiTypes, extend_schema
from rest_framework.exceptions import APIException
from rest_framework.parsers import FormParser, MultiPartParser
from rest_framework.request import Request
from rest_framework.response import Response

from cases.films import IncomingImage
from integrations.jotform.incoming import inbox, payload
from integrations.jotform.incoming.authentication import authenticate, is_proven
from integrations.jotform.incoming.form import Submission
from integrations.jotform.incoming.submissions import MAX_FILMS
from integrations.schemas import ACCEPTED, JOTFORM_EXAMPLES, JOTFORM_REQUEST, SECRET_REFUSALS
from integrations.throttles import WebhookThrottle
from integrations.views import OpenDoor
from matching import radiograph


class InvalidDelivery(APIException):
    status_code = 400
    default_detail = _("The webhook names no submission (submissionID) and carries no file.")
    default_code = "invalid"


class UnknownForm(APIException):
    status_code = 403
    default_detail = _("Submissions of this form are not accepted.")
    default_code = "unknown_form"


class JotformWebhook(OpenDoor):
    """Takes Jotform's webhook (multipart or urlencoded), or a multipart with the film itself.

    Wrong or missing secret → 401; form not on the list → 403; neither submissionID nor a
    file → 400; everything else, also a repeated or unreadable submission → 200, because the
    sender would try again for ever. The delivery is stored before anything is done with it,
    also one that comes too fast (429): it is taken in later.
    """

    throttle_classes = (WebhookThrottle,)
    parser_classes = (MultiPartParser, FormParser)

    @extend_schema(
        operation_id="jotform",
        summary="Jotform webhook",
        parameters=[
            OpenApiParameter(
                "token",
                OpenApiTypes.STR,
                OpenApiParameter.QUERY,
                description="The secret of the webhook, where it is sent in the address.",
            )
        ],
        request=JOTFORM_REQUEST,
        responses={200: ACCEPTED, **SECRET_REFUSALS},
        examples=JOTFORM_EXAMPLES,
        auth=[],
    )
    def post(self, request: Request, token: str = "") -> Response:
        # Authentication reads the raw body, which form parsing would consume.
        authenticate(request._request, token=token)
        fields = _texts(request.data)
        submission = payload.parse(fields, field_map=settings.JOTFORM_FIELDS)
        return accept_submission(submission, fields=fields, uploaded=_uploaded(request))

    def throttled(self, request: Request, wait: float) -> NoReturn:
        if is_proven(request._request, token=self.kwargs.get("token", "")):
            fields = _texts(request.data)
            submission = payload.parse(fields, field_map=settings.JOTFORM_FIELDS)
            inbox.keep_for_later(submission, fields=fields)
        super().throttled(request, wait)


def accept_submission(
    submission: Submission, *, fields: Mapping[str, Any], uploaded: Sequence[IncomingImage] = ()
) -> Response:
    """Store the delivery, make its case, tie the two together, and say the case's number."""
    delivery = inbox.keep(submission, fields=fields)
    if submission.is_preview:
        inbox.forget(delivery)
        return Response({"status": "ignored", "case_id": None})
    try:
        _check(submission, uploaded)
    except APIException:
        inbox.forget(delivery)
        raise
    case = inbox.deliver(delivery, submission, uploaded)
    return Response({"status": "accepted", "case_id": case.pk})


def _check(submission: Submission, uploaded: Sequence[IncomingImage]) -> None:
    if not inbox.is_known_form(submission):
        raise UnknownForm
    if not inbox.has_valid_ids(submission) or not (submission.submission_id or uploaded):
        raise InvalidDelivery


def _texts(data: Any) -> dict[str, str]:
    return {name: value for name, value in data.items() if isinstance(value, str)}


def _uploaded(request: Request) -> list[IncomingImage]:
    files = [file for name in request.FILES for file in request.FILES.getlist(name)]
    for file in files:
        radiograph.check_size(file.size or 0)
    return [IncomingImage(content=file.read()) for file in files[:MAX_FILMS] if file.size]
