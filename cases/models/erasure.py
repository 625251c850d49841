"""What was erased, when and why: the certificate, which names nobody."""

from django.db import models
from django.utils.translation import gettext_lazy as _

from cases.models.authored import Authored


class Erasure(Authored):
    """One erasure: of a case, of all that a dentist sent, of all about a patient, or of what is
    older than the retention period.

    `case_ids` are the cases it covers, `counts` says what went (films, thumbnails, vectors,
    deliveries, …). It is complete when nothing of what it covers is left in the storage; until
    then the nightly run goes on with it. No personal data: neither a name nor a hash of one.
    """

    class Basis(models.TextChoices):
        CASE = "case", _("one case")
        DENTIST = "dentist", _("a dentist's request")
        PATIENT = "patient", _("a patient's request")
        RETENTION = "retention", _("end of the retention period")

    basis = models.CharField(_("basis"), max_length=10, choices=Basis)
    case_ids = models.JSONField(default=list)
    counts = models.JSONField(default=dict)
    asked_at = models.DateTimeField(_("asked at"), auto_now_add=True)
    completed_at = models.DateTimeField(_("complete since"), null=True, blank=True)

    class Meta:
        verbose_name = _("erasure")
        verbose_name_plural = _("erasures")
        ordering = ["-id"]
        constraints = [
            models.CheckConstraint(
                condition=models.Q(basis__in=["case", "dentist", "patient", "retention"]),
                name="erasure_basis_known",
            ),
        ]
        indexes = [
            models.Index(
                fields=["id"],
                condition=models.Q(completed_at__isnull=True),
                name="erasure_unfinished",
            ),
        ]

    def __str__(self) -> str:
        return f"#{self.pk}"
