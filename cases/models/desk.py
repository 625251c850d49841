"""What the reviewers' desk keeps beside the cases."""

from datetime import datetime, timedelta
from typing import Self

from django.conf import settings
from django.db import models
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from cases.models.film import Finding
from implants.models import Implant, ReferenceImage

# The page of a case says every 15 seconds that it is open.
PRESENT_FOR = timedelta(seconds=40)


class PresenceQuerySet(models.QuerySet["Presence"]):
    def now(self, *, at: datetime | None = None) -> Self:
        return self.filter(seen_at__gt=(at or timezone.now()) - PRESENT_FOR)


class Presence(models.Model):
    """A reviewer who has the page of a case open, and when that was last known."""

    case = models.ForeignKey("cases.Case", on_delete=models.CASCADE, related_name="presences")
    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="+")
    seen_at = models.DateTimeField(default=timezone.now)

    objects = PresenceQuerySet.as_manager()

    class Meta:
        verbose_name = _("presence")
        verbose_name_plural = _("presences")
        constraints = [
            models.UniqueConstraint(fields=["case", "user"], name="presence_unique_person"),
        ]
        indexes = [models.Index(fields=["seen_at"], name="presence_seen")]

    def __str__(self) -> str:
        return f"{self.case_id} {self.user_id}"


class RejectionReason(models.Model):
    """A sentence for the dentist that the reviewer can choose, and edit before it goes out."""

    class Outcome(models.TextChoices):
        NOT_IN_CATALOGUE = "not_in_catalogue", _("not in the catalogue")
        UNREADABLE = "unreadable", _("cannot be read")

    outcome = models.CharField(_("outcome"), max_length=20, choices=Outcome)
    label = models.CharField(_("name in the list"), max_length=80)
    text = models.TextField(_("text for the dentist"), max_length=1000)
    position = models.PositiveSmallIntegerField(_("position"), default=100)
    is_active = models.BooleanField(_("active"), default=True)

    class Meta:
        verbose_name = _("reason for the dentist")
        verbose_name_plural = _("reasons for the dentist")
        ordering = ["outcome", "position", "id"]
        constraints = [
            models.UniqueConstraint(
                fields=["outcome", "label"],
                name="rejectionreason_unique_label",
                violation_error_message=_("There is a reason of this name already."),
            ),
        ]

    def __str__(self) -> str:
        return self.label


class ReferenceProposal(models.Model):
    """A fixture of a decided film, proposed as a reference of the implant that it shows.

    `reference` is what a curator's confirmation made of it. It holds no patient data.
    """

    class Status(models.TextChoices):
        PROPOSED = "proposed", _("proposed")
        ACCEPTED = "accepted", _("accepted")
        DECLINED = "declined", _("declined")

    finding = models.ForeignKey(Finding, on_delete=models.CASCADE, related_name="proposals")
    implant = models.ForeignKey(
        Implant, on_delete=models.CASCADE, related_name="+", verbose_name=_("implant")
    )
    status = models.CharField(_("status"), max_length=10, choices=Status, default=Status.PROPOSED)
    proposed_by = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        on_delete=models.SET_NULL,
        null=True,
        related_name="+",
        verbose_name=_("proposed by"),
    )
    created_at = models.DateTimeField(_("proposed at"), auto_now_add=True)
    decided_by = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        on_delete=models.SET_NULL,
        null=True,
        related_name="+",
        verbose_name=_("decided by"),
    )
    decided_at = models.DateTimeField(_("decided at"), null=True)
    reference = models.OneToOneField(
        ReferenceImage, on_delete=models.SET_NULL, null=True, related_name="+"
    )
    # What it would have done to earlier decisions (see `cases.learning`); null before the test.
    effect = models.JSONField(null=True, editable=False)

    class Meta:
        verbose_name = _("proposed reference")
        verbose_name_plural = _("proposed references")
        ordering = ["-created_at", "-id"]
        constraints = [
            models.UniqueConstraint(
                fields=["finding", "implant"], name="referenceproposal_unique_implant"
            ),
            models.CheckConstraint(
                condition=models.Q(status__in=["proposed", "accepted", "declined"]),
                name="referenceproposal_status_known",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.finding_id}: {self.implant_id}"
