"""Who saw which case, and what happened beside the cases: lists for superusers, to be read."""

from typing import Any

from django.contrib import admin
from django.db.models import Q, QuerySet
from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.text import capfirst
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from cases.models import AuditEvent, CaseAccess
from cases.panel.read_only import ReadOnlyAdmin


class RecordAdmin(ReadOnlyAdmin):
    """PostgreSQL refuses every change of these rows; here nothing offers one."""

    actions = None
    list_display_links = None
    list_per_page = 100
    show_full_result_count = False
    show_facets = admin.ShowFacets.NEVER
    ordering = ("-id",)

    def has_module_permission(self, request: HttpRequest) -> bool:
        return self.has_view_permission(request)

    def has_view_permission(self, request: HttpRequest, obj: object = None) -> bool:
        return bool(request.user.is_active and request.user.is_superuser)

    def changelist_view(
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        title = capfirst(str(self.opts.verbose_name_plural))
        return super().changelist_view(request, {"title": title, **(extra_context or {})})

    @admin.display(description=_("who"), ordering="actor_label")
    def who(self, row: Any) -> str:
        """The name that the account had, also when it is gone."""
        return row.actor_label or gettext("system")


@admin.register(CaseAccess)
class CaseAccessAdmin(RecordAdmin):
    list_display = ("created_at", "case_link", "who", "how", "correlation_id")
    list_filter = (("created_at", admin.DateFieldListFilter), "how")
    linked_lookups = ("case__id__exact", "actor_label")
    search_fields = ("case__id",)
    search_help_text = _("Case number or user name")

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[CaseAccess], search_term: str
    ) -> tuple[QuerySet[CaseAccess], bool]:
        for word in search_term.replace("\x00", "").split():
            queryset = queryset.filter(_word(word))
        return queryset, False

    @admin.display(description=_("case"), ordering="case_id")
    def case_link(self, row: CaseAccess) -> SafeString:
        url = reverse("admin:cases_case_review", args=[row.case_id])
        return format_html('<a href="{}">#{}</a>', url, row.case_id)


@admin.register(AuditEvent)
class AuditEventAdmin(RecordAdmin):
    list_display = ("created_at", "what", "who", "target", "details", "correlation_id")
    list_filter = (("created_at", admin.DateFieldListFilter), "what")
    search_fields = ("actor_label", "target", "what")
    search_help_text = _("User name, event or what it was about")


def _word(word: str) -> Q:
    number = word.removeprefix("#")
    is_number = number.isascii() and number.isdecimal() and len(number) < 19
    by_name = Q(actor_label__icontains=word)
    return Q(case_id=int(number)) | by_name if is_number else by_name
