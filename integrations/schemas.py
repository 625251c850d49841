"""Shapes of the open doors, for validation and for the API description."""

from typing import Any

from drf_spectacular.utils import (
    OpenApiExample,
    PolymorphicProxySerializer,
    extend_schema_field,
    extend_schema_serializer,
    inline_serializer,
)
from rest_framework import serializers

from implants.described import WITHOUT_NUL

NEAREST = {
    "id": 12,
    "name": "Helix GM",
    "manufacturer": "Neodent",
    "type": "Cone Morse",
    "image_url": "https://raiox.example.org/implants/12/picture",
    "similarity": 0.9134,
}


@extend_schema_field(
    {
        "oneOf": [
            {"type": "string", "maxLength": 200, "pattern": WITHOUT_NUL},
            {"type": "integer"},
        ]
    }
)
class ClientIdField(serializers.CharField):
    """A client may call itself by a number."""


class WebhookSerializer(serializers.Serializer[dict[str, Any]]):
    """A plain client's request: the address of a film."""

    image_url = serializers.CharField(max_length=2000)
    client_id = ClientIdField(max_length=200, required=False, allow_blank=True, default="")
    metadata = serializers.DictField(required=False, allow_null=True, default=dict)


class UploadSerializer(serializers.Serializer[dict[str, Any]]):
    file = serializers.FileField(allow_empty_file=True)
    client_id = serializers.CharField(max_length=200, required=False, allow_blank=True, default="")


@extend_schema_field({"oneOf": [{"type": "string", "minLength": 1}, {"type": "number"}]})
class AnyText(serializers.CharField):
    """What cannot be stored is left out of it, not refused."""


class SubmissionSerializer(serializers.Serializer[dict[str, Any]]):
    """A submission of Jotform as JSON; answers by the number of their question."""

    submissionID = AnyText()
    # Whatever they are, the delivery is kept.
    formID = serializers.JSONField(required=False)
    answers = serializers.JSONField(required=False)


@extend_schema_serializer(
    examples=[OpenApiExample("The nearest", value=NEAREST, response_only=True)]
)
class SimilarImplantSerializer(serializers.Serializer[Any]):
    """One of the nearest implants, as plain clients read it."""

    id = serializers.IntegerField()
    name = serializers.CharField()
    manufacturer = serializers.CharField()
    type = serializers.CharField()
    image_url = serializers.CharField(allow_null=True)
    similarity = serializers.FloatField()


ACCEPTED = inline_serializer(
    "Accepted",
    {
        "status": serializers.ChoiceField(["accepted", "ignored"]),
        "case_id": serializers.IntegerField(allow_null=True),
    },
)
WEBHOOK_REQUEST = PolymorphicProxySerializer(
    component_name="WebhookBody",
    serializers=[WebhookSerializer, SubmissionSerializer],
    resource_type_field_name=None,
)
JOTFORM_REQUEST = {
    "multipart/form-data": {
        "type": "object",
        "properties": {
            "submissionID": {"type": "string", "maxLength": 32},
            "formID": {},
            "rawRequest": {"type": "string", "description": "JSON text of the answers"},
            "file": {"type": "string", "format": "binary"},
            "nome": {"type": "string"},
            "email": {"type": "string"},
            "paciente": {"type": "string"},
            "dente": {"type": "string"},
        },
        "anyOf": [{"required": ["submissionID"]}, {"required": ["file"]}],
    }
}
# What a door refuses besides what every call with a body does.
REFUSALS: dict[int, Any] = {422: None}
SECRET_REFUSALS: dict[int, Any] = dict.fromkeys((401, 403, 422))

ACCEPTED_EXAMPLE = OpenApiExample(
    "Accepted as a submission of Jotform",
    value={"status": "accepted", "case_id": 101},
    response_only=True,
    status_codes=["200"],
)
WEBHOOK_EXAMPLES = [
    OpenApiExample(
        "The address of a film",
        value={
            "image_url": "https://www.jotform.com/uploads/exemplo/240000000000001/"
            "6200000000000000001/radiografia.jpg",
            "client_id": "clinica-42",
            "metadata": {"client_name": "Dra. Exemplo"},
        },
        request_only=True,
    ),
    OpenApiExample(
        "A submission of Jotform",
        value={
            "submissionID": "6200000000000000001",
            "formID": "240000000000001",
            "answers": {
                "5": {
                    "answer": "https://www.jotform.com/uploads/exemplo/240000000000001/"
                    "6200000000000000001/radiografia.jpg"
                }
            },
        },
        request_only=True,
    ),
    OpenApiExample(
        "The nearest implants", value=[NEAREST], response_only=True, status_codes=["200"]
    ),
    ACCEPTED_EXAMPLE,
]
JOTFORM_EXAMPLES = [
    OpenApiExample(
        "As Jotform sends it",
        value={
            "submissionID": "6200000000000000001",
            "formID": "240000000000001",
            "rawRequest": '{"q3_nome": "Dra. Exemplo", "q4_paciente": "Paciente Fictício"}',
        },
        request_only=True,
        media_type="multipart/form-data",
    ),
    ACCEPTED_EXAMPLE,
]
