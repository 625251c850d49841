"""The films of a case, the fixtures on them, and the implants proposed for each fixture."""

import uuid
from typing import Self

from django.conf import settings
from django.db import models
from django.utils import timezone
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from pgvector.django import VectorField

from implants.models import Implant
from matching.confidence import Band
from matching.encoder import DIMENSIONS


def upload_path(instance: "CaseImage", filename: str) -> str:
    """`uploads/<yyyy-mm>/<uuid>`: the client's file name often holds the patient's name."""
    return f"uploads/{timezone.now():%Y-%m}/{uuid.uuid4().hex}"


def film_gone() -> str:
    """What is written on a film whose file the storage has lost; see `cases.reconcile`."""
    return gettext("The film is not in the storage any more.")


class CaseImageQuerySet(models.QuerySet["CaseImage"]):
    def shown(self) -> Self:
        """Films that may be looked at: read, and of a case that does not lack consent."""
        readable = self.filter(width__isnull=False, case__awaits_consent=False)
        return readable.exclude(file="").exclude(error=film_gone())


class CaseImage(models.Model):
    """One film of a case.

    Until the film is read, `file` holds the bytes as they came (or is empty while only
    `source_url` is known) and `width` is null: such a file is never shown. Afterwards `file`
    is the clean copy: upright, grey, without metadata. `sha256` is that of the bytes received.
    """

    case = models.ForeignKey("cases.Case", on_delete=models.CASCADE, related_name="images")
    file = models.FileField(upload_to=upload_path, max_length=255, blank=True)
    sha256 = models.CharField(max_length=64, blank=True, db_index=True)
    width = models.PositiveIntegerField(null=True)
    height = models.PositiveIntegerField(null=True)
    modality = models.CharField(max_length=20, blank=True)
    source_url = models.CharField(max_length=2000, blank=True)
    purged_at = models.DateTimeField(null=True)
    error = models.CharField(max_length=255, blank=True)
    # It could not be fetched, and may still come: it is looked for again.
    is_awaited = models.BooleanField(default=False, db_default=False)
    # A small copy for lists. It lies under `uploads/` and goes with the film.
    thumbnail = models.FileField(
        upload_to=upload_path, max_length=255, blank=True, default="", db_default=""
    )
    # Boxes around fixtures that the finder proposes, best first; nobody has confirmed them.
    suggested_boxes = models.JSONField(null=True, blank=True)
    # Codes of what is doubtful about the film (see `matching.quality`); null before it is read.
    doubts = models.JSONField(null=True, blank=True)

    objects = CaseImageQuerySet.as_manager()

    class Meta:
        verbose_name = _("film")
        verbose_name_plural = _("films")
        ordering = ["id"]
        constraints = [
            models.CheckConstraint(
                condition=models.Q(width__isnull=True, height__isnull=True)
                | models.Q(width__gt=0, height__gt=0),
                name="caseimage_size_complete",
            ),
            models.UniqueConstraint(
                fields=["case", "source_url"],
                condition=~models.Q(source_url=""),
                name="caseimage_unique_source_url",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.case_id}/{self.pk}"

    @property
    def is_readable(self) -> bool:
        return self.width is not None and bool(self.file) and self.error != film_gone()


class Finding(models.Model):
    """One fixture on one film, and what was decided about it.

    `box` is `matching.boxes.Box` as JSON, or null for the whole film. `vector` is what its
    picture was searched by, of shape (512,) and of `encoder`: derived from the film, it is
    erased with it. `seen` is what a reviewer saw, feature → word of its vocabulary.
    """

    class Outcome(models.TextChoices):
        IDENTIFIED = "identified", _("identified")
        NOT_IN_CATALOGUE = "not_in_catalogue", _("not in the catalogue")
        UNREADABLE = "unreadable", _("cannot be read")

    class ProposedBy(models.TextChoices):
        FINDER = "finder", _("finder")
        PERSON = "person", _("person")

    case_image = models.ForeignKey(CaseImage, on_delete=models.CASCADE, related_name="findings")
    box = models.JSONField(null=True, blank=True)
    proposed_by = models.CharField(max_length=10, choices=ProposedBy, default=ProposedBy.FINDER)
    tooth = models.PositiveSmallIntegerField(null=True, blank=True)
    outcome = models.CharField(
        max_length=20, choices=Outcome, blank=True, default="", db_default=""
    )
    # For the dentist; only where the fixture was not identified.
    reason = models.TextField(blank=True, default="", db_default="")
    seen = models.JSONField(null=True, blank=True)
    vector = VectorField(dimensions=DIMENSIONS, null=True)
    encoder = models.CharField(max_length=150, blank=True, default="", db_default="")
    # How sure the finder was of its box, 0…1; null for boxes of persons and whole films.
    found_score = models.FloatField(null=True)
    # Whether the comparison says that the implant is not in the catalogue; null when nothing
    # was measured for its encoder, or nothing compared.
    is_unknown = models.BooleanField(null=True)
    # The band of the comparison as it was told (see `matching.confidence`).
    band = models.CharField(max_length=10, choices=Band, blank=True, default="", db_default="")

    class Meta:
        verbose_name = _("finding")
        verbose_name_plural = _("findings")
        ordering = ["id"]
        constraints = [
            models.CheckConstraint(
                condition=models.Q(
                    outcome__in=["", "identified", "not_in_catalogue", "unreadable"]
                ),
                name="finding_outcome_known",
            ),
            models.CheckConstraint(
                condition=models.Q(band__in=["", *Band.values]), name="finding_band_known"
            ),
            models.CheckConstraint(
                condition=models.Q(vector__isnull=True) | ~models.Q(encoder=""),
                name="finding_vector_has_encoder",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.case_image_id}/{self.pk}"


class Result(models.Model):
    """An implant proposed for a finding, or added by the reviewer (then without a rank).

    `similarity` is cosine similarity, 1 − distance, in −1…1; it is no probability.
    """

    finding = models.ForeignKey(Finding, on_delete=models.CASCADE, related_name="results")
    implant = models.ForeignKey(Implant, on_delete=models.PROTECT, related_name="+")
    reference_image = models.ForeignKey(
        "implants.ReferenceImage", on_delete=models.SET_NULL, null=True, related_name="+"
    )
    rank = models.PositiveSmallIntegerField(null=True)
    similarity = models.FloatField(null=True)
    encoder = models.CharField(max_length=150, blank=True)
    approved = models.BooleanField(default=False)
    approved_at = models.DateTimeField(null=True)
    approved_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, related_name="+"
    )

    class Meta:
        verbose_name = _("result")
        verbose_name_plural = _("results")
        ordering = ["finding_id", models.F("rank").asc(nulls_last=True), "id"]
        constraints = [
            models.UniqueConstraint(fields=["finding", "implant"], name="result_unique_implant"),
            models.UniqueConstraint(fields=["finding", "rank"], name="result_unique_rank"),
            models.CheckConstraint(
                condition=models.Q(rank__isnull=True)
                | models.Q(rank__gte=1, similarity__isnull=False) & ~models.Q(encoder=""),
                name="result_ranked_is_measured",
            ),
            models.CheckConstraint(
                condition=models.Q(similarity__isnull=True)
                | models.Q(similarity__gte=-1.000001, similarity__lte=1.000001),
                name="result_similarity_is_cosine",
            ),
            models.CheckConstraint(
                condition=models.Q(approved=False) | models.Q(approved_at__isnull=False),
                name="result_approved_has_time",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.finding_id}: {self.implant_id}"


class DoomedFile(models.Model):
    """A stored file that is to go and that nothing else names: the row is written with what
    forgets the name, and goes once the file is gone."""

    case = models.ForeignKey("cases.Case", on_delete=models.CASCADE, related_name="doomed_files")
    name = models.CharField(max_length=255, unique=True)
    doomed_at = models.DateTimeField(default=timezone.now)

    class Meta:
        verbose_name = _("file to delete")
        verbose_name_plural = _("files to delete")
        ordering = ["id"]

    def __str__(self) -> str:
        return f"{self.case_id}/{self.pk}"
