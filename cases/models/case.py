"""A case: who asks, about whom, and where it stands."""

from datetime import datetime, timedelta
from typing import Any, Self

from django.conf import settings
from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from cases.keyed_hash import keyed_hash
from cases.models.authored import written_by
from cases.models.event import CaseEvent
from cases.models.film import CaseImage, DoomedFile, Finding, Result
from matching.confidence import Band

MAX_ATTEMPTS = 3
# Films that cannot be fetched yet are looked for after 20, 40, 80 … seconds: 85 minutes in all.
MAX_POSTPONED = 8
WORK_LOCK = "raiox.case"


class CaseQuerySet(models.QuerySet["Case"]):
    def awaiting_review(self) -> Self:
        return self.filter(status=Case.Status.PENDING)

    def for_review(self) -> Self:
        """With everything a case page or the API shows, in a bounded number of queries."""
        return self.select_related("decided_by").prefetch_related(
            "images__findings__results__implant__references", "events"
        )

    def due(self, *, at: datetime | None = None) -> Self:
        """Cases whose films may be worked on now: received and confirmed by their source, or
        awaiting review with a film that was to come; none before its next attempt."""
        is_time = models.Q(next_try_at__lte=at or timezone.now())
        is_first = models.Q(status=Case.Status.RECEIVED, next_try_at=None)
        has_status = models.Q(status__in=[Case.Status.RECEIVED, Case.Status.PENDING])
        due = self.filter(is_first | has_status & is_time, queued_at__isnull=False)
        return due.filter(awaits_consent=False)

    def interrupted(self) -> Self:
        """Received cases whose processing began and has not ended."""
        return self.due().filter(status=Case.Status.RECEIVED, attempts__gt=0)

    def overdue(self, *, at: datetime | None = None) -> Self:
        """Cases whose task should have started long ago, or whose next attempt has come."""
        limit = (at or timezone.now()) - timedelta(seconds=60)
        is_old = models.Q(attempts=0, queued_at__lt=limit)
        return self.due(at=at).filter(is_old | models.Q(next_try_at__isnull=False))

    def awaiting_consent(self) -> Self:
        """Received cases whose form asked for consent and did not get it."""
        return self.filter(status=Case.Status.RECEIVED, awaits_consent=True)

    def held(self) -> Self:
        """Received cases that wait for their source to confirm what they say."""
        return self.filter(status=Case.Status.RECEIVED, queued_at=None)

    def expired(self, *, days: int, at: datetime | None = None) -> Self:
        """Cases older than `days` that still hold personal data or films."""
        limit = (at or timezone.now()) - timedelta(days=days)
        films = CaseImage.objects.filter(case=models.OuterRef("pk"))
        held = films.exclude(file="", thumbnail="", sha256="")
        doomed = DoomedFile.objects.filter(case=models.OuterRef("pk"))
        holding = ~models.Q(status=Case.Status.ARCHIVED)
        holding |= models.Exists(held) | models.Exists(doomed)
        return self.filter(holding, created_at__lt=limit)


