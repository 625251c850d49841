"""What people may ask for under LGPD, over the API. Who it is about stands in the body, never
in an address."""

from typing import Any, cast

from django.contrib.auth.models import User
from django.http import HttpResponseBase
from django.shortcuts import get_object_or_404
from django.utils.translation import gettext_lazy as _
from drf_spectacular.utils import (
    OpenApiExample,
    OpenApiTypes,
    extend_schema,
    extend_schema_serializer,
)
from rest_framework import serializers
from rest_framework.exceptions import APIException, NotFound
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from cases import erasure
from cases.archive import archive_response
from cases.certificate_text import Certificate, of
from cases.examples import CERTIFICATE
from cases.export import Asked, NothingHeld, StorageFailed
from cases.models import Erasure as ErasureRow
from cases.permissions import HasScope
from implants.described import TEXT, id_parameter
from implants.fields import Number, Text
from implants.negotiation import AnyAccept

HIGHEST = 2**63 - 1


_EMAIL = {"type": "string", "minLength": 1, "maxLength": 254, "pattern": TEXT}
_PATIENT = {"type": "string", "minLength": 1, "maxLength": 200, "pattern": TEXT}
_NAMED: dict[str, dict[str, Any]] = {
    "a case": {"case_id": {"type": "integer", "minimum": 1, "maximum": HIGHEST}},
    "a dentist": {"email": _EMAIL},
    "a patient": {"patient": _PATIENT},
    "a patient of a dentist": {"patient": _PATIENT, "email": _EMAIL},
}
PERSON = {
    "application/json": {
        "oneOf": [
            {
                "type": "object",
                "title": title,
                "properties": properties,
                "required": [*properties],
                "additionalProperties": False,
            }
            for title, properties in _NAMED.items()
        ]
    }
}


class PersonSerializer(serializers.Serializer[dict[str, Any]]):
    """Exactly one of: a case; a dentist's address; a patient's name, with an address only among
    this dentist's cases."""

    case_id = Number(min_value=1, max_value=HIGHEST, required=False)
    # Plain clients are known by an id of their own in place of an address.
    email = Text(max_length=254, required=False)
    patient = Text(max_length=200, required=False)

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        # With a misspelled `email` a patient's name would stand for those of all dentists.
        if unknown := sorted(set(self.initial_data) - set(self.fields)):
            raise serializers.ValidationError(
                {name: _("There is no such field.") for name in unknown}
            )
        given = {name for name in ("case_id", "email", "patient") if attrs.get(name)}
        if given not in ({"case_id"}, {"email"}, {"patient"}, {"patient", "email"}):
            raise serializers.ValidationError(
                _("Name a case, or a dentist's e-mail address, or a patient.")
            )
        return attrs


class ErasedSerializer(serializers.Serializer[dict[str, Any]]):
    """`erasure` is the number of the certificate. While it is not `complete`, the storage has
    not deleted everything yet, which is tried again until it has."""

    cases = serializers.IntegerField()
    erasure = serializers.IntegerField()
    complete = serializers.BooleanField()


class KeptSerializer(serializers.Serializer[dict[str, Any]]):
    what = serializers.CharField()
    ground = serializers.CharField()


@extend_schema_serializer(examples=[CERTIFICATE])
class CertificateSerializer(serializers.Serializer[Certificate]):
    """What was erased. It names nobody. `code` proves a printed copy, and is empty until the
    erasure is complete. `elsewhere` is what has to be deleted in other places."""

    id = serializers.IntegerField()
    basis = serializers.ChoiceField(choices=ErasureRow.Basis.choices)
    asked_at = serializers.DateTimeField()
    completed_at = serializers.DateTimeField(allow_null=True)
    complete = serializers.BooleanField(source="is_complete")
    by = serializers.CharField()
    cases = serializers.ListField(child=serializers.IntegerField())
    erased = serializers.DictField(child=serializers.IntegerField())
    kept = KeptSerializer(many=True)
    elsewhere = serializers.ListField(child=serializers.CharField())
    jotform_submissions = serializers.ListField(child=serializers.CharField())
    code = serializers.CharField(allow_blank=True)


class Erasure(APIView):
    """The right to be forgotten."""

    permission_classes = (HasScope,)
    required_scope = "approver"

    @extend_schema(
        summary="Erase a case, a dentist or a patient",
        request=PERSON,
        responses={200: ErasedSerializer, 404: None},
        examples=[
            OpenApiExample("a dentist", {"email": "dentista@example.com"}, request_only=True),
            OpenApiExample(
                "a patient of a dentist",
                {"patient": "Paciente Fictício", "email": "dentista@example.com"},
                request_only=True,
            ),
            OpenApiExample("a case", {"case_id": 5}, request_only=True),
            OpenApiExample(
                "erased", {"cases": 2, "erasure": 7, "complete": True}, response_only=True
            ),
        ],
    )
    def post(self, request: Request) -> Response:
        body = PersonSerializer(data=request.data)
        body.is_valid(raise_exception=True)
        row = erase(body.validated_data, by=cast(User, request.user))
        return Response(
            {
                "cases": len(row.case_ids),
                "erasure": row.pk,
                "complete": row.completed_at is not None,
            }
        )


class ErasureCertificate(APIView):
    permission_classes = (HasScope,)
    required_scope = "approver"

    @extend_schema(
        summary="Certificate of an erasure",
        description="What was erased, when and why. It names nobody.",
        operation_id="certificate",
        parameters=[id_parameter("id", "The erasure's number.")],
        responses=CertificateSerializer,
    )
    def get(self, request: Request, pk: int) -> Response:
        row = get_object_or_404(ErasureRow, pk=pk)
        return Response(CertificateSerializer(of(row)).data)


class StorageSilent(APIException):
    status_code = 503


class Export(APIView):
    """A copy of what is held about a person, as the person may ask for it."""

    permission_classes = (HasScope,)
    required_scope = "approver"
    required_permission = "cases.export_case"
    content_negotiation_class = AnyAccept

    @extend_schema(
        summary="Export what is held about a case, a dentist or a patient",
        description="A ZIP with data.json, the films as JPEGs, and a text that explains them.",
        request=PERSON,
        responses={(200, "application/zip"): OpenApiTypes.BINARY, 404: None},
        examples=[
            OpenApiExample("a dentist", {"email": "dentista@example.com"}, request_only=True),
            OpenApiExample("a case", {"case_id": 5}, request_only=True),
        ],
    )
    def post(self, request: Request) -> HttpResponseBase:
        body = PersonSerializer(data=request.data)
        body.is_valid(raise_exception=True)
        try:
            return archive_response(Asked(**body.validated_data), by=cast(User, request.user))
        except NothingHeld as error:
            raise NotFound(str(error)) from error
        except StorageFailed as error:
            raise StorageSilent(str(error)) from error


def erase(asked: dict[str, Any], *, by: User) -> ErasureRow:
    """Raises Case.DoesNotExist."""
    if "case_id" in asked:
        return erasure.erase_case(case_id=asked["case_id"], by=by)
    if "patient" in asked:
        return erasure.erase_patient(name=asked["patient"], email=asked.get("email", ""), by=by)
    return erasure.erase_dentist(email=asked["email"], by=by)
