"""The page on which a reviewer proposes decided fixtures as references, many at once."""

from typing import cast

from django.contrib import admin, messages
from django.contrib.auth.decorators import permission_required
from django.contrib.auth.models import User
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.template.response import TemplateResponse
from django.utils.translation import gettext, ngettext
from django.views.decorators.http import require_http_methods

from cases import access, possible_references
from cases.models import CaseAccess
from cases.panel.forms import is_id
from cases.possible_references import ENOUGH, LISTED

PROPOSE = ("cases.view_case", "cases.add_referenceproposal")
TEMPLATE = "admin/cases/referenceproposal/possible.html"
URL = "admin:cases_referenceproposal_possible"


@require_http_methods(["GET", "HEAD", "POST"])
@permission_required(PROPOSE, raise_exception=True)
def possible_page(request: HttpRequest) -> HttpResponse:
    """Fixtures that could become references, by need; those that are ticked are proposed."""
    if request.method == "POST":
        _propose(request)
        return redirect(URL)
    results = list(possible_references.possible()[: LISTED + 1])
    shown = results[:LISTED]
    cases = {one.finding.case_image.case_id for one in shown}
    access.seen(user=cast(User, request.user), case_ids=sorted(cases), how=CaseAccess.How.LIST)
    context = {
        **admin.site.each_context(request),
        "title": gettext("Fixtures that could become references"),
        "results": shown,
        "is_cut": len(results) > LISTED,
        "enough": ENOUGH,
    }
    return TemplateResponse(request, TEMPLATE, context)


def _propose(request: HttpRequest) -> None:
    ticked = [int(one) for one in request.POST.getlist("result") if is_id(one)]
    if not ticked:
        messages.warning(request, gettext("Tick at least one fixture."))
        return
    done = possible_references.propose_all(result_ids=ticked[:LISTED], by=cast(User, request.user))
    for refusal in done.refusals:
        messages.warning(request, refusal)
    said = ngettext(
        "%(number)d fixture was proposed. A curator of the catalogue confirms it.",
        "%(number)d fixtures were proposed. A curator of the catalogue confirms them.",
        done.number,
    )
    messages.success(request, said % {"number": done.number})
