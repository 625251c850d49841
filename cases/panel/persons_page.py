"""Pages on which something is done with all that is held about a person: search, look at the
cases it concerns, tick that they are the right ones.

Whom it is about is sent by POST only: an address would stay in logs and in the browser's history.
"""

from collections.abc import Callable
from typing import Any, cast

from django import forms
from django.contrib import admin, messages
from django.contrib.auth.models import User
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.template.response import TemplateResponse
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from cases import access
from cases.export import Asked
from cases.models import Case, CaseAccess

SHOWN = 200


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

    def asked(self) -> Asked:
        said = self.cleaned_data
        return Asked(email=said["email"], patient=said["patient"], case_id=said["case"])


Act = Callable[[HttpRequest, PersonForm], HttpResponseBase]


def person_page(
    request: HttpRequest, *, act: Act, template: str, context: dict[str, Any]
) -> HttpResponseBase:
    """The form; the cases that it finds, with a box to tick; then what `act` answers. Where they
    are other cases than those that were shown, they are shown again. The link of one case leads
    to the box at once."""
    is_sent = request.method == "POST"
    number = request.GET.get("case", "")
    linked = {"case": number} if number.isdecimal() else None
    form = PersonForm(request.POST if is_sent else linked)
    if not form.is_valid():
        return show(request, form, template=template, context=context)
    found = form.asked().cases().order_by("pk")
    numbers = ",".join(map(str, found.values_list("pk", flat=True)))
    if is_sent and "confirm" in request.POST:
        if request.POST.get("numbers") == numbers:
            return act(request, form)
        messages.warning(
            request, gettext("Meanwhile these are other cases. Please look at them again.")
        )
    return show(request, form, template=template, context=context, found=found, numbers=numbers)


def show(
    request: HttpRequest,
    form: PersonForm,
    *,
    template: str,
    context: dict[str, Any],
    found: QuerySet[Case] | None = None,
    numbers: str = "",
) -> HttpResponse:
    shown = [] if found is None else list(found[:SHOWN])
    access.seen(
        user=cast(User, request.user), case_ids=[case.pk for case in shown], how=CaseAccess.How.LIST
    )
    whole = {
        **admin.site.each_context(request),
        **context,
        "form": form,
        "found": None if found is None else shown,
        "found_number": 0 if found is None else found.count(),
        "numbers": numbers,
    }
    request.current_app = admin.site.name  # type: ignore[attr-defined]
    return TemplateResponse(request, template, whole)
