"""Erasing a person's data in the panel, and the certificates of it."""

from typing import Any, cast

from django.contrib import admin, messages
from django.contrib.auth.decorators import permission_required
from django.contrib.auth.models import User
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import get_object_or_404, redirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from django.views.decorators.http import require_http_methods

from cases import certificate_text, certificates, erasure
from cases.export import Asked
from cases.models import Case, Erasure
from cases.panel.persons_page import PersonForm, person_page
from cases.panel.read_only import ReadOnlyAdmin

can_erase = permission_required("cases.decide_case", raise_exception=True)


@require_http_methods(["GET", "HEAD", "POST"])
@can_erase
def erase_page(request: HttpRequest) -> HttpResponseBase:
    """Search, look at what would go, confirm."""
    return person_page(
        request,
        act=_erased,
        template="admin/cases/erasure/erase.html",
        context={"title": gettext("Erase a person's data"), "opts": Erasure._meta},
    )


def _erased(request: HttpRequest, form: PersonForm) -> HttpResponse:
    try:
        row = _erase(form.asked(), cast(User, request.user))
    except Case.DoesNotExist as missing:
        raise Http404 from missing
    if row.completed_at:
        messages.success(request, gettext("Everything was erased."))
    else:
        messages.warning(
            request,
            gettext("The storage has not deleted all films yet: this goes on by itself."),
        )
    return redirect("admin:cases_erasure_change", row.pk)


def _erase(asked: Asked, by: User) -> Erasure:
    if asked.case_id is not None:
        return erasure.erase_case(case_id=asked.case_id, by=by)
    if asked.patient:
        return erasure.erase_patient(name=asked.patient, email=asked.email, by=by)
    return erasure.erase_dentist(email=asked.email, by=by)


@admin.register(Erasure)
class ErasureAdmin(ReadOnlyAdmin):
    """The certificates. They name nobody."""

    list_display = ("number", "asked_at", "basis", "cases", "actor_label", "completed_at")
    list_display_links = None
    list_filter = ("basis",)
    list_per_page = 50
    actions = None
    show_facets = admin.ShowFacets.NEVER
    change_list_template = "admin/cases/erasure/change_list.html"

    @admin.display(description=_("certificate"), ordering="pk")
    def number(self, row: Erasure) -> SafeString:
        address = reverse("admin:cases_erasure_change", args=[row.pk])
        return format_html('<a href="{}">#{}</a>', address, row.pk)

    @admin.display(description=_("cases"))
    def cases(self, row: Erasure) -> int:
        return len(row.case_ids)

    def get_urls(self) -> list[URLPattern]:
        erase = path("erase/", self.admin_site.admin_view(erase_page), name="cases_erasure_erase")
        return [erase, *super().get_urls()]

    def change_view(
        self,
        request: HttpRequest,
        object_id: str,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> HttpResponse:
        """The certificate, to be printed; a code typed from a printed one is checked."""
        if not self.has_view_permission(request):
            raise PermissionDenied
        if not object_id.isdecimal():
            raise Http404
        row = get_object_or_404(Erasure, pk=object_id)
        typed = request.POST.get("code", "").strip()
        context = {
            **self.admin_site.each_context(request),
            "title": gettext("Certificate of erasure no. %(number)d") % {"number": row.pk},
            "opts": self.opts,
            "certificate": certificate_text.of(row),
            "typed": typed,
            "is_genuine": bool(typed) and certificates.is_code_of(row, typed),
        }
        request.current_app = self.admin_site.name  # type: ignore[attr-defined]
        return TemplateResponse(request, "admin/cases/erasure/certificate.html", context)

    def history_view(
        self, request: HttpRequest, object_id: str, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        return redirect("admin:cases_erasure_change", object_id)
