"""What a reviewer does with a case: thin adapters over `cases.review` and `cases.proposals`."""

from collections.abc import Callable

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _

from cases import consent, proposals, review, tilted, verdicts
from cases.models import Case, Finding
from cases.panel import queue
from cases.panel.forms import Decision, number_of
from cases.panel.page import (
    DECIDABLE,
    can_decide,
    only_posted,
    reviewer,
    show,
)
from cases.review import Outdated, ReviewError, StateConflict


@only_posted
@can_decide
def decide(request: HttpRequest, case_id: int) -> HttpResponse:
    """Every fixture that something was said about, in one decision."""
    decision = Decision.of(request.POST)
    findings = Finding.objects.filter(case_image__case=case_id)
    tooth = Case.objects.filter(pk=case_id).values_list("tooth", flat=True).first()

    def act() -> Case:
        if decision.reason.strip():
            raise ReviewError(
                _(
                    "You typed a reason for a rejection. Delete it to approve the selected"
                    " implants, or reject the case."
                )
            )
        return review.decide(
            case_id=case_id,
            verdicts=decision.verdicts(verdicts.numbers(findings), tooth),
            reviewer=reviewer(request),
            note=decision.note,
            internal_note=decision.internal_note,
            revision=decision.revision,
            shown=decision.shown,
        )

    return _carry_out(request, case_id, decision, act)


@only_posted
@can_decide
def reject(request: HttpRequest, case_id: int) -> HttpResponse:
    """A case without any fixture to say something about: its film can never be read."""
    decision = Decision.of(request.POST)
    return _carry_out(
        request,
        case_id,
        decision,
        lambda: review.reject(
            case_id=case_id,
            reason=decision.reason,
            reviewer=reviewer(request),
            note=decision.note,
            revision=decision.revision,
        ),
    )


@only_posted
@can_decide
def retry(request: HttpRequest, case_id: int) -> HttpResponse:
    return _simply(
        request,
        case_id,
        lambda: _retry_message(review.retry(case_id=case_id, by=reviewer(request))),
    )


@only_posted
@can_decide
def record_consent(request: HttpRequest, case_id: int) -> HttpResponse:
    def act() -> str:
        if "confirmed" not in request.POST:
            raise ReviewError(_("Confirm first that the patient's consent is there."))
        case = consent.record(case_id=case_id, by=reviewer(request))
        return _recorded_message(case)

    return _simply(request, case_id, act)


@only_posted
@can_decide
def undo(request: HttpRequest, case_id: int) -> HttpResponse:
    def act() -> SafeString:
        case = review.undo(case_id=case_id, by=reviewer(request))
        return format_html(
            '<span data-undone="{}-{}">{}</span>',
            request.user.pk,
            case.pk,
            _("The decision was undone: the dentist was not told anything."),
        )

    return _simply(request, case_id, act)


@only_posted
@can_decide
def propose(request: HttpRequest, case_id: int) -> HttpResponse:
    """Propose a decided fixture as a reference of its implant."""

    finding_id = number_of(request.POST, "finding") or 0

    def act() -> str:
        if not Finding.objects.filter(pk=finding_id, case_image__case=case_id).exists():
            raise ReviewError(_("The case has no such finding."))
        proposals.propose(
            finding_id=finding_id,
            implant_id=number_of(request.POST, "implant") or 0,
            by=reviewer(request),
        )
        return _("Proposed as a reference. A curator of the catalogue confirms it.")

    return _simply(request, case_id, act)


@only_posted
@can_decide
def priority(request: HttpRequest, case_id: int) -> HttpResponse:
    asked = number_of(request.POST, "priority")
    return _meanwhile(
        request,
        case_id,
        lambda: review.set_priority(
            case_id=case_id,
            priority=Case.Priority.URGENT if asked else Case.Priority.NORMAL,
            by=reviewer(request),
        ),
    )


