"""The references on the page of their implant."""

from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from implants.models import Implant, ReferenceImage
from implants.reference_state import with_state
from implants.staff.badges import crop_link, state_badge, twin_link
from implants.staff.pictures import thumbnail
from implants.staff.reference_form import ReferenceForm, ReferenceFormSet


class ReferenceInline(admin.StackedInline):
    model = ReferenceImage
    form = ReferenceForm
    formset = ReferenceFormSet
    fk_name = "implant"
    readonly_fields = ("preview", "cropping", "situation", "verifier")
    verbose_name = _("film")
    verbose_name_plural = _("reference radiographs")

    def get_extra(self, request: HttpRequest, obj: Implant | None = None, **kwargs: Any) -> int:
        """A saved implant has the drop zone for new films."""
        return 0 if obj else 1

    def get_fields(self, request: HttpRequest, obj: Implant | None = None) -> tuple[Any, ...]:
        facts = (("modality", "provenance"),)
        if self.has_add_permission(request, obj) or self.has_change_permission(request, obj):
            written = (("is_verified", "verifier"), "note", "is_active")
            return (("preview", "cropping"), "situation", "file", *facts, *written)
        return ("preview", "situation", *facts, "verifier", "note", "is_active")

    def get_queryset(self, request: HttpRequest) -> QuerySet[ReferenceImage]:
        references = super().get_queryset(request)
        return with_state(references).select_related("implant", "verified_by", "twin__implant")

    @admin.display(description=_("picture"))
    def preview(self, reference: ReferenceImage) -> str:
        if not reference.pk:
            return "–"
        parts = [thumbnail(reference.pk, reference.implant)]
        if reference.is_phantom:
            parts.append(_note(gettext("phantom")))
        return format_html_join("", "{}", ([part] for part in parts))

    @admin.display(description=_("crop"))
    def cropping(self, reference: ReferenceImage) -> str:
        return crop_link(reference) if reference.pk else "–"

    @admin.display(description=_("state in the search"))
    def situation(self, reference: ReferenceImage) -> str:
        if not reference.pk:
            return "–"
        return format_html("{}{}", state_badge(reference), twin_link(reference))

    @admin.display(description=_("verified by"))
    def verifier(self, reference: ReferenceImage) -> str:
        return str(reference.verified_by or "–")


def _note(text: str) -> SafeString:
    return format_html(
        '<p class="reference-note"><span class="badge badge-phantom">{}</span></p>', text
    )
