"""Who did what, and who saw which case: kept when accounts and films go."""

from django.db import models
from django.utils.translation import gettext_lazy as _

from cases.models.authored import Record


class CaseAccess(Record):
    """Somebody saw a case: one line for each person, case, way and hour."""

    class How(models.TextChoices):
        PAGE = "page", _("case page")
        LIST = "list", _("list of cases")
        FILM = "film", _("film")
        API = "api", "API"
        EXPORT = "export", _("export")

    case = models.ForeignKey("cases.Case", on_delete=models.CASCADE, related_name="accesses")
    how = models.CharField(_("seen on"), max_length=10, choices=How)
    hour = models.DateTimeField(_("hour"))

    class Meta:
        verbose_name = _("access to a case")
        verbose_name_plural = _("accesses to cases")
        ordering = ["-id"]
        constraints = [
            models.UniqueConstraint(
                fields=["case", "actor_label", "how", "hour"], name="caseaccess_once_an_hour"
            ),
        ]
        indexes = [models.Index(fields=["created_at"], name="caseaccess_when")]

    def __str__(self) -> str:
        return f"{self.case_id} {self.how}"


class AuditEvent(Record):
    """Something of consequence that belongs to no single case: a login, a lockout, an account or
    its roles changed, a catalogue row changed, a person's data exported or erased.

    `target` names a row (`auth.user 5`), `details` hold ids, counts and codes: no patient or
    dentist is named in them.
    """

    what = models.CharField(_("event"), max_length=40)
    target = models.CharField(_("what it was about"), max_length=100, blank=True)
    details = models.JSONField(default=dict, blank=True)

    class Meta:
        verbose_name = _("audit event")
        verbose_name_plural = _("audit events")
        ordering = ["-id"]
        indexes = [models.Index(fields=["created_at"], name="auditevent_when")]

    def __str__(self) -> str:
        return f"{self.what} {self.target}".strip()
