"""Taking implants and references out of the search, and back, without deleting anything."""

from typing import Any, cast

from django.contrib import messages
from django.contrib.admin.helpers import ACTION_CHECKBOX_NAME
from django.contrib.admin.models import CHANGE, LogEntry
from django.contrib.admin.options import ModelAdmin
from django.contrib.auth.models import User
from django.db.models import Model, QuerySet
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.utils.translation import gettext, ngettext
from django.utils.translation import gettext_lazy as _

SHOWN = 20


def set_activity(*, rows: QuerySet[Any], is_active: bool, by: User) -> int:
    """Switch the rows that are not so yet, and say so in the admin's log; returns how many."""
    due = list(rows.exclude(is_active=is_active))
    if not due:
        return 0
    word = gettext("Activated.") if is_active else gettext("Deactivated.")
    rows.model._base_manager.filter(pk__in=[row.pk for row in due]).update(is_active=is_active)
    LogEntry.objects.log_actions(by.pk, due, CHANGE, change_message=word)
    return len(due)


class ActivityActions(ModelAdmin):
    """The two actions of a list; each first says how many rows it is about."""

    actions = ["activate", "deactivate"]

    def activate(self, request: HttpRequest, queryset: QuerySet[Model]) -> HttpResponse | None:
        return self._switch(request, queryset, is_active=True)

    def deactivate(self, request: HttpRequest, queryset: QuerySet[Model]) -> HttpResponse | None:
        return self._switch(request, queryset, is_active=False)

    cast(Any, activate).short_description = _("Activate: search them again")
    cast(Any, activate).allowed_permissions = ["change"]
    cast(Any, deactivate).short_description = _("Deactivate: keep them, search them no more")
    cast(Any, deactivate).allowed_permissions = ["change"]

    def _switch(
        self, request: HttpRequest, queryset: QuerySet[Any], *, is_active: bool
    ) -> HttpResponse | None:
        if "confirmed" not in request.POST:
            return self._ask(request, queryset, is_active=is_active)
        number = set_activity(rows=queryset, is_active=is_active, by=cast(User, request.user))
        messages.success(request, _told(number, is_active))
        return None

    def _ask(
        self, request: HttpRequest, queryset: QuerySet[Any], *, is_active: bool
    ) -> HttpResponse:
        due = queryset.exclude(is_active=is_active)
        number = due.count()
        is_all = request.POST.get("select_across") == "1"
        chosen = request.POST.getlist(ACTION_CHECKBOX_NAME)
        context = {
            **self.admin_site.each_context(request),
            "opts": self.opts,
            "title": gettext("Activate") if is_active else gettext("Deactivate"),
            "is_active": is_active,
            "number": number,
            "already": queryset.count() - number,
            "shown": due[:SHOWN],
            "hidden": max(number - SHOWN, 0),
            # All rows of a list are named by its address, not one by one.
            "chosen": chosen[:1] if is_all else chosen,
            "is_all": is_all,
            "checkbox_name": ACTION_CHECKBOX_NAME,
            "action": "activate" if is_active else "deactivate",
        }
        return TemplateResponse(request, "admin/implants/activity.html", context)


def _told(number: int, is_active: bool) -> str:
    if is_active:
        return ngettext(
            "%(number)d is searched again.", "%(number)d are searched again.", number
        ) % {"number": number}
    return ngettext(
        "%(number)d is kept and searched no more.",
        "%(number)d are kept and searched no more.",
        number,
    ) % {"number": number}
