"""Vectors of the reference radiographs."""

from collections.abc import Mapping, Sequence
from typing import Self

from django.contrib.postgres.indexes import OpClass
from django.db import models
from django.db.models.functions import Cast
from django.db.models.lookups import GreaterThan
from django.utils.translation import gettext_lazy as _
from pgvector import HalfVector
from pgvector.django import CosineDistance, HalfVectorField, HnswIndex, VectorField

from implants.models import ReferenceImage, fits
from matching.encoder import DIMENSIONS


class VectorNorm(models.Func):
    function = "vector_norm"
    output_field = models.FloatField()


def in_halves() -> Cast:
    """The vector in half precision, as the index holds it: half the memory, the same neighbours,
    but for those whose distances differ by less than 0.0002. What is answered is measured on the
    whole vector."""
    return Cast("vector", HalfVectorField(dimensions=DIMENSIONS))


class EmbeddingQuerySet(models.QuerySet["Embedding"]):
    def of_encoder(self, encoder: str) -> Self:
        return self.filter(encoder=encoder)

    def searchable(self) -> Self:
        return self.filter(
            reference_image__implant__is_active=True,
            reference_image__is_active=True,
            reference_image__error="",
        )

    def fitting(self, seen: Mapping[str, str]) -> Self:
        """Those of implants that nothing seen (feature → word) contradicts. The conditions
        stand beside the distance: a subquery would keep the index from being used."""
        return self.filter(fits(seen, prefix="reference_image__implant__"))

    def nearest(
        self,
        vector: Sequence[float],
        *,
        encoder: str,
        limit: int,
        seen: Mapping[str, str] | None = None,
        is_exact: bool = False,
    ) -> Self:
        """The `limit` nearest searchable vectors of `encoder` whose implants fit what was
        `seen`, nearest first.

        Annotates `distance` (cosine, 0…2). Ordering by the bare distance `in_halves` with a LIMIT
        is what lets PostgreSQL use the HNSW index; `is_exact` orders by a sum of whole distances
        instead, and so compares every vector that fits.
        """
        nearest = (
            self.of_encoder(encoder)
            .searchable()
            .fitting(seen or {})
            .select_related("reference_image__implant")
            .defer("vector")
            .annotate(distance=CosineDistance("vector", list(vector)))
        )
        if is_exact:
            return nearest.order_by(models.F("distance") + models.Value(0.0))[:limit]
        return nearest.order_by(CosineDistance(in_halves(), HalfVector(list(vector))))[:limit]


class Embedding(models.Model):
    """One L2-normalised CLIP vector of one view of one reference.

    `encoder` names architecture, weights and preprocessing (see `matching.encoder`).
    Vectors of different encoders live side by side and are never compared.
    """

    reference_image = models.ForeignKey(
        ReferenceImage, on_delete=models.CASCADE, related_name="embeddings"
    )
    encoder = models.CharField(max_length=150)
    view = models.CharField(max_length=30, default="original")
    vector = VectorField(dimensions=DIMENSIONS)
    created_at = models.DateTimeField(auto_now_add=True)

    objects = EmbeddingQuerySet.as_manager()

    class Meta:
        verbose_name = _("embedding")
        verbose_name_plural = _("embeddings")
        constraints = [
            models.UniqueConstraint(
                fields=["reference_image", "encoder", "view"], name="embedding_unique_view"
            ),
            # A zero vector has no cosine: the distance would be NaN and sort after all others.
            models.CheckConstraint(
                condition=GreaterThan(VectorNorm("vector"), 0.0), name="embedding_not_zero"
            ),
        ]
        indexes = [
            HnswIndex(
                OpClass(in_halves(), name="halfvec_cosine_ops"),
                name="embedding_half_hnsw",
                m=16,
                ef_construction=128,
            ),
            models.Index(fields=["encoder"], name="embedding_encoder"),
        ]

    def __str__(self) -> str:
        return f"{self.reference_image_id} {self.view} ({self.encoder})"


class EncoderChoice(models.Model):
    """The encoder that films are compared with from `switched_at` on, whatever RAIOX_ENCODER
    says, for as long as RAIOX_ENCODER still says what it said then (`instead_of`).

    At most one row. `measured` holds the figures that spoke for it.
    """

    singleton = models.BooleanField(default=True, unique=True, editable=False)
    name = models.CharField(_("encoder"), max_length=200)
    encoder = models.CharField(_("encoder id"), max_length=150)
    instead_of = models.CharField(max_length=200)
    measured = models.JSONField(default=dict, blank=True)
    switched_at = models.DateTimeField(_("switched at"), auto_now=True)

    class Meta:
        verbose_name = _("encoder in use")
        verbose_name_plural = _("encoder in use")
        constraints = [
            models.CheckConstraint(condition=models.Q(singleton=True), name="encoderchoice_single")
        ]

    def __str__(self) -> str:
        return self.name


class Calibration(models.Model):
    """Limits that were measured for one encoder (see `matching.calibration`): what
    `limits` holds, and in `measured` on how much it was measured and what it reached."""

    encoder = models.CharField(_("encoder id"), max_length=150, unique=True)
    limits = models.JSONField()
    measured = models.JSONField(default=dict, blank=True)
    created_at = models.DateTimeField(_("measured at"), auto_now=True)

    class Meta:
        verbose_name = _("calibration")
        verbose_name_plural = _("calibrations")

    def __str__(self) -> str:
        return self.encoder
