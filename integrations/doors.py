"""`POST /webhook` and `POST /upload`: plain clients, answered at once with the nearest implants."""

import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any, NoReturn

from django.conf import settings
from django.utils.translation import gettext as _
from drf_spectacular.utils import PolymorphicProxySerializer, extend_schema
from rest_framework.exceptions import APIException, ParseError
from rest_framework.parsers import FormParser, JSONParser, MultiPartParser
from rest_framework.request import Request
from rest_framework.response import Response

from cases import intake
from cases.ahead import Ahead
from cases.candidates import surest_fixtures
from cases.films import IncomingImage
from cases.models import Case, Result
from implants.serializers import picture_url
from integrations.fetch import fetch_image
from integrations.jotform.incoming import inbox, payload
from integrations.jotform.incoming.authentication import (
    NotAuthentic,
    is_authentic,
    is_proven,
    is_refuted,
)
from integrations.jotform.incoming.webhook import accept_submission
from integrations.schemas import (
    ACCEPTED,
    REFUSALS,
    SECRET_REFUSALS,
    WEBHOOK_EXAMPLES,
    WEBHOOK_REQUEST,
    SimilarImplantSerializer,
    UploadSerializer,
    WebhookSerializer,
)
from integrations.throttles import UploadThrottle, WebhookThrottle
from integrations.turns import Turns
from integrations.views import OpenDoor
from matching import measured, radiograph

TWIN_WAIT_SECONDS = 15.0
# Slow addresses may hold this many request threads of a process, never all of them.
_fetching = threading.BoundedSemaphore(4)
# Uploads beyond a bound never come so far (`raiox_site.overload`); films to be fetched do.
_webhooks = threading.BoundedSemaphore(8)
# One film is written down while the other is looked at. With eight at once as many films are
# compared a second, and a probe, which needs Python's lock too, waits 200 ms in place of 45
# (`manage.py bench doors`).
_comparing = Turns(2 * settings.RAIOX_ENCODERS_AT_ONCE)
TURN_WAIT_SECONDS = 10.0


class NotNow(APIException):
    status_code = 503
    default_code = "not_now"


class Webhook(OpenDoor):
    """JSON with `image_url`: fetched, matched, answered with the three nearest implants; the
    secret (`?token=` or `x-jf-signature`) may be left out, a wrong one is refused (401).
    JSON with `submissionID`: accepted as a Jotform submission, processed by the worker; needs
    the secret."""

    throttle_classes = (WebhookThrottle,)
    parser_classes = (JSONParser,)

    @extend_schema(
        operation_id="webhook",
        summary="Plain webhook",
        request=WEBHOOK_REQUEST,
        responses={
            200: PolymorphicProxySerializer(
                component_name="WebhookAnswer",
                serializers=[SimilarImplantSerializer(many=True), ACCEPTED],
                resource_type_field_name=None,
                many=False,
            ),
            **SECRET_REFUSALS,
        },
        examples=WEBHOOK_EXAMPLES,
        auth=[],
    )
    def post(self, request: Request) -> Response:
        # A signature is checked against the raw body, which parsing would consume.
        is_jotform = is_authentic(request._request)
        if is_refuted(request._request):
            raise NotAuthentic
        if not isinstance(request.data, Mapping):
            raise ParseError(_("Send a JSON object."))
        if "submissionID" in request.data:
            if not is_jotform:
                raise NotAuthentic
            submission = payload.parse_json(request.data, field_map=settings.JOTFORM_FIELDS)
            return accept_submission(submission, fields=dict(request.data))
        body = WebhookSerializer(data=request.data)
        body.is_valid(raise_exception=True)
        with _admitted():
            case = identify(
                _fetch(body.validated_data["image_url"]),
                source=Case.Source.WEBHOOK,
                person=_person(body.validated_data["client_id"], body.validated_data["metadata"]),
            )
        return Response(similar_implants(case, request))

    def throttled(self, request: Request, wait: float) -> NoReturn:
        body = request.data if is_proven(request._request) else None
        if isinstance(body, Mapping) and "submissionID" in body:
            submission = payload.parse_json(body, field_map=settings.JOTFORM_FIELDS)
            inbox.keep_for_later(submission, fields=dict(body))
        super().throttled(request, wait)


