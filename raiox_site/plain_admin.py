"""What Django and django-q bring for the operator, with parts that a screen reader can use:
moments are the machine's and only read, and what an account may do is ticked off."""

from typing import Any

from axes.models import AccessAttempt
from django import forms
from django.contrib import admin, messages
from django.contrib.auth.admin import GroupAdmin, UserAdmin
from django.contrib.auth.models import Group, User
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from django_otp.plugins.otp_static.models import StaticDevice
from django_otp.plugins.otp_totp.models import TOTPDevice
from django_q.admin import QueueAdmin, ScheduleAdmin
from django_q.models import OrmQ, Schedule
from rest_framework_simplejwt.token_blacklist.models import BlacklistedToken, OutstandingToken

from raiox_site.access import lockout, second_step


@admin.action(description=_("Switch off the second step (lost phone)"), permissions=["change"])
def remove_second_step(
    page: admin.ModelAdmin, request: HttpRequest, queryset: QuerySet[User]
) -> None:
    for user in queryset:
        second_step.remove(user=user)
    messages.success(request, gettext("The second step is off for the chosen accounts."))


@admin.action(description=_("Let in again after too many attempts"), permissions=["change"])
def end_lockout(page: admin.ModelAdmin, request: HttpRequest, queryset: QuerySet[User]) -> None:
    for user in queryset:
        lockout.attempts_of(user.get_username()).delete()
    messages.success(request, gettext("The chosen accounts may try to log in again."))


class PlainUserAdmin(UserAdmin):
    """Rights are given by role: single permissions are not offered."""

    actions = (remove_second_step, end_lockout)
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


class AttemptAdmin(admin.ModelAdmin):
    """Who is being locked out, for superusers; deleting a line lets that address try again."""

    list_display = ("attempt_time", "ip_address", "failures_since_start")
    list_display_links = None
    list_per_page = 50

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: object = None) -> bool:
        return False


# Keys and tokens of other people are for nobody's eyes.
HIDDEN = (TOTPDevice, StaticDevice, OutstandingToken, BlacklistedToken)
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
    for hidden in HIDDEN:
        admin.site.unregister(hidden)
    admin.site.register(AccessAttempt, AttemptAdmin)
