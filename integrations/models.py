"""What came in from outside, and what has to go out."""

import secrets
from datetime import datetime, timedelta
from typing import Self

from django.db import models
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from cases.models import Case

# While it waits in the queue, a row may be queued again after this.
QUEUE_LEASE = timedelta(minutes=1)


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


class JotformSubmission(models.Model):
    """What we know of one submission at Jotform, which is the truth; webhooks only say "look".

    `asked` counts how often something said that the submission may have changed, `read` is
    the value of `asked` that the last reading has answered: while they differ, and
    `next_try_at` is set, the submission is going to be read (again).
    """

    submission_id = models.CharField(_("submission"), max_length=64, unique=True)
    form_id = models.CharField(_("form"), max_length=64, blank=True)
    case = models.OneToOneField(
        Case, on_delete=models.SET_NULL, null=True, related_name="submission"
    )
    asked = models.PositiveIntegerField(default=0)
    read = models.PositiveIntegerField(default=0)
    attempts = models.PositiveSmallIntegerField(_("attempts"), default=0)
    next_try_at = models.DateTimeField(_("next attempt"), null=True, blank=True)
    last_error = models.CharField(_("last error"), max_length=255, blank=True)
    # `updated_at` (else `created_at`) of the last reading, as Jotform writes it: no time zone.
    version = models.CharField(max_length=64, blank=True)
    # `submitDate` of the newest webhook taken in, milliseconds since 1970.
    submitted_ms = models.BigIntegerField(null=True, blank=True)

    class Meta:
        verbose_name = _("Jotform submission")
        verbose_name_plural = _("Jotform submissions")
        ordering = ["-id"]
        indexes = [
            models.Index(
                fields=["next_try_at"],
                condition=models.Q(next_try_at__isnull=False),
                name="jotformsubmission_due",
            ),
        ]

    def __str__(self) -> str:
        return self.submission_id

    @property
    def is_asleep(self) -> bool:
        """Whether its reading waits out a failure, and is not merely queued."""
        return bool(self.next_try_at and self.next_try_at > timezone.now() + QUEUE_LEASE)


class JotformPoll(models.Model):
    """How far the submissions of a form (or, without a number, of the account) were polled."""

    form_id = models.CharField(_("form"), max_length=64, unique=True, blank=True)
    polled_until = models.DateTimeField(_("polled until"), null=True)
    tried_at = models.DateTimeField(_("tried at"), null=True)
    last_error = models.CharField(_("last error"), max_length=255, blank=True)

    class Meta:
        verbose_name = _("Jotform poll")
        verbose_name_plural = _("Jotform polls")

    def __str__(self) -> str:
        return self.form_id or "-"


