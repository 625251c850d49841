"""What the description of the API says about each call about a case."""

from typing import Any

from drf_spectacular.utils import extend_schema, extend_schema_view

from cases.serializers import ApproveSerializer, CaseSerializer, RejectSerializer
from implants.described import id_parameter, picture_responses

CASE_ID = id_parameter("id", "The case's number.")
# What depends on the state of the case; the other refusals are added to every call.
DECIDED: dict[Any, Any] = {200: CaseSerializer, 409: None}

LIST = extend_schema_view(
    get=extend_schema(
        summary="Cases",
        description="Cases with their films and results, the newest first. All filters narrow; "
        "a range (`…_after`, `…_before`) takes its beginning in and leaves its end out, and a "
        "day stands for its first moment.",
    )
)
DETAIL = extend_schema_view(
    get=extend_schema(
        summary="One case",
        description="One case with its films, results and history.",
        parameters=[CASE_ID],
    ),
    delete=extend_schema(
        summary="Erase a case",
        description="Erases its films and personal data; the decision stays as figures, and the "
        "case as `archived`.",
        parameters=[CASE_ID],
        responses={204: None},
    ),
)
FILM = extend_schema(
    operation_id="cases_film",
    summary="A film of a case",
    description="The clean copy: upright, grey, without metadata.",
    parameters=[
        id_parameter("pk", "The case's number."),
        id_parameter("image_id", "The film's number."),
    ],
    responses=picture_responses("The film."),
)
APPROVE = extend_schema(
    operation_id="cases_approve",
    summary="Approve",
    description="Approves implants for the case, or says of each fixture what it is. The "
    "reviewer is the account of the token. `revision` is the one that the decision is based on.",
    parameters=[CASE_ID],
    request=ApproveSerializer,
    responses=DECIDED,
)
REJECT = extend_schema(
    operation_id="cases_reject",
    summary="Reject",
    description="Rejects the case with a reason for the dentist, or says of each fixture why it "
    "was not identified.",
    parameters=[CASE_ID],
    request=RejectSerializer,
    responses=DECIDED,
)
UNDO = extend_schema(
    operation_id="cases_undo",
    summary="Take a decision back",
    description="Possible for as long as the answer has not left.",
    parameters=[CASE_ID],
    request=None,
    responses=DECIDED,
)
CALLBACK = extend_schema(
    operation_id="cases_callback",
    summary="Send the answer",
    description="Announces a decided case once more, so that its answer is sent if it has not "
    "been.",
    parameters=[CASE_ID],
    request=None,
    responses=DECIDED,
)
