"""The list and the page of the references."""

from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.urls import URLPattern, path, reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from implants.models import ReferenceImage
from implants.reference_state import with_state
from implants.staff import uploads
from implants.staff.activity import ActivityActions
from implants.staff.badges import crop_link, state_badge, twin_link
from implants.staff.deleting import KeptWhileUsed
from implants.staff.drop_page import drop_page
from implants.staff.listing import DoubtFilter, StateFilter
from implants.staff.pictures import reference_file, thumbnail
from implants.staff.reference_form import ReferenceForm


class ReferenceAdmin(KeptWhileUsed, ActivityActions, admin.ModelAdmin):
    """Registered by the layer that searches, which adds the crop (`matching.admin`)."""

    form = ReferenceForm
    list_display = (
        "picture",
        "of_implant",
        "situation",
        "modality",
        "provenance",
        "verified_by",
        "created_at",
    )
    list_display_links = None
    list_filter = (
        StateFilter,
        DoubtFilter,
        "modality",
        "provenance",
        "implant__manufacturer",
    )
    linked_lookups = ("implant__id__exact",)
    list_select_related = ("implant", "verified_by", "twin__implant")
    list_per_page = 50
    show_full_result_count = False
    search_fields = ("implant__manufacturer", "implant__name", "note")
    search_help_text = _("Manufacturer, line or note")
    ordering = ("-pk",)
    readonly_fields = ("picture", "implant", "situation", "measures", "verified_by", "created_at")
    fields = (
        ("picture", "situation"),
        ("implant", "measures"),
        ("modality", "provenance"),
        ("is_verified", "verified_by"),
        "note",
        "is_active",
    )

    def get_urls(self) -> list[URLPattern]:
        wrap = self.admin_site.admin_view
        prefix = "implants_referenceimage"
        own = [
            path("drop/", wrap(drop_page), name=f"{prefix}_drop"),
            path("drop/assign/", wrap(uploads.assign), name=f"{prefix}_assign"),
            path("states/", wrap(uploads.states), name=f"{prefix}_states"),
            path(
                "<int:reference_id>/file/",
                # The picture's own Cache-Control stands: it is private and short.
                wrap(reference_file, cacheable=True),
                name=f"{prefix}_file",
            ),
        ]
        return [*own, *super().get_urls()]

    def has_add_permission(self, request: HttpRequest) -> bool:
        """Films are added on the page of their implant, or by the page for many."""
        return False

    def get_list_display(self, request: HttpRequest) -> tuple[str, ...]:
        shown = self.list_display
        return (*shown, "cropping") if self.has_change_permission(request) else shown

    def get_queryset(self, request: HttpRequest) -> QuerySet[ReferenceImage]:
        return with_state(super().get_queryset(request))

    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: bool) -> None:
        if "is_verified" in form.changed_data:
            obj.verified_by = request.user if form.cleaned_data["is_verified"] else None
        super().save_model(request, obj, form, change)

    @admin.display(description=_("picture"))
    def picture(self, reference: ReferenceImage) -> SafeString:
        return thumbnail(reference.pk, reference.implant)

    @admin.display(description=_("implant"), ordering="implant")
    def of_implant(self, reference: ReferenceImage) -> SafeString:
        return format_html(
            '<a href="{}">{}</a>',
            reverse("admin:implants_referenceimage_change", args=[reference.pk]),
            reference.implant,
        )

    @admin.display(description=_("crop"))
    def cropping(self, reference: ReferenceImage) -> SafeString:
        return crop_link(reference)

    @admin.display(description=_("state in the search"))
    def situation(self, reference: ReferenceImage) -> SafeString:
        return format_html("{}{}", state_badge(reference), twin_link(reference))

    @admin.display(description=_("size"))
    def measures(self, reference: ReferenceImage) -> str:
        if reference.width is None:
            return "–"
        return gettext("%(width)d × %(height)d pixels") % {
            "width": reference.width,
            "height": reference.height,
        }