class StaffNotice(models.Model):
    """Something that staff is told by one channel: an outbox row. No patient data."""

    class Kind(models.TextChoices):
        NEW_CASE = "new_case", _("new case")
        FAILED_CASE = "failed_case", _("failed case")
        ANSWER_GIVEN_UP = "answer_given_up", _("answer given up")
        ANSWER_LATE = "answer_late", _("answer late")
        JOTFORM_REFUSES = "jotform_refuses", _("Jotform refuses the key")
        CHANGED_AFTER_DECISION = "changed_after_decision", _("changed after the decision")

    class Channel(models.TextChoices):
        EMAIL = "email", _("e-mail")
        TELEGRAM = "telegram", "Telegram"

    kind = models.CharField(_("kind"), max_length=30, choices=Kind)
    channel = models.CharField(_("channel"), max_length=20, choices=Channel)
    case = models.ForeignKey(Case, on_delete=models.CASCADE, null=True, related_name="+")
    attempts = models.PositiveSmallIntegerField(_("attempts"), default=0)
    next_try_at = models.DateTimeField(_("next attempt"), default=timezone.now)
    last_error = models.CharField(_("last error"), max_length=255, blank=True)
    created_at = models.DateTimeField(auto_now_add=True)
    sent_at = models.DateTimeField(_("sent at"), null=True, blank=True)

    class Meta:
        verbose_name = _("notice to staff")
        verbose_name_plural = _("notices to staff")
        ordering = ["id"]
        indexes = [
            models.Index(
                fields=["channel", "next_try_at"],
                condition=models.Q(sent_at__isnull=True),
                name="staffnotice_due",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.kind} #{self.pk}"


class ResultReturnQuerySet(models.QuerySet["ResultReturn"]):
    def unsent(self) -> Self:
        return self.exclude(status__in=ResultReturn.FINAL)

    def due(self, *, at: datetime | None = None) -> Self:
        return self.unsent().filter(next_try_at__lte=at or timezone.now())


class ResultReturn(models.Model):
    """One decision on its way out by one channel: an outbox row, written with the decision.

    A case that was reopened and decided anew has a row for each decision (`revision` is the
    case's at the decision); only the newest may go out.

    Status chart::

        waiting → queued                         (held back while the decision can be undone)
        queued → sent
        queued → waiting → sent | given_up       (passing errors, with backoff)
        queued → not_configured → sent           (goes out when the key is there)
        any but sent, withdrawn → queued         ("send again")
        any but sent, given_up → withdrawn       (the case was reopened, or the decision undone)
    """

    class Status(models.TextChoices):
        QUEUED = "queued", _("queued")
        WAITING = "waiting", _("waiting for the next attempt")
        NOT_CONFIGURED = "not_configured", _("Jotform is not configured")
        SENT = "sent", _("sent")
        GIVEN_UP = "given_up", _("given up")
        WITHDRAWN = "withdrawn", _("withdrawn")

    class Channel(models.TextChoices):
        JOTFORM = "jotform", "Jotform"
        COPY = "copy", _("copy")

    FINAL = (Status.SENT, Status.GIVEN_UP, Status.WITHDRAWN)

    case = models.ForeignKey(
        Case, on_delete=models.CASCADE, related_name="answers", verbose_name=_("case")
    )
    channel = models.CharField(
        _("channel"), max_length=10, choices=Channel, default=Channel.JOTFORM, db_default="jotform"
    )
    revision = models.PositiveIntegerField(_("revision"), default=1, db_default=1)
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
                    status__in=[
                        "queued",
                        "waiting",
                        "not_configured",
                        "sent",
                        "given_up",
                        "withdrawn",
                    ]
                ),
                name="resultreturn_status_known",
            ),
            models.UniqueConstraint(
                fields=["case", "channel", "revision"], name="resultreturn_unique_decision"
            ),
        ]
        indexes = [
            models.Index(
                fields=["next_try_at"],
                condition=~models.Q(status__in=["sent", "given_up", "withdrawn"]),
                name="resultreturn_due",
            ),
        ]

    def __str__(self) -> str:
        return f"#{self.case_id}"

    @property
    def is_held_back(self) -> bool:
        """Whether it waits for the time to undo the decision to be over, and for nothing else."""
        is_untried = self.status == self.Status.WAITING and not (self.attempts or self.last_error)
        return is_untried and self.next_try_at > timezone.now()


class RequestCount(models.Model):
    """How often one address knocked at one kind of door in one window of time; `key` is a keyed
    hash of both, since an address belongs to a person."""

    key = models.CharField(max_length=64)
    window = models.DateTimeField()
    count = models.PositiveIntegerField(default=0)

    class Meta:
        verbose_name = _("count of requests")
        verbose_name_plural = _("counts of requests")
        constraints = [
            models.UniqueConstraint(fields=["key", "window"], name="requestcount_unique_window"),
        ]
        indexes = [models.Index(fields=["window"], name="requestcount_when")]

    def __str__(self) -> str:
        return f"{self.window} {self.count}"


def backoff(attempts: int) -> timedelta:
    """20, 40, 80 … seconds, at most 6 hours; with jitter, so that what failed together does not
    come again together."""
    seconds = min(20 * 2 ** max(attempts - 1, 0), 6 * 60 * 60)
    return timedelta(seconds=seconds * (1 + secrets.randbelow(250) / 1000))
