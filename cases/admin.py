"""The reviewers' queue. A case is decided on its own page (`cases.panel`), never in a form."""

from typing import Any, cast

from django.contrib import admin
from django.contrib.admin.options import IncorrectLookupParameters
from django.contrib.admin.views.main import ChangeList
from django.contrib.auth.models import User
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.db.models.expressions import Combinable
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBadRequest
from django.shortcuts import redirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, path
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from cases import access
from cases.models import Case, CaseAccess
from cases.panel import columns, filters, live, presence, queue, undone
from cases.panel.addresses import case_urls
from cases.panel.desk_admin import ReferenceProposalAdmin, RejectionReasonAdmin
from cases.panel.erasure_admin import ErasureAdmin
from cases.panel.exporting import export_page
from cases.panel.read_only import ReadOnlyAdmin
from cases.panel.records_admin import AuditEventAdmin, CaseAccessAdmin

__all__ = [
    "AuditEventAdmin",
    "CaseAccessAdmin",
    "CaseAdmin",
    "ErasureAdmin",
    "ReferenceProposalAdmin",
    "RejectionReasonAdmin",
]

Status, How = Case.Status, CaseAccess.How
OPENING = (columns.number, columns.tooth, columns.dentist)
COLUMNS = {
    Status.PENDING: (columns.waiting, columns.confidence, columns.candidate, columns.looking),
    Status.RECEIVED: (columns.waiting, columns.progress),
    filters.NO_CONSENT: (columns.waiting, columns.progress),
    Status.FAILED: (columns.waiting, "failure"),
    filters.ALL: (columns.received, columns.confidence, columns.candidate, columns.state),
}
DECIDED = (columns.received, columns.confidence, columns.candidate, columns.decided)


class CaseChangeList(ChangeList):
    def get_results(self, request: HttpRequest) -> None:
        """The last page may be gone, once its cases are decided: then it is the first."""
        try:
            super().get_results(request)
        except IncorrectLookupParameters:
            self.page_num = 1
            super().get_results(request)
        # What a row shows is looked up for this page only, not for all pages before it.
        rows = Case.objects.filter(pk__in=self.result_list.values("pk"))
        shown = queue.listed(rows, cast(User, request.user))
        self.result_list = shown.order_by(*self.queryset.query.order_by)

    def url_for_result(self, result: Any) -> str:
        query = self.get_query_string().removeprefix("?")
        return queue.case_url(result.pk, filters.carried(query))


@admin.register(Case)
class CaseAdmin(ReadOnlyAdmin):
    list_display = (*OPENING, *COLUMNS[Status.PENDING], columns.source)
    list_display_links = (columns.number,)
    list_filter = (
        filters.StatusFilter,
        filters.BandFilter,
        filters.SourceFilter,
        filters.ManufacturerFilter,
    )
    # What is searched, and how, is said in `filters.search`.
    search_fields = ("pk",)
    search_help_text = _("Number, tooth, dentist, patient or Jotform submission")
    actions = None
    list_per_page = 50
    show_full_result_count = False
    show_facets = admin.ShowFacets.NEVER
    preserve_filters = False

    def get_urls(self) -> list[URLPattern]:
        protect = self.admin_site.admin_view
        own = [
            path("next/", protect(queue.next_page), name="cases_case_next"),
            path("export/", protect(export_page), name="cases_case_export"),
            # Its own Cache-Control stands: the browser is to ask again, and be told "the same".
            path("live/", protect(self.live_view, cacheable=True), name="cases_case_live"),
            path("<int:case_id>/looking/", protect(presence.looking), name="cases_case_looking"),
            *case_urls(protect),
        ]
        return own + super().get_urls()

    def get_changelist(self, request: HttpRequest, **kwargs: Any) -> type[ChangeList]:
        return CaseChangeList

    def get_list_display(self, request: HttpRequest) -> tuple[Any, ...]:
        """Where failed cases are, their reasons are, and the button to try again."""
        shown = filters.chosen_status(request)
        middle = COLUMNS.get(shown, DECIDED)
        can_retry = shown == Status.FAILED and request.user.has_perm("cases.decide_case")
        return (*OPENING, *middle, columns.source, *([columns.again] if can_retry else []))

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Case], search_term: str
    ) -> tuple[QuerySet[Case], bool]:
        return filters.search(queryset, search_term), False

    def get_ordering(self, request: HttpRequest) -> list[str | Combinable]:
        if filters.chosen_status(request) in filters.OPEN:
            return list(queue.ORDER)
        return ["-created_at", "-id"]

    def changelist_view(
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        is_queue = filters.chosen_status(request) == Status.PENDING
        title = gettext("Cases awaiting review") if is_queue else gettext("Cases")
        response = super().changelist_view(request, {"title": title, **(extra_context or {})})
        context = response.context_data if isinstance(response, TemplateResponse) else None
        if context is not None and "cl" in context:
            user, shown = cast(User, request.user), context["cl"].result_list
            access.seen(user=user, case_ids=[case.pk for case in shown], how=How.LIST)
            context.update(live.page_context(context["cl"]))
            context.update(undone.last_decision(cast(User, request.user)))
        return response

    def live_view(self, request: HttpRequest) -> HttpResponse:
        if not self.has_view_permission(request):
            raise PermissionDenied
        known = live.take_known(request)
        try:
            changelist = self.get_changelist_instance(request)
        except IncorrectLookupParameters:
            return HttpResponseBadRequest()
        return live.answer(request, changelist, known)

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
        if not object_id.isdecimal() or len(object_id) > 18:
            raise Http404
        return redirect("admin:cases_case_review", int(object_id))
