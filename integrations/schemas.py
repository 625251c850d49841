"""Shapes of the open doors, for validation and for the API description."""

from typing import Any

from drf_spectacular.utils import inline_serializer
from rest_framework import serializers


class WebhookSerializer(serializers.Serializer[dict[str, Any]]):
    """A plain client's request: the address of a film."""

    image_url = serializers.CharField(max_length=2000)
    client_id = serializers.CharField(max_length=200, required=False, allow_blank=True, default="")
    metadata = serializers.DictField(required=False, allow_null=True, default=dict)


class UploadSerializer(serializers.Serializer[dict[str, Any]]):
    file = serializers.FileField(allow_empty_file=True)
    client_id = serializers.CharField(max_length=200, required=False, allow_blank=True, default="")


class SimilarImplantSerializer(serializers.Serializer[Any]):
    """One of the nearest implants, as plain clients read it."""

    id = serializers.IntegerField()
    name = serializers.CharField()
    manufacturer = serializers.CharField()
    type = serializers.CharField()
    image_url = serializers.CharField(allow_null=True)
    similarity = serializers.FloatField()


class DetailSerializer(serializers.Serializer[Any]):
    detail = serializers.CharField()


ACCEPTED = inline_serializer(
    "Accepted",
    {"status": serializers.CharField(), "case_id": serializers.IntegerField(allow_null=True)},
)
JOTFORM_REQUEST = {
    "multipart/form-data": {
        "type": "object",
        "properties": {
            "submissionID": {"type": "string"},
            "formID": {"type": "string"},
            "rawRequest": {"type": "string", "description": "JSON text of the answers"},
            "file": {"type": "string", "format": "binary"},
            "nome": {"type": "string"},
            "email": {"type": "string"},
            "paciente": {"type": "string"},
            "dente": {"type": "string"},
        },
    }
}
ERRORS: dict[int, Any] = dict.fromkeys(
    (400, 401, 403, 411, 413, 415, 422, 429, 503), DetailSerializer
)
