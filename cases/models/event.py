"""The history of a case."""

from django.db import models
from django.utils.translation import gettext_lazy as _

from cases.models.authored import Record


class CaseEvent(Record):
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
    details = models.JSONField(default=dict, blank=True)

    class Meta:
        verbose_name = _("event")
        verbose_name_plural = _("events")
        ordering = ["id"]

    def __str__(self) -> str:
        return f"{self.case_id} {self.what}"
