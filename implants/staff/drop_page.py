"""The page that takes many films for many implants."""

from django.conf import settings
from django.contrib import admin
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_safe

from implants.models import ReferenceImage
from implants.staff.reference_form import ACCEPT
from implants.staff.uploads import MAX_NAMES, SharedFacts, can_add

# In the address of an upload, where the script writes the number of the implant.
ANY_IMPLANT = 0


def drop_context() -> dict[str, object]:
    """What `_drop_zone.html` needs."""
    return {
        "facts_form": SharedFacts(),
        "accept": ACCEPT,
        "max_bytes": settings.RAIOX_MAX_IMAGE_BYTES,
        "max_files": MAX_NAMES,
    }


@require_safe
@can_add
def drop_page(request: HttpRequest) -> HttpResponse:
    context = {
        **admin.site.each_context(request),
        **drop_context(),
        "title": _("Add many reference films"),
        "opts": ReferenceImage._meta,
        "assign_url": reverse("admin:implants_referenceimage_assign"),
        "upload_url": reverse("admin:implants_implant_upload", args=[ANY_IMPLANT]),
    }
    return TemplateResponse(request, "admin/implants/referenceimage/drop.html", context)
