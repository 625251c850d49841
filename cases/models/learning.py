"""What decisions teach the comparison."""

from django.db import models
from django.utils.translation import gettext_lazy as _

from cases.models.film import Finding
from implants.models import Implant, ReferenceImage


class HardNegative(models.Model):
    """A first candidate that a reviewer rejected, beside the implant that was approved.

    `rejected_reference` is what made it the first; `reference` what became of the fixture, if
    a curator confirmed it. Names nobody, and stays when the case is erased: then `finding` is
    null.
    """

    finding = models.ForeignKey(
        Finding, on_delete=models.SET_NULL, null=True, related_name="hard_negatives"
    )
    approved = models.ForeignKey(
        Implant, on_delete=models.CASCADE, related_name="+", verbose_name=_("approved")
    )
    rejected = models.ForeignKey(
        Implant, on_delete=models.CASCADE, related_name="+", verbose_name=_("rejected")
    )
    rejected_reference = models.ForeignKey(
        ReferenceImage, on_delete=models.SET_NULL, null=True, related_name="+"
    )
    reference = models.ForeignKey(
        ReferenceImage, on_delete=models.SET_NULL, null=True, related_name="+"
    )
    similarity = models.FloatField(null=True)
    encoder = models.CharField(max_length=150, blank=True)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        verbose_name = _("rejected first candidate")
        verbose_name_plural = _("rejected first candidates")
        ordering = ["-id"]
        constraints = [
            models.UniqueConstraint(
                fields=["finding", "approved", "rejected"], name="hardnegative_unique_pair"
            ),
            models.CheckConstraint(
                condition=~models.Q(approved=models.F("rejected")),
                name="hardnegative_two_implants",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.approved} / {self.rejected}"
