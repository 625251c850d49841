"""The page on which staff mark the fixture on a reference film."""

import json
from typing import Any, cast

from django import forms
from django.contrib import admin, messages
from django.contrib.admin.models import CHANGE, LogEntry
from django.contrib.auth.decorators import permission_required
from django.contrib.auth.models import User
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_http_methods

from implants.models import ReferenceImage
from implants.reference_state import with_state
from implants.staff.badges import state_badge, twin_link
from implants.storage import STORAGE_ERRORS
from matching import finder, radiograph
from matching.boxes import Box, BoxError
from matching.radiograph import Radiograph, RadiographError


class BoxForm(forms.Form):
    """The five numbers of a box in film pixels: the tool fills them in, or a person types."""

    x = forms.FloatField(label=gettext_lazy("centre, from the left"), localize=True)
    y = forms.FloatField(label=gettext_lazy("centre, from the top"), localize=True)
    width = forms.FloatField(label=gettext_lazy("width"), localize=True)
    height = forms.FloatField(label=gettext_lazy("length, platform to apex"), localize=True)
    angle = forms.FloatField(label=gettext_lazy("rotation (degrees)"), localize=True)

    def __init__(self, *args: Any, film: Radiograph | None, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._film = film

    def clean(self) -> dict[str, Any]:
        data = super().clean() or {}
        if self.errors:
            return data
        if self._film is None:
            raise forms.ValidationError(_("The film cannot be read."))
        try:
            self.box = Box.of(data)
            self.box.check(self._film.width, self._film.height)
        except BoxError as error:
            raise forms.ValidationError(str(error)) from error
        return data


@require_http_methods(["GET", "HEAD", "POST"])
@permission_required("implants.change_referenceimage", raise_exception=True)
def crop_page(request: HttpRequest, reference_id: int) -> HttpResponse:
    references = with_state(ReferenceImage.objects.all())
    reference = get_object_or_404(
        references.select_related("implant", "twin__implant"), pk=reference_id
    )
    film = _film(reference)
    form = BoxForm(request.POST or None, film=film, initial=reference.crop)
    if request.method == "POST" and "remove" in request.POST:
        return _stored(request, reference, None)
    if request.method == "POST" and form.is_valid():
        return _stored(request, reference, form.box)
    status = 422 if form.errors else 200
    context = {**_shown(reference, film), "form": form, **admin.site.each_context(request)}
    page = "admin/implants/referenceimage/crop.html"
    return TemplateResponse(request, page, context, status=status)


def set_crop(*, reference: ReferenceImage, box: Box | None, by: User) -> None:
    """Keep the box of the fixture (None: what the finder proposes is compared); who verified
    the film stays. The film is indexed again because it was saved (see `matching.signals`)."""
    reference.crop = box.as_json() if box else None
    reference.save(update_fields=["crop"])
    message = _("Crop drawn.") if box else _("Crop removed.")
    LogEntry.objects.log_actions(by.pk, [reference], CHANGE, change_message=message)


def _stored(request: HttpRequest, reference: ReferenceImage, box: Box | None) -> HttpResponse:
    set_crop(reference=reference, box=box, by=cast(User, request.user))
    messages.success(request, _("Stored. The film is being prepared for the search again."))
    return redirect("admin:implants_referenceimage_crop", reference.pk)


def _film(reference: ReferenceImage) -> Radiograph | None:
    try:
        with reference.file.open("rb") as file:
            return radiograph.load(file.read())
    except (RadiographError, *STORAGE_ERRORS):
        return None


def _shown(reference: ReferenceImage, film: Radiograph | None) -> dict[str, Any]:
    following = ReferenceImage.objects.filter(crop=None, error="", pk__gt=reference.pk)
    return {
        "title": _("Crop of %(reference)s") % {"reference": reference},
        "opts": ReferenceImage._meta,
        "reference": reference,
        "state": state_badge(reference),
        "twin": twin_link(reference),
        "film": film,
        "src": reverse("admin:implants_referenceimage_file", args=[reference.pk]),
        "boxes": [json.dumps(reference.crop)] if reference.crop else [],
        "suggested": _suggested(film) if film and not reference.crop else [],
        "following": following.order_by("pk").first(),
    }


def _suggested(film: Radiograph) -> list[str]:
    """The first one is what the search compares (see `matching.compared`)."""
    return [json.dumps(box.as_json()) for box in finder.propose(film.image)]
