"""The case page, and the views that only show something.

`admin_view` only asks for a staff login; each view asks for its permission itself.
"""

from collections.abc import Callable
from functools import wraps
from typing import Any, cast

from django.contrib import admin, messages
from django.contrib.auth.decorators import permission_required
from django.contrib.auth.models import User
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import get_object_or_404, redirect, render
from django.template.response import TemplateResponse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_safe

from cases import access, review
from cases.models import Case, CaseAccess, CaseImage, Finding, RejectionReason
from cases.panel import changes, desk, presence, queue, undone
from cases.panel.desk import Reading
from cases.panel.forms import Decision, number_of
from cases.review import NOTE_LENGTH, Outdated
from implants.storage import private_image_response
from matching import encoder
from matching.confidence import rule_in_words

How = CaseAccess.How
REFRESH_SECONDS = 4
# While nothing is at work on the case.
WAITING_REFRESH_SECONDS = 30
DECIDABLE = (Case.Status.PENDING, Case.Status.FAILED)

can_see = permission_required("cases.view_case", raise_exception=True)
can_decide = permission_required("cases.decide_case", raise_exception=True)


def only_posted(view: Callable[[HttpRequest, int], HttpResponse]) -> Callable[..., HttpResponse]:
    """A GET comes from the login page, where a session ended before the decision was sent:
    it leads to the case page, which still has what was ticked and typed."""

    @require_http_methods(["GET", "HEAD", "POST"])
    @wraps(view)
    def wrapped(request: HttpRequest, case_id: int) -> HttpResponse:
        if request.method == "POST":
            return view(request, case_id)
        messages.warning(request, _("Nothing was changed yet. Please check and send it again."))
        return redirect(queue.case_url(case_id, queue.filters_of(request)))

    return wrapped


@require_http_methods(["GET", "HEAD", "POST"])
@can_see
def review_page(request: HttpRequest, case_id: int) -> HttpResponse:
    """The case page. A POST decides nothing: it shows the page again with what was ticked and
    typed, which is how search and filter work without JavaScript and where the Enter key leads."""
    return show(request, case_id, Decision.of(request.POST))


@require_safe
@can_decide
def implants(request: HttpRequest, case_id: int) -> HttpResponse:
    """The live search for another implant, as a piece of the page."""
    return _piece(request, case_id, "admin/cases/case/_other_implants.html")


@require_safe
@can_decide
def candidates(request: HttpRequest, case_id: int) -> HttpResponse:
    """The candidates of a fixture ranked by what the reviewer sees, as a piece of the page."""
    return _piece(request, case_id, "admin/cases/case/_ranked.html")


@require_safe
@can_see
def film(request: HttpRequest, case_id: int, image_id: int) -> HttpResponseBase:
    image = get_object_or_404(CaseImage.objects.shown(), pk=image_id, case_id=case_id)
    access.seen(user=reviewer(request), case_ids=[case_id], how=How.FILM)
    is_small = "thumb" in request.GET and image.thumbnail
    return private_image_response(image.thumbnail if is_small else image.file)


def reviewer(request: HttpRequest) -> User:
    return cast(User, request.user)


def show(
    request: HttpRequest,
    case_id: int,
    decision: Decision,
    *,
    reason_problem: str = "",
) -> HttpResponse:
    """The page with what was ticked and typed. Raises Http404."""
    case = get_object_or_404(
        Case.objects.for_review().prefetch_related(
            "images__findings__results__reference_image", "images__findings__proposals"
        ),
        pk=case_id,
    )
    access.seen(user=reviewer(request), case_ids=[case.pk], how=How.PAGE)
    if decision.is_outdated(case) and case.status in DECIDABLE:
        messages.warning(request, str(Outdated()))
    context = {
        **admin.site.each_context(request),
        **_case_context(request, case),
        **_work_context(request, case, decision),
        **presence.context(request, case),
        **queue.way_on(request, case),
        "reason_problem": reason_problem,
    }
    request.current_app = admin.site.name  # type: ignore[attr-defined]
    return TemplateResponse(request, "admin/cases/case/review.html", context)


def may_decide(request: HttpRequest, case: Case) -> bool:
    return case.is_awaiting_review and request.user.has_perm("cases.decide_case")


def no_consent_reason() -> str:
    """What the dentist is told, unless the reviewer words it otherwise."""
    return _(
        "The form came without the patient's consent, so the radiograph was not analysed. Please"
        " send it again with the consent, or add the consent to the form."
    )


def reasons() -> list[RejectionReason]:
    """What can be chosen from the list of reasons for the dentist."""
    return list(RejectionReason.objects.filter(is_active=True))


def _piece(request: HttpRequest, case_id: int, template: str) -> HttpResponse:
    found = Finding.objects.select_related("case_image__case").prefetch_related(
        "results__implant__references", "results__reference_image"
    )
    finding = get_object_or_404(
        found, pk=number_of(request.GET, "finding"), case_image__case_id=case_id
    )
    case = finding.case_image.case
    access.seen(user=reviewer(request), case_ids=[case.pk], how=How.PAGE)
    reading = Reading(Decision.of(request.GET), can_decide=may_decide(request, case))
    block = desk.fixture_block(finding, reading)
    context = {
        **admin.site.each_context(request),
        "block": block,
        "case": case,
        "carry": queue.carry(queue.filters_of(request)),
        "can_decide": reading.can_decide,
    }
    return render(request, template, context)


def _case_context(request: HttpRequest, case: Case) -> dict[str, Any]:
    is_waiting = case.is_held or case.next_try_at is not None
    waits_for_consent = case.is_waiting_for_consent and not case.is_held
    return {
        "title": _("Case %(number)s") % {"number": case},
        "opts": Case._meta,
        "case": case,
        "band_rule": rule_in_words() if case.band and not case.is_decided else [],
        "answers": list(case.answers.all()),
        "is_processing": case.status == Case.Status.RECEIVED and not waits_for_consent,
        "waits_for_consent": waits_for_consent,
        "is_film_awaited": any(image.is_awaited for image in case.images.all()),
        "refresh_seconds": WAITING_REFRESH_SECONDS if is_waiting else REFRESH_SECONDS,
        "history": changes.history(case),
        "changed_after_decision": changes.changed_after_decision(case),
        "reopening": changes.reopening(case),
    }


def _work_context(request: HttpRequest, case: Case, decision: Decision) -> dict[str, Any]:
    """What a reviewer works with: films, candidates, and what may be done now."""
    is_approver = request.user.has_perm("cases.decide_case")
    can_decide = may_decide(request, case)
    can_retry_or_reject = is_approver and case.status == Case.Status.FAILED
    if can_decide or can_retry_or_reject:
        decision = undone.restored(case, decision, reviewer(request))
    if can_decide:
        encoder.load_in_background()
    films = desk.film_blocks(case, Reading(decision, can_decide=can_decide))
    return {
        "films": films,
        "has_fixtures": any(film.fixtures for film in films),
        "decision": decision,
        "internal_note": decision.internal_note if decision.is_note_touched else case.internal_note,
        "is_note_changed": decision.has_other_note(case),
        "can_decide": can_decide,
        "can_retry_or_reject": can_retry_or_reject,
        "proposed_reason": no_consent_reason() if case.is_waiting_for_consent else "",
        "is_approver": is_approver,
        "can_undo": is_approver and review.can_undo(case),
        "undo_seconds": undone.seconds_to_undo(case),
        **undone.last_decision(reviewer(request)),
        "reasons": reasons() if can_decide else [],
        "note_length": NOTE_LENGTH,
    }
