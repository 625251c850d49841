"""Rows that say who wrote them, also when the account is gone."""

from typing import Any

from django.conf import settings
from django.db import models
from django.utils.translation import gettext_lazy as _

from cases import correlation


class Authored(models.Model):
    """Who it was, and the request or task in which it happened."""

    actor = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, related_name="+"
    )
    actor_label = models.CharField(_("who"), max_length=150, blank=True)
    correlation_id = models.CharField(max_length=64, blank=True)

    class Meta:
        abstract = True


class Record(Authored):
    """A line that is written once and never changed.

    PostgreSQL itself refuses to change or delete these rows (migration `append_only_records`);
    only the link to an account may become empty, when the account is deleted.
    """

    created_at = models.DateTimeField(_("when"), auto_now_add=True)

    class Meta:
        abstract = True

    def save(self, *args: Any, **kwargs: Any) -> None:
        if self.pk:
            raise TypeError("A record is written once and never changed.")
        super().save(*args, **kwargs)


def written_by(actor: Any) -> dict[str, Any]:
    """The columns of an `Authored` row that is written now; no actor stands for the system."""
    return {
        "actor": actor,
        "actor_label": actor.get_username() if actor else "",
        "correlation_id": correlation.current(),
    }
