"""The list and the page of the implants."""

from typing import Any, cast

from django.contrib import admin, messages
from django.db.models import QuerySet
from django.forms.models import BaseInlineFormSet
from django.http import HttpRequest, HttpResponse
from django.urls import URLPattern, path
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from django.utils.translation import gettext, ngettext
from django.utils.translation import gettext_lazy as _

from implants.models import Implant, ImplantQuerySet
from implants.reference_state import State
from implants.staff import uploads
from implants.staff.activity import ActivityActions
from implants.staff.deleting import KeptWhileUsed
from implants.staff.drop_page import drop_context
from implants.staff.exchange import views as exchange
from implants.staff.inline import ReferenceInline
from implants.staff.listing import ChosenByReferences, ImplantList
from implants.staff.pictures import thumbnail
from implants.staff.reference_form import SHOWN_INLINE


class ImplantAdmin(KeptWhileUsed, ActivityActions, admin.ModelAdmin):
    list_display = (
        "picture",
        "line",
        "manufacturer",
        "type",
        "size",
        "connection",
        "level",
        "references_held",
        "activity",
    )
    list_display_links = ("line",)
    list_filter = (
        ChosenByReferences,
        "manufacturer",
        "level",
        "connection",
        "body_shape",
        "is_active",
    )
    search_fields = ("manufacturer", "name", "type")
    search_help_text = _("Manufacturer, line, type or size")
    list_per_page = 50
    show_full_result_count = False
    inlines = (ReferenceInline,)
    fieldsets = (
        (None, {"fields": (("manufacturer", "name"), ("type", "is_active"))}),
        (_("Size"), {"fields": (("diameter_mm", "length_mm", "platform_diameter_mm"),)}),
        (
            _("What can be seen on a film"),
            {
                "fields": (
                    ("connection", "level", "body_shape"),
                    ("platform_switching", "collar", "collar_height_mm"),
                    ("apex", "thread"),
                    ("thread_pitch_mm", "thread_leads"),
                )
            },
        ),
        (_("Source"), {"fields": ("source",)}),
    )

    class Media:
        js = ["cases/upload-size.js"]

    def get_urls(self) -> list[URLPattern]:
        wrap = self.admin_site.admin_view
        own = [
            path(
                "<int:implant_id>/references/",
                wrap(uploads.upload),
                name="implants_implant_upload",
            ),
            path("import/", wrap(exchange.upload), name="implants_implant_import"),
            path("import/confirm/", wrap(exchange.confirm), name="implants_implant_import_confirm"),
            path("export/", wrap(exchange.export), name="implants_implant_export"),
        ]
        return [*own, *super().get_urls()]

    def get_changelist(self, request: HttpRequest, **kwargs: Any) -> type[ImplantList]:
        return ImplantList

    def change_view(
        self,
        request: HttpRequest,
        object_id: str,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> HttpResponse:
        context = {
            **drop_context(),
            "films_shown": SHOWN_INLINE,
            **(extra_context or {}),
        }
        return super().change_view(request, object_id, form_url, context)

    def save_formset(
        self, request: HttpRequest, form: Any, formset: BaseInlineFormSet, change: bool
    ) -> None:
        for reference_form in formset.forms:
            if "is_verified" in reference_form.changed_data:
                is_verified = reference_form.cleaned_data["is_verified"]
                reference_form.instance.verified_by = request.user if is_verified else None
        super().save_formset(request, form, formset, change)
        if formset.new_objects:
            messages.info(
                request,
                gettext(
                    "The new films are being checked. If one cannot be used, the list says so"
                    " and the page of the implant shows the reason."
                ),
            )

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Implant], search_term: str
    ) -> tuple[QuerySet[Implant], bool]:
        return cast(ImplantQuerySet, queryset).search(search_term), False

    @admin.display(description=_("line"), ordering="name")
    def line(self, implant: Implant) -> str:
        return implant.name

    @admin.display(description=_("size"), ordering="diameter_mm")
    def size(self, implant: Implant) -> str:
        return implant.size or "–"

    @admin.display(description=_("picture"))
    def picture(self, implant: Any) -> str:
        return thumbnail(implant.picture_id, implant) if implant.picture_id else "–"

    @admin.display(description=_("references"))
    def references_held(self, implant: Any) -> str:
        if not implant.states:
            return format_html('<span class="warn-text">{}</span>', gettext("none"))
        held = [
            (state.value, implant.states[state], state.label)
            for state in State
            if state in implant.states
        ]
        lines = format_html_join("", '<li class="count-{}">{} {}</li>', held)
        return format_html('<ul class="reference-counts">{}{}</ul>', lines, _doubtful(implant))

    @admin.display(description=_("active"), ordering="is_active")
    def activity(self, implant: Implant) -> SafeString:
        word = gettext("active") if implant.is_active else gettext("inactive")
        state = State.SEARCHABLE if implant.is_active else State.INACTIVE
        return format_html('<span class="badge state-{}">{}</span>', state.value, word)


def _doubtful(implant: Any) -> SafeString | str:
    if not implant.doubtful:
        return ""
    text = ngettext("%(number)d with warnings", "%(number)d with warnings", implant.doubtful)
    return format_html('<li class="count-doubtful">{}</li>', text % {"number": implant.doubtful})
