"""Reference films as the staff sees them."""

from django.contrib.auth.decorators import permission_required
from django.http import HttpRequest, HttpResponseBase
from django.shortcuts import get_object_or_404
from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.views.decorators.http import require_safe

from implants.models import Implant, ReferenceImage
from implants.storage import private_image_response


@require_safe
@permission_required("implants.view_referenceimage", raise_exception=True)
def reference_file(request: HttpRequest, reference_id: int) -> HttpResponseBase:
    """The picture of a reference; `?thumb=1` gives the small one where there is one."""
    reference = get_object_or_404(ReferenceImage, pk=reference_id)
    wants_small = "thumb" in request.GET and reference.thumbnail
    file = reference.thumbnail if wants_small else reference.file
    return private_image_response(file, may_be_kept=True)


def thumbnail(reference_id: int, implant: Implant) -> SafeString:
    url = reverse("admin:implants_referenceimage_file", args=[reference_id])
    return format_html(
        '<a class="thumb-link" href="{}"><img src="{}?thumb=1" alt="{}" loading="lazy"></a>',
        url,
        url,
        _("Reference radiograph of %(implant)s") % {"implant": implant},
    )
