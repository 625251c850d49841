"""The reviewers' queue. A case is decided on its own page (`cases.panel`), never in a form."""

import re
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

from django.contrib import admin
from django.contrib.admin.views.main import ChangeList
from django.core.exceptions import PermissionDenied
from django.db.models import Count, QuerySet
from django.db.models.expressions import Combinable
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import URLPattern, path, reverse
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.html import format_html
from django.utils.timesince import timesince
from django.utils.timezone import localtime
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from cases.models import Case
from cases.panel import page

ALL = "all"
# What still needs somebody; few rows, so that they are counted on every visit.
OPEN = (Case.Status.PENDING, Case.Status.FAILED, Case.Status.RECEIVED)


class StatusFilter(admin.SimpleListFilter):
    """Awaiting review unless asked otherwise; a search looks everywhere unless asked otherwise."""

    title = _("status")
    parameter_name = "status"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        counts = dict(
            Case.objects.filter(status__in=OPEN)
            .order_by()
            .values_list("status")
            .annotate(number=Count("pk"))
        )
        order = [*OPEN, *(status for status in Case.Status if status not in OPEN)]
        named = [
            (status.value, f"{status.label} ({counts.get(status, 0)})")
            if status in OPEN
            else (status.value, str(status.label))
            for status in order
        ]
        return [*named, (ALL, gettext("all"))]

    def value(self) -> str:
        return chosen_status(self.request)

    def queryset(self, request: HttpRequest, queryset: QuerySet[Case]) -> QuerySet[Case]:
        return queryset if self.value() == ALL else queryset.filter(status=self.value())

    def choices(self, changelist: Any) -> Iterator[Any]:
        for value, label in self.lookup_choices:
            yield {
                "selected": self.value() == value,
                "query_string": changelist.get_query_string({self.parameter_name: value}),
                "display": label,
            }


def chosen_status(request: HttpRequest) -> str:
    asked = request.GET.get("status", "")
    if asked in Case.Status.values or asked == ALL:
        return asked
    return ALL if request.GET.get("q") else Case.Status.PENDING.value


class CaseChangeList(ChangeList):
    def url_for_result(self, result: Any) -> str:
        return reverse("admin:cases_case_review", args=[result.pk])


def _waiting_time(since: datetime) -> str:
    if timezone.now() - since < timedelta(minutes=1):
        return gettext("just now")
    return gettext("%(time)s ago") % {"time": timesince(since, depth=1).replace("\xa0", " ")}


@admin.register(Case)
class CaseAdmin(admin.ModelAdmin):
    list_display = (
        "number",
        "urgency",
        "tooth_number",
        "dentist_name",
        "source",
        "received",
        "state",
    )
    list_filter = (StatusFilter,)
    search_fields = (
        "=jotform_submission_id",
        "dentist_name",
        "dentist_email",
        "patient_name",
        "pk__exact",
    )
    search_help_text = _("Number, Jotform submission, dentist or patient")
    actions = None
    list_per_page = 50
    show_full_result_count = False
    show_facets = admin.ShowFacets.NEVER
    preserve_filters = False

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Case | None = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Case | None = None) -> bool:
        return False

    def get_urls(self) -> list[URLPattern]:
        protect = self.admin_site.admin_view
        own = [
            path("<int:case_id>/review/", protect(page.review_page), name="cases_case_review"),
            path("<int:case_id>/approve/", protect(page.approve), name="cases_case_approve"),
            path("<int:case_id>/reject/", protect(page.reject), name="cases_case_reject"),
            path("<int:case_id>/retry/", protect(page.retry), name="cases_case_retry"),
            path("<int:case_id>/implants/", protect(page.implants), name="cases_case_implants"),
            path(
                "<int:case_id>/films/<int:image_id>/",
                # The film's own Cache-Control stands: it is private and short.
                protect(page.film, cacheable=True),
                name="cases_case_film",
            ),
        ]
        return own + super().get_urls()

    def get_changelist(self, request: HttpRequest, **kwargs: Any) -> type[ChangeList]:
        return CaseChangeList

    def get_list_display(self, request: HttpRequest) -> tuple[str, ...]:
        """Where failed cases are, their reasons are."""
        shown = chosen_status(request)
        columns = tuple(self.list_display)
        if shown == Case.Status.FAILED:
            return (*(name for name in columns if name != "state"), "failure")
        return (*columns, "failure") if shown == ALL else columns

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Case], search_term: str
    ) -> tuple[QuerySet[Case], bool]:
        """A case is found by its number also as the list writes it: `#5`."""
        term = re.sub(r"(?<!\S)#(?=\d)", "", search_term)
        return super().get_search_results(request, queryset, term)

    def get_ordering(self, request: HttpRequest) -> list[str | Combinable]:
        if chosen_status(request) in OPEN:
            return ["-priority", "created_at", "id"]
        return ["-created_at", "-id"]

    def changelist_view(
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        chosen = chosen_status(request)
        is_queue = chosen == Case.Status.PENDING
        title = gettext("Cases awaiting review") if is_queue else gettext("Cases")
        return super().changelist_view(request, {"title": title, **(extra_context or {})})

    def change_view(
        self,
        request: HttpRequest,
        object_id: str,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> HttpResponse:
        return self._to_case_page(request, object_id)

    def history_view(
        self, request: HttpRequest, object_id: str, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        return self._to_case_page(request, object_id)

    def _to_case_page(self, request: HttpRequest, object_id: str) -> HttpResponse:
        if not self.has_view_permission(request):
            raise PermissionDenied
        if not object_id.isdecimal():
            raise Http404
        return redirect("admin:cases_case_review", int(object_id))

    @admin.display(description=_("case"), ordering="pk")
    def number(self, case: Case) -> str:
        return f"#{case.pk}"

    @admin.display(description=_("tooth"), ordering="tooth")
    def tooth_number(self, case: Case) -> str:
        return str(case.tooth or "–")

    @admin.display(description=_("received"), ordering="created_at")
    def received(self, case: Case) -> str:
        return format_html(
            '<time datetime="{}" title="{}">{}</time>',
            case.created_at.isoformat(),
            date_format(localtime(case.created_at), "SHORT_DATETIME_FORMAT"),
            _waiting_time(case.created_at),
        )

    @admin.display(description=_("status"), ordering="status")
    def state(self, case: Case) -> str:
        return format_html(
            '<span class="badge badge-{}">{}</span>', case.status, case.get_status_display()
        )

    @admin.display(description=_("priority"), ordering="priority")
    def urgency(self, case: Case) -> str:
        if case.priority != Case.Priority.URGENT:
            return str(case.get_priority_display())
        return format_html(
            '<span class="badge badge-urgent">{}</span>', case.get_priority_display()
        )
