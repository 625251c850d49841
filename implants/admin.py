"""The catalogue staff's desk."""

from typing import Any, cast

from django import forms
from django.conf import settings
from django.contrib import admin, messages
from django.contrib.auth.decorators import permission_required
from django.core.exceptions import ValidationError
from django.core.files.uploadedfile import UploadedFile
from django.db.models import QuerySet
from django.forms.models import BaseInlineFormSet
from django.http import HttpRequest, HttpResponseBase
from django.shortcuts import get_object_or_404
from django.urls import URLPattern, path, reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from django.views.decorators.http import require_safe

from implants.models import Implant, ImplantQuerySet, ReferenceImage, file_digest
from implants.storage import private_image_response

FORMATS = ("JPEG", "PNG", "WEBP")


@require_safe
@permission_required("implants.view_referenceimage", raise_exception=True)
def reference_file(request: HttpRequest, reference_id: int) -> HttpResponseBase:
    """The picture of a reference; `?thumb=1` gives the small one where there is one."""
    reference = get_object_or_404(ReferenceImage, pk=reference_id)
    wants_small = "thumb" in request.GET and reference.thumbnail
    return private_image_response(reference.thumbnail if wants_small else reference.file)


def thumbnail(reference: ReferenceImage) -> SafeString:
    url = reverse("admin:implants_referenceimage_file", args=[reference.pk])
    return format_html(
        '<a class="thumb-link" href="{}"><img src="{}?thumb=1" alt="{}" loading="lazy"></a>',
        url,
        url,
        gettext("Reference radiograph of %(implant)s") % {"implant": reference.implant},
    )


class StoredFile(forms.Widget):
    """Stands where the file of a saved reference would be replaced: it cannot be. The case
    history must go on pointing at the picture that was really compared."""

    # The admin asks the first form only; the empty one after it does send a file.
    needs_multipart_form = True

    def render(self, *args: Any, **kwargs: Any) -> SafeString:
        return format_html(
            '<span class="quiet-text">{}</span>',
            gettext("Stored. To use another file, delete this one and add a new one."),
        )

    def value_from_datadict(self, *args: Any) -> None:
        return None


class ReferenceForm(forms.ModelForm):
    is_verified = forms.BooleanField(
        label=_("verified"),
        required=False,
        help_text=_("I know for certain that this film shows this implant."),
    )

    class Meta:
        model = ReferenceImage
        fields = ["file", "modality", "provenance", "note"]
        widgets = {"file": forms.FileInput(attrs={"accept": "image/jpeg,image/png,image/webp"})}
        error_messages = {"file": {"empty": _("This file is empty.")}}

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["is_verified"].initial = self.instance.verified_by_id is not None
        if "file" not in self.fields:
            return
        if self.instance.pk:
            self.fields["file"].widget = StoredFile()
        else:
            self.fields["file"].widget.attrs |= {
                "data-max-bytes": settings.RAIOX_MAX_IMAGE_BYTES,
                "data-too-large": gettext("The image is larger than 5 MB."),
            }

    def clean_file(self) -> Any:
        file = self.cleaned_data["file"]
        if not isinstance(file, UploadedFile):
            return file
        if file.size is None or file.size > settings.RAIOX_MAX_IMAGE_BYTES:
            raise ValidationError(gettext("The image is larger than 5 MB."))
        # The field has opened the picture by now and left it there.
        if cast(Any, file).image.format not in FORMATS:
            raise ValidationError(gettext("Only JPEG, PNG and WebP pictures can be used."))
        self.digest = file_digest(file)
        twin = ReferenceImage.objects.filter(sha256=self.digest).select_related("implant").first()
        if twin:
            raise ValidationError(
                gettext("This file is already a reference of %(implant)s.")
                % {"implant": twin.implant}
            )
        return file


class ReferenceFormSet(BaseInlineFormSet):
    def add_fields(self, form: Any, index: int | None) -> None:
        """The head of the table names its columns; what reads aloud needs it at the field."""
        super().add_fields(form, index)
        for field in form.fields.values():
            if field.label and not field.widget.is_hidden:
                field.widget.attrs["aria-label"] = str(field.label)

    def clean(self) -> None:
        super().clean()
        seen: set[str] = set()
        for form in self.forms:
            digest = getattr(form, "digest", "")
            if digest in seen:
                form.add_error("file", gettext("The same file was chosen twice."))
            seen |= {digest} - {""}


class ReferenceInline(admin.TabularInline):
    model = ReferenceImage
    form = ReferenceForm
    formset = ReferenceFormSet
    extra = 1
    readonly_fields = ("preview", "verifier")
    verbose_name_plural = _("reference radiographs")

    def get_fields(self, request: HttpRequest, obj: Implant | None = None) -> tuple[str, ...]:
        if self.has_add_permission(request, obj) or self.has_change_permission(request, obj):
            return ("preview", "file", "modality", "provenance", "is_verified", "verifier", "note")
        return ("preview", "modality", "provenance", "verifier", "note")

    def get_queryset(self, request: HttpRequest) -> QuerySet[ReferenceImage]:
        return super().get_queryset(request).select_related("implant", "verified_by")

    @admin.display(description=_("picture"))
    def preview(self, reference: ReferenceImage) -> str:
        if not reference.pk:
            return "–"
        parts = [thumbnail(reference)]
        if reference.is_phantom:
            parts.append(_note("badge badge-phantom", gettext("phantom")))
        if reference.error:
            problem = gettext("Not searched: %(error)s") % {"error": reference.error}
            parts.append(_note("warn-text", problem))
        return SafeString("".join(parts))

    @admin.display(description=_("verified by"))
    def verifier(self, reference: ReferenceImage) -> str:
        return str(reference.verified_by or "–")


def _note(css_class: str, text: str) -> SafeString:
    return format_html('<p class="reference-note"><span class="{}">{}</span></p>', css_class, text)


@admin.register(Implant)
class ImplantAdmin(admin.ModelAdmin):
    list_display = (
        "line",
        "manufacturer",
        "type",
        "size",
        "connection",
        "level",
        "picture",
        "references_held",
        "is_active",
    )
    list_filter = ("manufacturer", "level", "connection", "body_shape", "is_active")
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
                    ("collar", "collar_height_mm", "apex"),
                    ("thread", "thread_pitch_mm", "thread_leads"),
                )
            },
        ),
        (_("Source"), {"fields": ("source",)}),
    )

    class Media:
        js = ["cases/upload-size.js"]

    def get_urls(self) -> list[URLPattern]:
        own = path(
            "references/<int:reference_id>/file/",
            # The picture's own Cache-Control stands: it is private and short.
            self.admin_site.admin_view(reference_file, cacheable=True),
            name="implants_referenceimage_file",
        )
        return [own, *super().get_urls()]

    def get_queryset(self, request: HttpRequest) -> QuerySet[Implant]:
        return super().get_queryset(request).prefetch_related("references")

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
    def picture(self, implant: Implant) -> str:
        return thumbnail(implant.picture) if implant.picture else "–"

    @admin.display(description=_("references"))
    def references_held(self, implant: Implant) -> str:
        references = implant.references.all()
        unusable = sum(1 for reference in references if reference.error)
        if unusable:
            return gettext("%(number)d, of which %(unusable)d not searched") % {
                "number": len(references),
                "unusable": unusable,
            }
        return str(len(references))
