"""What came in from outside, and what has to go out."""

from datetime import datetime, timedelta
from typing import Self

from django.db import models
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from cases.models import Case


class JotformDelivery(models.Model):
    """One webhook request as it came, secrets redacted; kept before anything else is done.

    Purged with its case.
    """

    case = models.ForeignKey(Case, on_delete=models.SET_NULL, null=True, related_name="deliveries")
    submission_id = models.CharField(_("submission"), max_length=64, blank=True, db_index=True)
    form_id = models.CharField(_("form"), max_length=64, blank=True)
    fields = models.JSONField(default=dict)
    problem = models.CharField(_("problem"), max_length=255, blank=True)
    received_at = models.DateTimeField(_("received at"), auto_now_add=True)

    class Meta:
        verbose_name = _("Jotform delivery")
        verbose_name_plural = _("Jotform deliveries")
        ordering = ["-id"]

    def __str__(self) -> str:
        return f"{self.submission_id or '-'} #{self.pk}"

    def forget(self) -> None:
        """Keep that it came, not what it said: nobody is going to work with it."""
        self.fields = {}
        self.save(update_fields=["fields"])


class ResultReturnQuerySet(models.QuerySet["ResultReturn"]):
    def unsent(self) -> Self:
        return self.exclude(status__in=[ResultReturn.Status.SENT, ResultReturn.Status.GIVEN_UP])

    def due(self, *, at: datetime | None = None) -> Self:
        return self.unsent().filter(next_try_at__lte=at or timezone.now())


class ResultReturn(models.Model):
    """The answer to one decided case: an outbox row, written with the decision.

    Status chart::

        queued → sent
        queued → waiting → sent | given_up       (passing errors, with backoff)
        queued → not_configured → sent           (goes out when the key is there)
        any but sent → queued                    ("send again")
    """

    class Status(models.TextChoices):
        QUEUED = "queued", _("queued")
        WAITING = "waiting", _("waiting for the next attempt")
        NOT_CONFIGURED = "not_configured", _("Jotform is not configured")
        SENT = "sent", _("sent")
        GIVEN_UP = "given_up", _("given up")

    case = models.OneToOneField(
        Case, on_delete=models.CASCADE, related_name="answer", verbose_name=_("case")
    )
    status = models.CharField(_("status"), max_length=20, choices=Status, default=Status.QUEUED)
    attempts = models.PositiveSmallIntegerField(_("attempts"), default=0)
    next_try_at = models.DateTimeField(_("next attempt"), default=timezone.now)
    last_error = models.CharField(_("last error"), max_length=255, blank=True)
    sent_at = models.DateTimeField(_("sent at"), null=True, blank=True)
    created_at = models.DateTimeField(auto_now_add=True)

    objects = ResultReturnQuerySet.as_manager()

    class Meta:
        verbose_name = _("answer")
        verbose_name_plural = _("answers")
        ordering = ["-id"]
        constraints = [
            models.CheckConstraint(
                condition=~models.Q(status="sent") | models.Q(sent_at__isnull=False),
                name="resultreturn_sent_has_time",
            ),
            models.CheckConstraint(
                condition=models.Q(
                    status__in=["queued", "waiting", "not_configured", "sent", "given_up"]
                ),
                name="resultreturn_status_known",
            ),
        ]
        indexes = [
            models.Index(
                fields=["next_try_at"],
                condition=~models.Q(status__in=["sent", "given_up"]),
                name="resultreturn_due",
            ),
        ]

    def __str__(self) -> str:
        return f"#{self.case_id}"


def backoff(attempts: int) -> timedelta:
    """1, 2, 4 … minutes, at most 6 hours."""
    return timedelta(minutes=min(2 ** max(attempts - 1, 0), 360))
