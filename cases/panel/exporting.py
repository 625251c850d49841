"""The page on which an approver takes a copy of what is held about a person. Whom it is about
stands in the body of the request, never in an address or a file name."""

from typing import Any, cast

from django import forms
from django.contrib import admin
from django.contrib.auth.decorators import permission_required
from django.contrib.auth.models import User
from django.http import HttpRequest, HttpResponseBase
from django.template.response import TemplateResponse
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from django.views.decorators.http import require_http_methods

from cases.archive import archive_response
from cases.export import Asked
from cases.models import Case
from cases.review import ReviewError


class ExportForm(forms.Form):
    email = forms.CharField(
        label=_("Dentist's e-mail"),
        max_length=254,
        required=False,
        widget=forms.EmailInput(attrs={"autocomplete": "off"}),
    )
    patient = forms.CharField(
        label=_("Patient's name"),
        max_length=200,
        required=False,
        widget=forms.TextInput(attrs={"autocomplete": "off"}),
        help_text=_("Together with an e-mail: only what this dentist sent about the patient."),
    )
    case_id = forms.IntegerField(
        label=_("Case number"), min_value=1, max_value=2**63 - 1, required=False
    )

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or {}
        is_person = bool(cleaned.get("email") or cleaned.get("patient"))
        if not self.errors and is_person == bool(cleaned.get("case_id")):
            raise forms.ValidationError(
                _("Name a case, or a dentist's e-mail address, or a patient.")
            )
        return cleaned

    def asked(self) -> Asked:
        said = self.cleaned_data
        return Asked(email=said["email"], patient=said["patient"], case_id=said["case_id"])


@require_http_methods(["GET", "HEAD", "POST"])
@permission_required("cases.export_case", raise_exception=True)
def export_page(request: HttpRequest) -> HttpResponseBase:
    """The form; once it is sent, the archive, or the form again with what is wrong."""
    is_sent = request.method == "POST"
    number = request.GET.get("case", "")
    initial = {"case_id": number if number.isdecimal() else ""}
    form = ExportForm(request.POST if is_sent else None, initial=initial)
    if is_sent and form.is_valid():
        try:
            return archive_response(form.asked(), by=cast(User, request.user))
        except ReviewError as error:
            form.add_error(None, str(error))
    context = {
        **admin.site.each_context(request),
        "title": gettext("Export what is held about a person"),
        "opts": Case._meta,
        "form": form,
    }
    request.current_app = admin.site.name  # type: ignore[attr-defined]
    return TemplateResponse(request, "admin/cases/case/export.html", context)
