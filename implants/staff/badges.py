"""State and doubts of a reference, as they stand in lists and on pages."""

from typing import Any

from django.urls import reverse
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _

from implants.models import ReferenceImage
from implants.reference_state import State, doubts_in_words


def state_in_words(reference: ReferenceImage) -> dict[str, Any]:
    """What the page shows of the state, and asks for again until it is final. `reference`
    comes from `with_state`."""
    state = State(reference.state)  # type: ignore[attr-defined]
    return {
        "state": state.value,
        "label": str(state.label),
        "detail": reference.error if state is State.UNUSABLE else "",
        "doubts": doubts_in_words(reference.warnings),
        # Looked at after it is searchable already.
        "is_final": state is not State.WAITING
        and (state is not State.SEARCHABLE or reference.warnings is not None),
    }


def state_badge(reference: ReferenceImage) -> SafeString:
    """Kept up to date by `reference-state.js` while the reference is being prepared."""
    words = state_in_words(reference)
    return format_html(
        '<div class="reference-state" data-reference-state="{}" data-state="{}">'
        '<span class="badge state-{}" data-label>{}</span>'
        '<span class="warn-text" data-detail>{}</span>'
        '<ul class="doubts" data-doubts>{}</ul></div>',
        reference.pk,
        words["state"],
        words["state"],
        words["label"],
        words["detail"],
        format_html_join("", "<li>{}</li>", ([word] for word in words["doubts"])),
    )


def twin_link(reference: ReferenceImage) -> SafeString | str:
    """Leads to the film of the other manufacturer that this one is like."""
    if reference.twin is None:
        return ""
    return format_html(
        '<a class="twin-link" href="{}">{}</a>',
        reverse("admin:implants_referenceimage_change", args=[reference.twin.pk]),
        _("Compare with %(implant)s") % {"implant": reference.twin.implant},
    )


def crop_link(reference: ReferenceImage) -> SafeString:
    return format_html(
        '<a class="crop-link" href="{}">{}</a>',
        reverse("admin:implants_referenceimage_crop", args=[reference.pk]),
        _("Change the crop") if reference.crop else _("Draw the crop"),
    )
