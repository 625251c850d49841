"""What Django and django-q bring for the operator, with parts that a screen reader can use:
moments are the machine's and only read, and what an account may do is ticked off."""

from typing import Any

from django import forms
from django.contrib import admin
from django.contrib.auth.admin import GroupAdmin, UserAdmin
from django.contrib.auth.models import Group, User
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _
from django_q.admin import QueueAdmin, ScheduleAdmin
from django_q.models import OrmQ, Schedule


class PlainUserAdmin(UserAdmin):
    """Rights are given by role: single permissions are not offered."""

    filter_horizontal = ()
    readonly_fields = ("last_login", "date_joined")
    fieldsets = (
        (None, {"fields": ("username", "password")}),
        (_("Personal info"), {"fields": ("first_name", "last_name", "email")}),
        (_("Permissions"), {"fields": ("is_active", "is_staff", "is_superuser", "groups")}),
        (_("Important dates"), {"fields": ("last_login", "date_joined")}),
    )

    def formfield_for_manytomany(
        self, db_field: Any, request: HttpRequest, **kwargs: Any
    ) -> forms.ModelMultipleChoiceField | None:
        kwargs["widget"] = forms.CheckboxSelectMultiple
        return super().formfield_for_manytomany(db_field, request, **kwargs)


class PlainGroupAdmin(GroupAdmin):
    filter_horizontal = ()


class PlainScheduleAdmin(ScheduleAdmin):
    """Schedules are registered by `raiox_site.schedules`, not by hand."""

    readonly_fields = ("next_run",)

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False


class PlainQueueAdmin(QueueAdmin):
    readonly_fields = ("lock", *QueueAdmin.readonly_fields)


PAGES: dict[Any, type[admin.ModelAdmin]] = {
    User: PlainUserAdmin,
    Group: PlainGroupAdmin,
    Schedule: PlainScheduleAdmin,
    OrmQ: PlainQueueAdmin,
}


def replace_pages() -> None:
    for model, page in PAGES.items():
        admin.site.unregister(model)
        admin.site.register(model, page)
