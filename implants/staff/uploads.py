"""Reference films sent many at a time, each in a request of its own."""

import logging
from collections.abc import Iterable
from contextlib import suppress
from typing import Any, cast

from django import forms
from django.contrib import messages
from django.contrib.admin.models import ADDITION, LogEntry
from django.contrib.auth.decorators import permission_required
from django.contrib.auth.models import User
from django.core.exceptions import ValidationError
from django.core.files.uploadedfile import UploadedFile
from django.db import IntegrityError, transaction
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import get_object_or_404, redirect
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.http import require_POST, require_safe

from implants.models import Implant, ReferenceImage
from implants.naming import Assignment, Shelves
from implants.reference_state import with_state
from implants.staff.badges import state_in_words
from implants.staff.reference_form import ReferenceForm, refuse_twin
from implants.storage import STORAGE_ERRORS

log = logging.getLogger(__name__)

MAX_NAMES = 500
MAX_ASKED = 200
STATUS = {"too_large": 413, "format": 415, "unusable": 422, "twin": 409, "busy": 503}

can_add = permission_required("implants.add_referenceimage", raise_exception=True)
can_see = permission_required("implants.view_referenceimage", raise_exception=True)


class Refused(ValueError):
    """The film is not taken. `str()` is a sentence for people, `status` that of the answer."""

    def __init__(self, message: str, status: int) -> None:
        super().__init__(message)
        self.status = status


class UploadForm(ReferenceForm):
    """What is said of all the films that are sent together."""

    class Meta(ReferenceForm.Meta):
        fields = ["file", "modality", "provenance"]


class SharedFacts(UploadForm):
    """The same without the file: what stands beside the drop zone."""

    class Meta(UploadForm.Meta):
        fields = ["modality", "provenance"]


def store(*, implant: Implant, file: UploadedFile, facts: Any, by: User) -> ReferenceImage:
    """Add one film to the references of `implant`; `facts` are the fields of UploadForm.

    Raises Refused: too large, no picture, damaged, a reference already, or not stored.
    """
    form = UploadForm(facts, {"file": file}, instance=ReferenceImage(implant=implant))
    if not form.is_valid():
        raise _refusal(form)
    if form.cleaned_data["is_verified"]:
        form.instance.verified_by = by
    reference = _save(form)
    LogEntry.objects.log_actions(by.pk, [reference], ADDITION, change_message=[{"added": {}}])
    return reference


def _save(form: forms.ModelForm) -> ReferenceImage:
    reference = cast(ReferenceImage, form.instance)
    # The storage is written before the row, so that no transaction waits for it.
    _put(reference)
    try:
        with transaction.atomic():
            reference.save()
    except IntegrityError:
        # Somebody sent the same film at the same moment; a file that stays behind does no harm.
        with suppress(*STORAGE_ERRORS):
            reference.file.storage.delete(str(reference.file.name))
        try:
            refuse_twin(reference.sha256)
        except ValidationError as error:
            raise Refused(error.messages[0], STATUS["twin"]) from None
        raise
    return reference


def _put(reference: ReferenceImage) -> None:
    try:
        reference.file.save("", reference.file.file, save=False)
    except STORAGE_ERRORS as error:
        log.exception("a reference film could not be stored")
        message = _("The film could not be stored: the storage does not answer. Try again later.")
        raise Refused(message, 503) from error


def _refusal(form: forms.ModelForm) -> Refused:
    error = next(iter(next(iter(form.errors.as_data().values()))))
    return Refused(error.messages[0], STATUS.get(str(error.code), 400))


@require_POST
@can_add
def upload(request: HttpRequest, implant_id: int) -> HttpResponse:
    """Films for one implant. A script sends one at a time and asks for JSON; the form without
    scripts sends all and gets the page of the implant back."""
    implant = get_object_or_404(Implant, pk=implant_id)
    files = request.FILES.getlist("file")
    if request.accepts("text/html"):
        _store_all(request, implant, files)
        return redirect("admin:implants_implant_change", implant_id)
    if not files:
        return JsonResponse({"detail": _("Choose at least one film.")}, status=400)
    try:
        reference = store(
            implant=implant, file=files[0], facts=request.POST, by=cast(User, request.user)
        )
    except Refused as refused:
        return JsonResponse({"detail": str(refused)}, status=refused.status)
    return JsonResponse(_stored(reference), status=201)


def _store_all(request: HttpRequest, implant: Implant, files: Iterable[UploadedFile]) -> None:
    refusals, added = [], 0
    for file in files:
        try:
            store(implant=implant, file=file, facts=request.POST, by=cast(User, request.user))
        except Refused as refused:
            refusals.append(f"{file.name}: {refused}")
        else:
            added += 1
    if not added and not refusals:
        messages.warning(request, _("Choose at least one film."))
    if added:
        text = ngettext("%(number)d film was added.", "%(number)d films were added.", added)
        messages.success(request, text % {"number": added})
    for refusal in refusals:
        messages.error(request, refusal)


def _stored(reference: ReferenceImage) -> dict[str, Any]:
    return {
        "id": reference.pk,
        "url": reverse("admin:implants_referenceimage_change", args=[reference.pk]),
        **state_in_words(with_state(ReferenceImage.objects.filter(pk=reference.pk)).get()),
    }


@require_safe
@can_see
def states(request: HttpRequest) -> JsonResponse:
    """`?id=1&id=2…` → the state of each reference that is still there, by id."""
    asked = request.GET.getlist("id")[:MAX_ASKED]
    ids = [int(text) for text in asked if text.isdecimal() and len(text) < 19]
    references = with_state(ReferenceImage.objects.filter(pk__in=ids))
    return JsonResponse({"states": {one.pk: state_in_words(one) for one in references}})


@require_POST
@can_add
def assign(request: HttpRequest) -> JsonResponse:
    """`path` (repeated) → where each file belongs by its name. Nothing is stored."""
    paths = request.POST.getlist("path")
    if len(paths) > MAX_NAMES:
        detail = _("Choose at most %(number)d films at a time.") % {"number": MAX_NAMES}
        return JsonResponse({"detail": detail}, status=413)
    shelves = Shelves()
    assignments = [shelves.assign(path) for path in paths]
    implants = {
        implant.pk: str(implant)
        for assignment in assignments
        for implant in [*assignment.choices, *filter(None, [assignment.implant])]
    }
    return JsonResponse({"files": [_named(one) for one in assignments], "implants": implants})


def _named(assignment: Assignment) -> dict[str, Any]:
    chosen = assignment.implant
    return {
        "path": assignment.path,
        "implant": chosen.pk if chosen else None,
        "choices": [implant.pk for implant in assignment.choices],
        "reason": assignment.reason,
    }
