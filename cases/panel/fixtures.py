"""Marking fixtures on a film while the case page is open."""

from collections.abc import Callable
from dataclasses import replace

from django.contrib import admin, messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, render
from django.utils.translation import gettext as _

from cases import access, findings
from cases.models import Case, CaseAccess, Finding
from cases.panel import desk, queue
from cases.panel.desk import Reading
from cases.panel.forms import Decision, box_of, number_of
from cases.panel.page import can_decide, may_decide, only_posted, reasons, reviewer, show
from cases.review import ReviewError, StateConflict
from cases.shown import marks_of
from matching.boxes import BoxError
from matching.encoder import EncoderError
from matching.matcher import CatalogueNotSearchable

REFUSALS: dict[type[Exception], int] = {
    StateConflict: 409,
    ReviewError: 400,
    BoxError: 400,
    EncoderError: 503,
    CatalogueNotSearchable: 503,
}


@only_posted
@can_decide
def mark(request: HttpRequest, case_id: int) -> HttpResponse:
    """A box drawn or moved: its fixture comes back with the candidates found by it."""
    image_id = number_of(request.POST, "image") or 0

    def act() -> list[int]:
        marked = findings.mark(
            case_id=case_id,
            image_id=image_id,
            box=box_of(request.POST, image_id),
            by=reviewer(request),
            finding_id=number_of(request.POST, "finding"),
        )
        return [marked.pk]

    return _in_place(request, case_id, image_id, act)


@only_posted
@can_decide
def unmark(request: HttpRequest, case_id: int) -> HttpResponse:
    """A box taken away: the fixtures that are left on its film come back, numbered anew."""
    finding_id = number_of(request.POST, "unmark") or 0
    finding = get_object_or_404(Finding, pk=finding_id, case_image__case_id=case_id)
    on_film = Finding.objects.filter(case_image=finding.case_image_id)

    def act() -> list[int]:
        findings.remove(case_id=case_id, finding_id=finding_id, by=reviewer(request))
        return list(on_film.values_list("pk", flat=True))

    return _in_place(request, case_id, finding.case_image_id, act)


def _in_place(
    request: HttpRequest, case_id: int, image_id: int, act: Callable[[], list[int]]
) -> HttpResponse:
    """Do it; then the changed pieces of the page, or without JavaScript the whole page."""
    is_piece = "piece" in request.POST
    decision = Decision.of(request.POST)
    before = marks_of(Finding.objects.filter(case_image__case=case_id))
    try:
        changed = act()
    except Case.DoesNotExist as missing:
        raise Http404 from missing
    except tuple(REFUSALS) as error:
        if is_piece:
            return _refusal(request, error)
        messages.error(request, str(error))
        changed = []
    if is_piece:
        return _pieces(request, case_id, image_id, changed)
    # What the reviewer marked herself did not change behind her back.
    is_hers = decision.marks == before
    return show(request, case_id, replace(decision, marks=None) if is_hers else decision)


def _refusal(request: HttpRequest, error: Exception) -> HttpResponse:
    status = next(code for kind, code in REFUSALS.items() if isinstance(error, kind))
    said = str(error)
    if isinstance(error, EncoderError):
        said = _("The encoder cannot be used now: the film was not compared.")
    return render(request, "admin/cases/case/_refusal.html", {"problem": said}, status=status)


def _pieces(request: HttpRequest, case_id: int, image_id: int, changed: list[int]) -> HttpResponse:
    case = get_object_or_404(Case.objects.for_review(), pk=case_id)
    access.seen(user=reviewer(request), case_ids=[case_id], how=CaseAccess.How.PAGE)
    decision, is_open = Decision.of(request.POST), may_decide(request, case)
    films = desk.film_blocks(case, Reading(decision, can_decide=is_open, only=changed))
    context = {
        **admin.site.each_context(request),
        "case": case,
        "carry": queue.carry(queue.filters_of(request)),
        "films": films,
        "film": next(one for one in films if one.image.pk == image_id),
        "changed": changed,
        "can_decide": is_open,
        "reasons": reasons(),
    }
    return render(request, "admin/cases/case/_pieces.html", context)
