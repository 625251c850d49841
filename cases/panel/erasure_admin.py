"""Erasing a person's data in the panel, and the certificates of it.

Who it is about is sent by POST only: an address would stay in logs and in the browser's history.
"""

from typing import Any, cast

from django import forms
from django.contrib import admin, messages
from django.contrib.auth.decorators import permission_required
from django.contrib.auth.models import User
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from django.views.decorators.http import require_http_methods

from cases import access, certificate_text, certificates, erasure
from cases.erasers import Wanted
from cases.models import Case, CaseAccess, Erasure

SHOWN = 200
can_erase = permission_required("cases.decide_case", raise_exception=True)


class PersonForm(forms.Form):
    email = forms.CharField(label=_("Dentist's e-mail"), max_length=254, required=False)
    patient = forms.CharField(label=_("Patient's name"), max_length=200, required=False)
    case = forms.IntegerField(
        label=_("Number of a case"), min_value=1, max_value=2**63 - 1, required=False
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for field in self.fields.values():
            field.widget.attrs["autocomplete"] = "off"

    def clean(self) -> dict[str, Any]:
        said = super().clean() or {}
        is_person = bool(said.get("email") or said.get("patient"))
        if not self.errors and bool(said.get("case")) == is_person:
            raise forms.ValidationError(
                _("Fill in an e-mail, a patient, or both; or else the number of a case.")
            )
        return said

    def found(self) -> QuerySet[Case]:
        """The cases that would go."""
        said = self.cleaned_data
        if said.get("case"):
            return Case.objects.filter(pk=said["case"])
        return erasure.found(Wanted(email=said["email"], patient=said["patient"]))

    def erase(self, by: User) -> Erasure:
        said = self.cleaned_data
        if said.get("case"):
            return erasure.erase_case(case_id=said["case"], by=by)
        if said["patient"]:
            return erasure.erase_patient(name=said["patient"], email=said["email"], by=by)
        return erasure.erase_dentist(email=said["email"], by=by)


@require_http_methods(["GET", "HEAD", "POST"])
@can_erase
def erase_page(request: HttpRequest) -> HttpResponse:
    """Search, look at what would go, confirm."""
    if request.method != "POST":
        number = request.GET.get("case", "")
        initial = {"case": number if number.isdecimal() else ""}
        return _show(request, PersonForm(initial=initial))
    form = PersonForm(request.POST)
    if not form.is_valid():
        return _show(request, form)
    found = form.found().order_by("pk")
    numbers = ",".join(map(str, found.values_list("pk", flat=True)))
    if "confirm" not in request.POST:
        return _show(request, form, found=found, numbers=numbers)
    if request.POST.get("numbers") != numbers:
        messages.warning(
            request, gettext("Meanwhile these are other cases. Please look at them again.")
        )
        return _show(request, form, found=found, numbers=numbers)
    return _erased(request, form)


def _erased(request: HttpRequest, form: PersonForm) -> HttpResponse:
    try:
        row = form.erase(cast(User, request.user))
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


def _show(
    request: HttpRequest,
    form: PersonForm,
    *,
    found: QuerySet[Case] | None = None,
    numbers: str = "",
) -> HttpResponse:
    shown = [] if found is None else list(found[:SHOWN])
    access.seen(
        user=cast(User, request.user), case_ids=[case.pk for case in shown], how=CaseAccess.How.LIST
    )
    context = {
        **admin.site.each_context(request),
        "title": gettext("Erase a person's data"),
        "opts": Erasure._meta,
        "form": form,
        "found": None if found is None else shown,
        "found_number": 0 if found is None else found.count(),
        "numbers": numbers,
    }
    request.current_app = admin.site.name  # type: ignore[attr-defined]
    return TemplateResponse(request, "admin/cases/erasure/erase.html", context)


@admin.register(Erasure)
class ErasureAdmin(admin.ModelAdmin):
    """The certificates. They name nobody."""

    list_display = ("number", "asked_at", "basis", "cases", "actor_label", "completed_at")
    list_display_links = None
    list_filter = ("basis",)
    list_per_page = 50
    actions = None
    show_facets = admin.ShowFacets.NEVER
    change_list_template = "admin/cases/erasure/change_list.html"

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: object = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: object = None) -> bool:
        return False

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