class Case(models.Model):
    """One request for identification.

    Status chart::

        received → pending → approved | rejected
        received → failed  → received            (retry)
        failed   → rejected                      (its film can never be read)
        received → rejected                      (it waits for consent)
        pending | rejected → received            (the consent was taken back; or came at last)
        pending | approved | rejected | failed → received   (the sender changed its films)
        approved | rejected → pending            (undone before the answer left)
        rejected → failed                        (undone, where it had been failed)
        any      → archived                      (personal data purged)

    A status changes by a conditional UPDATE or under a row lock, in `cases.intake`,
    `cases.changes`, `cases.review` and `cases.retention`, nowhere else.
    """

    class Status(models.TextChoices):
        RECEIVED = "received", _("received")
        PENDING = "pending", _("awaiting review")
        APPROVED = "approved", _("approved")
        REJECTED = "rejected", _("rejected")
        FAILED = "failed", _("failed")
        ARCHIVED = "archived", _("archived")

    class Source(models.TextChoices):
        JOTFORM = "jotform", "Jotform"
        WEBHOOK = "webhook", "Webhook"
        UPLOAD = "upload", _("upload")

    class Priority(models.IntegerChoices):
        NORMAL = 0, _("normal")
        URGENT = 1, _("urgent")

    # Unique where present: the cases of other doors have none, which only NULL can say.
    jotform_submission_id = models.CharField(  # noqa: DJ001
        _("Jotform submission"), max_length=32, null=True, blank=True
    )
    form_id = models.CharField(_("form"), max_length=32, blank=True)
    source = models.CharField(_("source"), max_length=20, choices=Source)
    client_hash = models.CharField(max_length=64, blank=True, db_index=True, editable=False)
    dentist_name = models.CharField(_("dentist"), max_length=200, blank=True)
    dentist_email = models.EmailField(_("dentist's e-mail"), blank=True)
    patient_name = models.CharField(_("patient"), max_length=200, blank=True)
    tooth = models.PositiveSmallIntegerField(
        _("tooth (FDI)"),
        null=True,
        blank=True,
        validators=[MinValueValidator(11), MaxValueValidator(85)],
    )
    consent_at = models.DateTimeField(_("consent at"), null=True, blank=True)
    # Which version of the texts (`/termos`, `/privacidade`) the consent was given to.
    consent_version = models.CharField(
        _("version of the terms"), max_length=20, blank=True, default="", db_default=""
    )
    # Its form asks for consent, and it was not given: nothing is done with the films until it is.
    awaits_consent = models.BooleanField(_("waits for consent"), default=False, db_default=False)
    status = models.CharField(_("status"), max_length=20, choices=Status, default=Status.RECEIVED)
    priority = models.SmallIntegerField(_("priority"), choices=Priority, default=Priority.NORMAL)
    failure = models.CharField(_("reason of failure"), max_length=255, blank=True)
    attempts = models.PositiveSmallIntegerField(_("attempts"), default=0)
    # Counts what the sender changed: a decision names the revision that it was made on.
    # New columns have defaults of the database: an old process may go on during an update.
    revision = models.PositiveIntegerField(_("revision"), default=1, db_default=1)
    # Empty while the case is held: its source has not confirmed yet what it says.
    queued_at = models.DateTimeField(_("queued at"), default=timezone.now, null=True, blank=True)
    # When films that could not be fetched are looked for again, and how often they were.
    next_try_at = models.DateTimeField(_("next attempt"), null=True, blank=True)
    postponed = models.PositiveSmallIntegerField(_("postponed"), default=0, db_default=0)
    created_at = models.DateTimeField(_("received at"), auto_now_add=True)
    updated_at = models.DateTimeField(_("changed at"), auto_now=True)
    matched_at = models.DateTimeField(_("matched at"), null=True, blank=True)
    decided_at = models.DateTimeField(_("decided at"), null=True, blank=True)
    decided_by = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        on_delete=models.SET_NULL,
        null=True,
        blank=True,
        related_name="+",
        verbose_name=_("decided by"),
    )
    decision_reason = models.TextField(_("reason of rejection"), blank=True)
    note = models.TextField(_("note to the dentist"), blank=True, default="", db_default="")
    # Never leaves the house; personal data may be in it, so that it is erased with the case.
    internal_note = models.TextField(_("internal note"), blank=True, default="", db_default="")
    # Why nothing was identified, as a code; `decision_reason` says it to the dentist.
    outcome = models.CharField(
        _("outcome"),
        max_length=20,
        choices=Finding.Outcome,
        blank=True,
        default="",
        db_default="",
    )
    # The lowest band of its findings.
    band = models.CharField(
        _("confidence"), max_length=10, choices=Band, blank=True, default="", db_default=""
    )

    objects = CaseQuerySet.as_manager()

    class Meta:
        verbose_name = _("case")
        verbose_name_plural = _("cases")
        ordering = ["-created_at", "-id"]
        permissions = [
            ("decide_case", _("Can approve, reject and erase cases")),
            ("export_case", _("Can export what is held about a person")),
        ]
        constraints = [
            models.UniqueConstraint(
                fields=["jotform_submission_id"], name="case_unique_jotform_submission"
            ),
            models.CheckConstraint(
                condition=models.Q(jotform_submission_id__isnull=True)
                | ~models.Q(jotform_submission_id=""),
                name="case_submission_not_empty",
            ),
            models.CheckConstraint(
                condition=models.Q(
                    status__in=["received", "pending", "approved", "rejected", "failed", "archived"]
                ),
                name="case_status_known",
            ),
            models.CheckConstraint(
                condition=~models.Q(status__in=["approved", "rejected"])
                | models.Q(decided_at__isnull=False),
                name="case_decided_has_time",
            ),
            models.CheckConstraint(
                condition=~models.Q(status="failed") | ~models.Q(failure=""),
                name="case_failed_has_reason",
            ),
            models.CheckConstraint(
                condition=models.Q(
                    outcome__in=["", "identified", "not_in_catalogue", "unreadable"]
                ),
                name="case_outcome_known",
            ),
            models.CheckConstraint(
                condition=models.Q(band__in=["", "high", "medium", "low", "untrained"]),
                name="case_band_known",
            ),
            models.CheckConstraint(
                condition=models.Q(awaits_consent=False)
                | models.Q(consent_at__isnull=True)
                & models.Q(status__in=["received", "failed", "rejected", "archived"]),
                name="case_waiting_for_consent_is_unmatched",
            ),
            models.CheckConstraint(
                condition=models.Q(tooth__isnull=True) | models.Q(tooth__gte=11, tooth__lte=85),
                name="case_tooth_is_fdi",
            ),
        ]
        indexes = [
            models.Index(fields=["status", "-priority", "created_at"], name="case_queue"),
            models.Index(fields=["-created_at", "-id"], name="case_newest_first"),
            models.Index(
                fields=["id"],
                condition=models.Q(awaits_consent=True),
                name="case_waiting_for_consent",
            ),
            models.Index(
                fields=["decided_at"],
                condition=models.Q(decided_at__isnull=False),
                name="case_decided_when",
            ),
        ]

    def __str__(self) -> str:
        return f"#{self.pk}"

    @property
    def is_awaiting_review(self) -> bool:
        return self.status == self.Status.PENDING

    @property
    def is_decided(self) -> bool:
        return self.status in (self.Status.APPROVED, self.Status.REJECTED)

    @property
    def decision(self) -> str:
        """What was decided, approved or rejected, also of a case that was erased since; empty
        where nothing is."""
        if self.status != self.Status.ARCHIVED or self.decided_at is None:
            return self.status if self.is_decided else ""
        is_identified = self.outcome == Finding.Outcome.IDENTIFIED
        return self.Status.APPROVED if is_identified else self.Status.REJECTED

    @property
    def is_held(self) -> bool:
        """Whether its source has not confirmed yet what the case says."""
        return self.queued_at is None

    @property
    def is_waiting_for_consent(self) -> bool:
        return self.status == self.Status.RECEIVED and self.awaits_consent

    @property
    def is_stopped(self) -> bool:
        """Whether nothing is to be done with its films: it is held, or waits for consent."""
        return self.is_held or self.awaits_consent

    @property
    def approved_results(self) -> models.QuerySet[Result]:
        return (
            Result.objects.filter(finding__case_image__case=self, approved=True)
            .select_related("implant", "finding")
            .order_by("finding_id", "rank", "id")
        )

    def requeue(self) -> None:
        """→ received, with its attempts forgiven. The caller holds the row lock.

        The last failure stays until a run succeeds or finds another one; a case that is held
        stays so.
        """
        self.status, self.attempts, self.postponed = self.Status.RECEIVED, 0, 0
        self.next_try_at = None
        self.queued_at = None if self.is_held else timezone.now()
        self.save(
            update_fields=[
                "status",
                "attempts",
                "postponed",
                "next_try_at",
                "queued_at",
                "updated_at",
            ]
        )
        self.images.update(error="", is_awaited=False)

    def record(self, what: CaseEvent.What, *, actor: Any = None, **details: Any) -> CaseEvent:
        """Add a line to the history. `details` hold ids, counts and codes, no patient data."""
        return CaseEvent.objects.create(case=self, what=what, details=details, **written_by(actor))


def pause_before(attempt: int) -> timedelta:
    """20, 40, 80 … seconds before films are looked for again."""
    return timedelta(seconds=20 * 2 ** max(attempt - 1, 0))


def client_hash(identity: str) -> str:
    """Keyed hash (HMAC-SHA256, hex) under which the cases of one dentist or client are grouped.

    Empty for an empty identity.
    """
    normal = identity.strip().casefold()
    return keyed_hash(normal) if normal else ""
