"""The views of the case page: thin adapters over `cases.review`.

`admin_view` only asks for a staff login; each view asks for its permission itself.
"""

from collections.abc import Callable
from functools import wraps
from typing import Any, cast

from django.contrib import admin, messages
from django.contrib.auth.decorators import permission_required
from django.contrib.auth.models import User
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import get_object_or_404, redirect, render
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_safe

from cases import review
from cases.models import Case, CaseImage, Finding
from cases.panel import changes
from cases.panel.forms import (
    Decision,
    Searches,
    film_blocks,
    finding_id,
    searched_block,
)
from cases.review import NOTE_LENGTH, Outdated, ReviewError, StateConflict
from implants.storage import private_image_response

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
        return redirect("admin:cases_case_review", case_id)

    return wrapped


@require_http_methods(["GET", "HEAD", "POST"])
@can_see
def review_page(request: HttpRequest, case_id: int) -> HttpResponse:
    """The case page. A POST decides nothing: it shows the page again with what was ticked and
    typed, which is how the search works without JavaScript and where the Enter key leads."""
    return _page(request, case_id, Decision.of(request.POST))


@only_posted
@can_decide
def approve(request: HttpRequest, case_id: int) -> HttpResponse:
    decision = Decision.of(request.POST)

    def act() -> Case:
        if decision.reason.strip():
            raise ReviewError(
                _(
                    "You typed a reason for a rejection. Delete it to approve the selected"
                    " implants, or reject the case."
                )
            )
        return review.approve(
            case_id=case_id,
            choices=decision.choices(),
            reviewer=_reviewer(request),
            note=decision.note,
            revision=decision.revision,
        )

    return _decide(request, case_id, decision, act)


@only_posted
@can_decide
def reject(request: HttpRequest, case_id: int) -> HttpResponse:
    decision = Decision.of(request.POST)
    return _decide(
        request,
        case_id,
        decision,
        lambda: review.reject(
            case_id=case_id,
            reason=decision.reason,
            reviewer=_reviewer(request),
            note=decision.note,
            revision=decision.revision,
        ),
    )


@only_posted
@can_decide
def retry(request: HttpRequest, case_id: int) -> HttpResponse:
    try:
        case = review.retry(case_id=case_id, by=_reviewer(request))
    except StateConflict as conflict:
        messages.warning(request, str(conflict))
    except Case.DoesNotExist as missing:
        raise Http404 from missing
    else:
        messages.success(request, _retry_message(case))
    return redirect("admin:cases_case_review", case_id)


@require_safe
@can_decide
def implants(request: HttpRequest, case_id: int) -> HttpResponse:
    """The live search for another implant, as a piece of the page."""
    findings = Finding.objects.prefetch_related("results__implant__references")
    finding = get_object_or_404(findings, pk=finding_id(request.GET), case_image__case_id=case_id)
    block = searched_block(finding, request.GET.get("q", ""), Decision.of(request.GET))
    return render(request, "admin/cases/case/_other_implants.html", {"block": block})


@require_safe
@can_see
def film(request: HttpRequest, case_id: int, image_id: int) -> HttpResponseBase:
    image = get_object_or_404(CaseImage, pk=image_id, case_id=case_id)
    if not image.is_readable:
        raise Http404
    return private_image_response(image.file)


def _reviewer(request: HttpRequest) -> User:
    return cast(User, request.user)


def _decide(
    request: HttpRequest, case_id: int, decision: Decision, act: Callable[[], Case]
) -> HttpResponse:
    """Carry out a decision; where it is refused, say so and keep what was ticked and typed."""
    try:
        case = act()
    except Outdated as conflict:
        return _show_changes(request, case_id, decision, conflict)
    except StateConflict as conflict:
        messages.warning(request, _conflict_message(request, case_id, conflict))
        return redirect("admin:cases_case_review", case_id)
    except ReviewError as error:
        return _page(request, case_id, decision, problem=str(error))
    except Case.DoesNotExist as missing:
        raise Http404 from missing
    messages.success(request, _success_message(case))
    return redirect("admin:cases_case_changelist")


def _show_changes(
    request: HttpRequest, case_id: int, decision: Decision, conflict: Outdated
) -> HttpResponse:
    """The page as the case is now: it keeps what was ticked and typed where there is a form
    to keep it in, else the browser keeps it until there is one again."""
    if Case.objects.filter(pk=case_id, status__in=DECIDABLE).exists():
        return _page(request, case_id, decision)
    messages.warning(request, str(conflict))
    return redirect("admin:cases_case_review", case_id)


def _conflict_message(request: HttpRequest, case_id: int, conflict: StateConflict) -> str:
    case = Case.objects.get(pk=case_id)
    if case.is_decided and case.decided_by_id == request.user.pk:
        return _("You have already decided this case; nothing was changed.")
    return _("Nothing was changed: somebody else already decided or changed this case.") + (
        f" {conflict}"
    )


def _retry_message(case: Case) -> str:
    if case.is_held:
        return _("The case waits again for the confirmation of its source.")
    return _("The case is being processed again.")


def _success_message(case: Case) -> SafeString:
    link = format_html(
        '<a href="{}" data-decided="{}-{}">{}</a>',
        reverse("admin:cases_case_review", args=[case.pk]),
        case.decided_by_id,
        case.pk,
        _("Case %(number)s") % {"number": case},
    )
    if case.status == Case.Status.REJECTED:
        return format_html(_("{} rejected."), link)
    names = "; ".join(str(result.implant) for result in case.approved_results)
    return format_html(_("{} approved: {}."), link, names)


def _page(
    request: HttpRequest, case_id: int, decision: Decision, *, problem: str = ""
) -> HttpResponse:
    case = get_object_or_404(
        Case.objects.for_review().prefetch_related("images__findings__results__reference_image"),
        pk=case_id,
    )
    if decision.is_outdated(case) and case.status in DECIDABLE:
        messages.warning(request, str(Outdated()))
    is_rejecting = request.path == reverse("admin:cases_case_reject", args=[case.pk])
    if problem and not is_rejecting:
        messages.error(request, problem)
    context = {
        **admin.site.each_context(request),
        **_page_context(request, case),
        "films": film_blocks(case, decision, Searches.of(request.POST)),
        "decision": decision,
        "is_rejecting": is_rejecting,
        "reason_problem": problem if is_rejecting else "",
    }
    request.current_app = admin.site.name  # type: ignore[attr-defined]
    return TemplateResponse(request, "admin/cases/case/review.html", context)


def _page_context(request: HttpRequest, case: Case) -> dict[str, Any]:
    may_decide = request.user.has_perm("cases.decide_case")
    is_waiting = case.is_held or case.next_try_at is not None
    return {
        "title": _("Case %(number)s") % {"number": case},
        "opts": Case._meta,
        "case": case,
        "answers": list(case.answers.all()),
        "can_decide": may_decide and case.is_awaiting_review,
        "can_retry_or_reject": may_decide and case.status == Case.Status.FAILED,
        "is_processing": case.status == Case.Status.RECEIVED,
        "is_film_awaited": any(image.is_awaited for image in case.images.all()),
        "refresh_seconds": WAITING_REFRESH_SECONDS if is_waiting else REFRESH_SECONDS,
        "note_length": NOTE_LENGTH,
        "history": changes.history(case),
        "changed_after_decision": changes.changed_after_decision(case),
        "reopening": changes.reopening(case),
    }
