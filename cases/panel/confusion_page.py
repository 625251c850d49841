"""Which implants the comparison takes for which: a list for curators, to be read."""

from django.contrib import admin
from django.contrib.auth.decorators import permission_required
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.utils.translation import gettext
from django.views.decorators.http import require_safe

from cases import hard_negatives
from cases.models import ReferenceProposal

LISTED = 200
TEMPLATE = "admin/cases/referenceproposal/confused.html"


@require_safe
@permission_required("cases.view_referenceproposal", raise_exception=True)
def confusion_page(request: HttpRequest) -> HttpResponse:
    """Pairs of implants, counted: what reviewers approved, and what stood first instead."""
    pairs = list(hard_negatives.confused(limit=LISTED + 1))
    context = {
        **admin.site.each_context(request),
        "title": gettext("Implants that are taken for others"),
        "opts": ReferenceProposal._meta,
        "pairs": pairs[:LISTED],
        "is_cut": len(pairs) > LISTED,
    }
    return TemplateResponse(request, TEMPLATE, context)
