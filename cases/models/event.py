"""The history of a case."""

from typing import Any

from django.conf import settings
from django.db import models
from django.utils.translation import gettext_lazy as _


class CaseEvent(models.Model):
    """One line of a case's history: append-only, free of patient data."""

    class What(models.TextChoices):
        RECEIVED = "received", _("received")
        UPDATED = "updated", _("changed by the sender")
        MATCHED = "matched", _("candidates found")
        FAILED = "failed", _("failed")
        REOPENED = "reopened", _("reopened")
        RETRIED = "retried", _("sent to processing again")
        APPROVED = "approved", _("approved")
        REJECTED = "rejected", _("rejected")
        UNDONE = "undone", _("decision undone")
        FIXTURE_MARKED = "fixture_marked", _("fixture marked")
        FIXTURE_REMOVED = "fixture_removed", _("mark removed")
        PRIORITY = "priority", _("priority changed")
        NOTED = "noted", _("internal note changed")
        REFERENCE_PROPOSED = "ref_proposed", _("proposed as reference")
        CONSENT_MISSING = "no_consent", _("consent is missing")
        CONSENT_RECORDED = "consent", _("consent recorded")
        EXPORTED = "exported", _("data exported for the person")
        ANSWER_QUEUED = "answer_queued", _("answer queued")
        ANSWER_SENT = "answer_sent", _("answer delivered")
        ANSWER_FAILED = "answer_failed", _("answer not delivered")
        ARCHIVED = "archived", _("personal data erased")

    case = models.ForeignKey("cases.Case", on_delete=models.CASCADE, related_name="events")
    what = models.CharField(_("event"), max_length=20, choices=What)
    actor = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, related_name="+"
    )
    actor_label = models.CharField(_("who"), max_length=150, blank=True)
    correlation_id = models.CharField(max_length=64, blank=True)
    details = models.JSONField(default=dict, blank=True)
    created_at = models.DateTimeField(_("when"), auto_now_add=True)

    class Meta:
        verbose_name = _("event")
        verbose_name_plural = _("events")
        ordering = ["id"]

    def __str__(self) -> str:
        return f"{self.case_id} {self.what}"

    def save(self, *args: Any, **kwargs: Any) -> None:
        if self.pk:
            raise TypeError("A case event is written once and never changed.")
        super().save(*args, **kwargs)
