"""What is asked of a reference film before it is stored."""

from typing import Any

from django import forms
from django.conf import settings
from django.core.exceptions import ValidationError
from django.core.files.base import ContentFile
from django.core.files.uploadedfile import UploadedFile
from django.db.models import QuerySet
from django.forms.models import BaseInlineFormSet
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from implants.film_check import FilmRefused, check_film
from implants.models import ReferenceImage, file_digest
from implants.staff.use import uses

SHOWN_INLINE = 30
# Names too: most systems have no type for what phones and sensors write.
ACCEPT = "image/jpeg,image/png,image/webp,image/heic,image/heif,application/dicom,.heic,.heif,.dcm"


class StoredFile(forms.Widget):
    """Stands where the file of a saved reference would be replaced: it cannot be. The case
    history must go on pointing at the picture that was really compared."""

    # The admin asks the first form only; the empty one after it does send a file.
    needs_multipart_form = True

    def render(self, *args: Any, **kwargs: Any) -> SafeString:
        return format_html(
            '<span class="quiet-text">{}</span>',
            gettext("stored, cannot be replaced"),
        )

    def value_from_datadict(self, *args: Any) -> None:
        return None


class ReferenceForm(forms.ModelForm):
    """The codes of a refused file are `empty`, `twin` and those of FilmRefused."""

    is_verified = forms.BooleanField(
        label=_("verified"),
        required=False,
        help_text=_("I know for certain that this film shows this implant."),
    )

    class Meta:
        model = ReferenceImage
        fields = ["file", "modality", "provenance", "note", "is_active"]
        # Its bytes are judged, as those of every other film: neither its name nor its type.
        field_classes = {"file": forms.FileField}
        widgets = {"file": forms.FileInput(attrs={"accept": ACCEPT})}
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
            raise ValidationError(gettext("The image is larger than 5 MB."), code="too_large")
        # That of what was sent: the same film sent again is known by it.
        self.digest = self.instance.sha256 = file_digest(file)
        refuse_twin(self.digest)
        return _clean_copy(file)


def refuse_twin(digest: str) -> None:
    """Raise ValidationError when the bytes are a reference already."""
    twin = ReferenceImage.objects.filter(sha256=digest).select_related("implant").first()
    if twin:
        raise ValidationError(
            gettext("This file is already a reference of %(implant)s.") % {"implant": twin.implant},
            code="twin",
        )


def _clean_copy(file: UploadedFile) -> ContentFile:
    try:
        return ContentFile(check_film(file.read()), name="film.jpg")
    except FilmRefused as error:
        raise ValidationError(str(error), code=error.code) from error


class ReferenceFormSet(BaseInlineFormSet):
    """The first references of an implant. Each posts eight fields, and Django takes a thousand
    of a form: an implant with more films could not be saved any more."""

    def get_queryset(self) -> QuerySet[ReferenceImage]:
        if not hasattr(self, "_queryset"):
            self._queryset = super().get_queryset()[:SHOWN_INLINE]
        return self._queryset

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
        for form in self.deleted_forms:
            if uses(form.instance):
                raise ValidationError(
                    gettext("%(reference)s was compared with a case: deactivate it instead.")
                    % {"reference": form.instance}
                )