class Upload(OpenDoor):
    """Multipart `file`: matched and answered with the three nearest implants."""

    throttle_classes = (UploadThrottle,)
    parser_classes = (MultiPartParser, FormParser)

    @extend_schema(
        operation_id="upload",
        summary="Upload of one film",
        request={"multipart/form-data": UploadSerializer},
        responses={200: SimilarImplantSerializer(many=True), **REFUSALS},
        auth=[],
    )
    def post(self, request: Request) -> Response:
        body = UploadSerializer(data=request.data)
        body.is_valid(raise_exception=True)
        case = identify(
            body.validated_data["file"].read(),
            source=Case.Source.UPLOAD,
            person=intake.Person(client_id=body.validated_data["client_id"]),
        )
        return Response(similar_implants(case, request))


@contextmanager
def _admitted() -> Iterator[None]:
    if not _webhooks.acquire(blocking=False):
        measured.failed(measured.Trouble.OVERLOAD)
        raise NotNow(_("Too many images are being read at this moment. Please try again."))
    try:
        yield
    finally:
        _webhooks.release()


def _fetch(url: str) -> bytes:
    if not _fetching.acquire(blocking=False):
        raise NotNow(_("Too many films are being fetched. Please try again later."))
    try:
        return fetch_image(url)
    finally:
        _fetching.release()


def identify(data: bytes, *, source: Case.Source, person: intake.Person) -> Case:
    """The matched case of one film: a new one, or that of the same film of the same client.

    Raises RadiographError for what is no film, NotNow when no answer can be given now: the case
    is kept, unless too many films were being worked on to begin with this one.
    """
    radiograph.check_size(len(data))
    radiograph.check_beginning(data)
    sha256 = radiograph.digest(data)
    if known := intake.compared_before(sha256=sha256, person=person):
        return known
    with _turn():
        film = Ahead.of(radiograph.load(data, sha256=sha256))
        case = _compared(film, source=source, person=person)
    return _settled(case)


@contextmanager
def _turn() -> Iterator[None]:
    if not _comparing.acquire(timeout=TURN_WAIT_SECONDS):
        measured.failed(measured.Trouble.OVERLOAD)
        raise NotNow(_("Too many images are being read at this moment. Please try again."))
    try:
        yield
    finally:
        _comparing.release()


def _compared(ahead: Ahead, *, source: Case.Source, person: intake.Person) -> Case:
    received = intake.receive(
        source=source,
        images=[IncomingImage(film=ahead.film)],
        person=person,
        run_inline=True,
        is_unknown=True,
    )
    case = received.case
    if not received.is_new:
        case = intake.reopen(case_id=case.pk)
    if case.status == Case.Status.RECEIVED:
        case = intake.process(case_id=case.pk, begun={ahead.film.sha256: ahead})
    return case


def _settled(case: Case) -> Case:
    """Wait for a twin request that is being worked on; raise what kept the case unmatched."""
    deadline = time.monotonic() + TWIN_WAIT_SECONDS
    while case.status == Case.Status.RECEIVED and time.monotonic() < deadline:
        time.sleep(0.1)
        case.refresh_from_db()
    if case.status in (Case.Status.RECEIVED, Case.Status.FAILED):
        # Why is on the case and in the log: paths and settings are not the client's business.
        raise NotNow(_("The film cannot be compared now. Please try again later."))
    return case


def similar_implants(case: Case, request: Request) -> list[dict[str, Any]]:
    """The ranked candidates of one fixture, the surest of a case, in the shape plain clients
    read."""
    results = (
        Result.objects.filter(
            finding__in=surest_fixtures(case).values("pk")[:1], rank__isnull=False
        )
        .select_related("implant")
        .prefetch_related("implant__references")
        .order_by("rank")[:3]
    )
    return [
        {
            "id": result.implant.pk,
            "name": result.implant.name,
            "manufacturer": result.implant.manufacturer,
            "type": result.implant.type,
            "image_url": picture_url(result.implant, request),
            "similarity": result.similarity,
        }
        for result in results
    ]


def _person(client_id: str, metadata: Mapping[str, Any] | None) -> intake.Person:
    """`client_name` names who asks; other metadata is free text of the client and not kept."""
    name = (metadata or {}).get("client_name", "")
    clean = payload.clean_text(name) if isinstance(name, str) else ""
    return intake.Person(client_id=client_id, dentist_name=clean)
