from typing import Any

from django.urls import reverse
from django.utils.translation import gettext_lazy as _
from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from cases.models import Case, CaseEvent, CaseImage, Result
from cases.review import NOTE_LENGTH


class ResultSerializer(serializers.ModelSerializer[Result]):
    implant_id = serializers.IntegerField()
    name = serializers.CharField(source="implant.name")
    manufacturer = serializers.CharField(source="implant.manufacturer")
    type = serializers.CharField(source="implant.type")
    finding_id = serializers.IntegerField()

    class Meta:
        model = Result
        fields = [
            "id",
            "finding_id",
            "implant_id",
            "name",
            "manufacturer",
            "type",
            "rank",
            "similarity",
            "encoder",
            "approved",
            "approved_at",
        ]


class CaseImageSerializer(serializers.ModelSerializer[CaseImage]):
    image_url = serializers.SerializerMethodField()
    results = serializers.SerializerMethodField()

    class Meta:
        model = CaseImage
        fields = ["id", "image_url", "width", "height", "modality", "error", "results"]

    def get_image_url(self, image: CaseImage) -> str | None:
        if not image.is_readable:
            return None
        url = reverse("case-film", args=[image.case_id, image.pk])
        return self.context["request"].build_absolute_uri(url)

    @extend_schema_field(ResultSerializer(many=True))
    def get_results(self, image: CaseImage) -> Any:
        results = [result for finding in image.findings.all() for result in finding.results.all()]
        return ResultSerializer(results, many=True).data


class CaseEventSerializer(serializers.ModelSerializer[CaseEvent]):
    class Meta:
        model = CaseEvent
        fields = ["what", "actor_label", "created_at", "correlation_id"]


class CaseSerializer(serializers.ModelSerializer[Case]):
    images = CaseImageSerializer(many=True)
    events = CaseEventSerializer(many=True)
    decided_by = serializers.CharField(source="decided_by.username", default=None)

    class Meta:
        model = Case
        fields = [
            "id",
            "jotform_submission_id",
            "form_id",
            "source",
            "status",
            "revision",
            "priority",
            "dentist_name",
            "dentist_email",
            "patient_name",
            "tooth",
            "consent_at",
            "failure",
            "next_try_at",
            "decision_reason",
            "note",
            "created_at",
            "matched_at",
            "decided_at",
            "decided_by",
            "images",
            "events",
        ]
        read_only_fields = fields


class DecisionSerializer(serializers.Serializer[dict[str, Any]]):
    """`revision` is the one that the decision is based on: a case that its sender has changed
    since is not decided, but answered with 409."""

    revision = serializers.IntegerField(min_value=1, max_value=2**31 - 1, required=False)


class ApproveSerializer(DecisionSerializer):
    implant_ids = serializers.ListField(
        child=serializers.IntegerField(min_value=1, max_value=2**31 - 1),
        allow_empty=False,
        max_length=20,
        error_messages={"empty": _("Choose at least one implant.")},
    )
    note = serializers.CharField(max_length=NOTE_LENGTH, allow_blank=True, required=False)


class RejectSerializer(DecisionSerializer):
    reason = serializers.CharField(
        max_length=2000, error_messages={"blank": _("Say why the case is rejected.")}
    )


class ErasureSerializer(serializers.Serializer[dict[str, Any]]):
    email = serializers.EmailField()


class ErasedSerializer(serializers.Serializer[dict[str, Any]]):
    cases = serializers.IntegerField()
