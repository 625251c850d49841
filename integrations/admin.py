"""The outbox and the inbox, for looking at; the only thing to do here is “send again”."""

from typing import cast

from django.contrib import admin, messages
from django.contrib.auth.models import User
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.urls import URLPattern, path, reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _
from django.views.decorators.http import require_http_methods

from cases import access
from cases.models import CaseAccess
from cases.panel.read_only import ReadOnlyAdmin
from integrations.jotform.outgoing import outbox
from integrations.models import (
    JotformDelivery,
    JotformPoll,
    JotformSubmission,
    ResultReturn,
    StaffNotice,
)


@admin.register(ResultReturn)
class ResultReturnAdmin(ReadOnlyAdmin):
    list_display = [
        "case_link",
        "channel",
        "status",
        "attempts",
        "next_try_at",
        "last_error",
        "sent_at",
    ]
    list_display_links = None
    list_filter = ["status", "channel"]
    linked_lookups = ("status__in",)
    list_per_page = 50

    @admin.display(description=_("case"), ordering="case_id")
    def case_link(self, row: ResultReturn) -> SafeString:
        return format_html('<a href="{}">#{}</a>', _review_url(row), row.case_id)

    def has_view_permission(self, request: HttpRequest, obj: object = None) -> bool:
        return request.user.has_perm("integrations.view_resultreturn")

    def get_urls(self) -> list[URLPattern]:
        send_again = path(
            "<int:return_id>/send-again/",
            self.admin_site.admin_view(
                require_http_methods(["GET", "HEAD", "POST"])(self.send_again)
            ),
            name="integrations_resultreturn_send_again",
        )
        return [send_again, *super().get_urls()]

    def send_again(self, request: HttpRequest, return_id: int) -> HttpResponse:
        user = request.user
        if not user.is_authenticated or not user.has_perm("integrations.change_resultreturn"):
            raise PermissionDenied
        row = get_object_or_404(ResultReturn, pk=return_id)
        if request.method != "POST":
            # From the login page, where a session ended before the button was pressed.
            messages.warning(request, _("Nothing was changed yet. Please check and send it again."))
            return redirect(_review_url(row))
        try:
            outbox.send_again(return_id=return_id, by=user)
        except outbox.NotSendable as error:
            messages.warning(request, str(error))
        else:
            messages.success(request, _("The answer is on its way again."))
        return redirect(_review_url(row))


class OperatorsAdmin(ReadOnlyAdmin):
    """What only superusers see: deliveries hold personal data, the rest is machinery."""

    list_per_page = 50

    def has_module_permission(self, request: HttpRequest) -> bool:
        return self.has_view_permission(request)

    def has_view_permission(self, request: HttpRequest, obj: object = None) -> bool:
        return bool(request.user.is_active and request.user.is_superuser)


@admin.register(JotformDelivery)
class JotformDeliveryAdmin(OperatorsAdmin):
    list_display = ["id", "received_at", "submission_id", "form_id", "problem", "case"]
    search_fields = ["submission_id"]

    def get_object(
        self, request: HttpRequest, object_id: str, from_field: str | None = None
    ) -> JotformDelivery | None:
        """What a delivery says is what its case says: reading it is seeing the case."""
        row = super().get_object(request, object_id, from_field)
        if row is not None and row.case_id is not None:
            user = cast(User, request.user)
            access.seen(user=user, case_ids=[row.case_id], how=CaseAccess.How.PAGE)
        return row


@admin.register(JotformSubmission)
class JotformSubmissionAdmin(OperatorsAdmin):
    list_display = ["submission_id", "form_id", "case", "attempts", "next_try_at", "last_error"]
    search_fields = ["submission_id"]
    list_select_related = ["case"]


@admin.register(JotformPoll)
class JotformPollAdmin(OperatorsAdmin):
    list_display = ["__str__", "polled_until", "tried_at", "last_error"]


@admin.register(StaffNotice)
class StaffNoticeAdmin(OperatorsAdmin):
    list_display = ["id", "kind", "channel", "case", "attempts", "sent_at", "last_error"]
    list_filter = ["kind", "channel"]
    list_select_related = ["case"]


def _review_url(row: ResultReturn) -> str:
    return reverse("admin:cases_case_review", args=[row.case_id])
