from datetime import datetime
from typing import Any

from django.urls import reverse
from django.utils.text import capfirst
from django.utils.translation import gettext_lazy as _
from drf_spectacular.utils import extend_schema_field, extend_schema_serializer
from rest_framework import serializers

from cases import review
from cases.examples import APPROVALS, CASE_EXAMPLE, REJECTIONS
from cases.models import Case, CaseEvent, CaseImage, Finding, RejectionReason, Result
from cases.review import NOTE_LENGTH, REASON_LENGTH, Verdict
from cases.teeth import is_tooth, no_tooth
from implants.fields import Number, Text
from implants.vocabulary import FEATURES
from matching.confidence import Band

HIGHEST = 2**31 - 1
MOST_IMPLANTS = 20
MOST_FIXTURES = 50


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


class BoxSerializer(serializers.Serializer[dict[str, float]]):
    """Film pixels: centre, width across the fixture, height from platform to apex. `angle`, in
    degrees: how far that way is turned clockwise from pointing straight down."""

    x = serializers.FloatField()
    y = serializers.FloatField()
    width = serializers.FloatField()
    height = serializers.FloatField()
    angle = serializers.FloatField()


class SeenSerializer(serializers.Serializer[dict[str, str]]):
    """What a reviewer saw of a fixture; what is not sure is left out."""

    def get_fields(self) -> dict[str, Any]:
        return {
            name: serializers.ChoiceField(choices=words.choices, required=False)
            for name, words in FEATURES.items()
        }


class FindingSerializer(serializers.ModelSerializer[Finding]):
    """One fixture; without a box the film as a whole. `is_unknown` says whether it is probably
    not in the catalogue, null where that is not known; `found_score` how sure the finder was of
    the box, 0…1, null where it is a person's."""

    box = BoxSerializer(allow_null=True)
    seen = SeenSerializer(allow_null=True)
    band = serializers.ChoiceField(choices=Band.choices, allow_blank=True)

    class Meta:
        model = Finding
        fields = [
            "id",
            "box",
            "proposed_by",
            "found_score",
            "is_unknown",
            "band",
            "tooth",
            "outcome",
            "reason",
            "seen",
        ]

    def to_representation(self, finding: Finding) -> Any:
        """What an undone decision left for its reviewer is not said of the fixture."""
        shown = super().to_representation(finding)
        return shown if finding.outcome else shown | {"reason": ""}


class CaseImageSerializer(serializers.ModelSerializer[CaseImage]):
    """`doubts` are codes of what is doubtful about the film, null before it was looked at."""

    doubts = serializers.ListField(child=serializers.CharField(), allow_null=True)
    image_url = serializers.SerializerMethodField()
    findings = FindingSerializer(many=True)
    results = serializers.SerializerMethodField()

    class Meta:
        model = CaseImage
        fields = [
            "id",
            "image_url",
            "width",
            "height",
            "modality",
            "error",
            "doubts",
            "findings",
            "results",
        ]

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


@extend_schema_serializer(examples=[CASE_EXAMPLE])
class CaseSerializer(serializers.ModelSerializer[Case]):
    images = CaseImageSerializer(many=True)
    events = CaseEventSerializer(many=True)
    decided_by = serializers.CharField(
        source="decided_by.username", default=None, allow_null=True, read_only=True
    )
    # Empty where it is not known, which no e-mail address is.
    dentist_email = serializers.CharField(read_only=True)
    band = serializers.ChoiceField(choices=Band.choices, allow_blank=True, read_only=True)
    outcome = serializers.ChoiceField(
        choices=Finding.Outcome.choices, allow_blank=True, read_only=True
    )
    # Also of a case that was erased since; empty where nothing is decided.
    decision = serializers.ChoiceField(
        choices=[Case.Status.APPROVED.value, Case.Status.REJECTED.value],
        allow_blank=True,
        read_only=True,
    )
    undo_until = serializers.SerializerMethodField()

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
            "band",
            "decision",
            "outcome",
            "dentist_name",
            "dentist_email",
            "patient_name",
            "tooth",
            "consent_at",
            "consent_version",
            "awaits_consent",
            "failure",
            "next_try_at",
            "decision_reason",
            "note",
            "created_at",
            "matched_at",
            "decided_at",
            "decided_by",
            "undo_until",
            "images",
            "events",
        ]
        read_only_fields = fields

    def to_representation(self, case: Case) -> Any:
        """What an undone decision left for its reviewer is not said of the case."""
        shown = super().to_representation(case)
        return shown if case.decided_at else shown | {"decision_reason": "", "note": ""}

    def get_undo_until(self, case: Case) -> datetime | None:
        """Until when the answer is held back, so that the decision can surely be undone."""
        return review.undo_until(case)


def _check_tooth(number: int) -> None:
    if not is_tooth(number):
        raise serializers.ValidationError(capfirst(no_tooth()))


class VerdictSerializer(serializers.Serializer[Verdict]):
    """What is decided about one fixture: implants where it was identified, else a reason."""

    finding_id = Number(min_value=1, max_value=HIGHEST)
    outcome = serializers.ChoiceField(choices=Finding.Outcome.choices)
    implant_ids = serializers.ListField(
        child=Number(min_value=1, max_value=HIGHEST),
        max_length=MOST_IMPLANTS,
        required=False,
    )
    reason = Text(max_length=REASON_LENGTH, allow_blank=True, required=False)
    seen = SeenSerializer(required=False)
    # Without the field the fixture keeps its tooth, by null it loses it.
    tooth = Number(
        min_value=11, max_value=85, required=False, allow_null=True, validators=[_check_tooth]
    )


class DecisionSerializer(serializers.Serializer[dict[str, Any]]):
    """`revision` is the one that the decision is based on: a case that its sender has changed
    since is not decided, but answered with 409. `verdicts`, one for each fixture, say more than
    one answer for the whole case, and stand in place of it."""

    revision = Number(min_value=1, max_value=HIGHEST, required=False)
    verdicts = serializers.ListField(
        child=VerdictSerializer(), required=False, max_length=MOST_FIXTURES
    )
    note = Text(max_length=NOTE_LENGTH, allow_blank=True, required=False)
    # What stands for the whole case where there are no verdicts, and what its absence is told.
    for_all: tuple[str, Any]

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        name, missing = self.for_all
        if not attrs.get("verdicts") and name not in attrs:
            raise serializers.ValidationError({name: [missing]})
        return attrs


@extend_schema_serializer(examples=APPROVALS)
class ApproveSerializer(DecisionSerializer):
    for_all = ("implant_ids", _("Choose at least one implant."))

    implant_ids = serializers.ListField(
        child=Number(min_value=1, max_value=HIGHEST),
        allow_empty=False,
        max_length=MOST_IMPLANTS,
        required=False,
        error_messages={"empty": _("Choose at least one implant.")},
    )


@extend_schema_serializer(examples=REJECTIONS)
class RejectSerializer(DecisionSerializer):
    for_all = ("reason", _("Say why the case is rejected."))

    reason = Text(
        max_length=REASON_LENGTH,
        required=False,
        error_messages={"blank": _("Say why the case is rejected.")},
    )
    outcome = serializers.ChoiceField(choices=RejectionReason.Outcome.choices, required=False)