@only_posted
@can_decide
def tilt(request: HttpRequest, case_id: int) -> HttpResponse:
    """A film is said to be tilted (`tilted`), or not to be (`upright`), by its number."""
    tilted_id = number_of(request.POST, "tilted")
    return _meanwhile(
        request,
        case_id,
        lambda: tilted.say(
            case_id=case_id,
            image_id=tilted_id or number_of(request.POST, "upright") or 0,
            is_tilted=tilted_id is not None,
        ),
    )


@only_posted
@can_decide
def internal_note(request: HttpRequest, case_id: int) -> HttpResponse:
    decision = Decision.of(request.POST)

    def act() -> None:
        if decision.internal_note is not None:
            review.set_internal_note(
                case_id=case_id,
                text=decision.internal_note,
                by=reviewer(request),
                shown=decision.note_shown,
            )

    return _meanwhile(request, case_id, act)


def _carry_out(
    request: HttpRequest, case_id: int, decision: Decision, act: Callable[[], Case]
) -> HttpResponse:
    """Carry out a decision; where it is refused, say so and keep what was ticked and typed."""
    try:
        case = act()
    except Outdated as conflict:
        return _show_changes(request, case_id, decision, conflict)
    except StateConflict as conflict:
        messages.warning(request, _conflict_message(request, case_id, conflict))
        return _to_case(request, case_id)
    except ReviewError as error:
        return _refused(request, case_id, decision, error)
    except Case.DoesNotExist as missing:
        raise Http404 from missing
    messages.success(request, _success_message(request, case))
    return redirect(queue.next_url(after=case, filters=queue.filters_of(request)))


def _refused(
    request: HttpRequest, case_id: int, decision: Decision, error: ReviewError
) -> HttpResponse:
    """The reason of a rejection has its own field to be told at."""
    if request.path == reverse("admin:cases_case_reject", args=[case_id]):
        return show(request, case_id, decision, reason_problem=str(error))
    messages.error(request, str(error))
    return show(request, case_id, decision)


def _simply(request: HttpRequest, case_id: int, act: Callable[[], str]) -> HttpResponse:
    """Do it, say what was done or why not, and show the case."""
    try:
        messages.success(request, act())
    except ReviewError as error:
        messages.warning(request, str(error))
    except Case.DoesNotExist as missing:
        raise Http404 from missing
    return _to_case(request, case_id)


def _to_case(request: HttpRequest, case_id: int) -> HttpResponse:
    return redirect(queue.case_url(case_id, queue.filters_of(request)))


def _meanwhile(request: HttpRequest, case_id: int, act: Callable[[], object]) -> HttpResponse:
    """Do it while a decision is being made: the page keeps what was ticked and typed."""
    try:
        act()
    except ReviewError as error:
        messages.warning(request, str(error))
    except Case.DoesNotExist as missing:
        raise Http404 from missing
    return show(request, case_id, Decision.of(request.POST))


def _show_changes(
    request: HttpRequest, case_id: int, decision: Decision, conflict: Outdated
) -> HttpResponse:
    """The page as the case is now: it keeps what was ticked and typed where there is a form
    to keep it in, else the browser keeps it until there is one again."""
    if Case.objects.filter(pk=case_id, status__in=DECIDABLE).exists():
        return show(request, case_id, decision)
    messages.warning(request, str(conflict))
    return _to_case(request, case_id)


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


def _recorded_message(case: Case) -> str:
    if case.status == Case.Status.FAILED:
        return _("The consent is recorded.")
    return _("The consent is recorded: the case is being processed.")


def _success_message(request: HttpRequest, case: Case) -> SafeString:
    link = format_html(
        '<a href="{}" data-decided="{}-{}">{}</a>',
        queue.case_url(case.pk, queue.filters_of(request)),
        case.decided_by_id,
        case.pk,
        _("Case %(number)s") % {"number": case},
    )
    if case.status == Case.Status.REJECTED:
        return format_html(_("{} rejected."), link)
    names = "; ".join(str(result.implant) for result in case.approved_results)
    return format_html(_("{} approved: {}."), link, names)
