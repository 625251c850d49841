"""What belongs to the desk beside the cases: the reasons for dentists, and the curators' page
for films that were proposed as references. No patient data is shown there."""

from collections.abc import Callable
from functools import wraps
from typing import Any, cast

from django.contrib import admin, messages
from django.contrib.auth.decorators import permission_required
from django.contrib.auth.models import User
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, path
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from django.views.decorators.http import require_http_methods, require_safe

from cases import access, crops, proposals
from cases.models import CaseAccess, ReferenceProposal, RejectionReason
from cases.panel.confusion_page import confusion_page
from cases.panel.effect_words import EffectBlock
from cases.panel.forms import number_of
from cases.panel.possible_page import possible_page
from cases.review import ReviewError
from implants import reference_state
from implants.models import ReferenceImage

CONFIRM = ("cases.change_referenceproposal", "implants.add_referenceimage")


@admin.register(RejectionReason)
class RejectionReasonAdmin(admin.ModelAdmin):
    list_display = ("label", "outcome", "position", "is_active", "text")
    list_filter = ("outcome", "is_active")
    search_fields = ("label", "text")
    search_help_text = _("Name or text")
    actions = None
    show_facets = admin.ShowFacets.NEVER


def only_posted(view: Callable[[HttpRequest, int], HttpResponse]) -> Callable[..., HttpResponse]:
    """A GET comes from the login page, where a session ended before the button was pressed."""

    @require_http_methods(["GET", "HEAD", "POST"])
    @permission_required(CONFIRM, raise_exception=True)
    @wraps(view)
    def wrapped(request: HttpRequest, proposal_id: int) -> HttpResponse:
        if request.method == "POST":
            return view(request, proposal_id)
        messages.warning(
            request, gettext("Nothing was changed yet. Please check and send it again.")
        )
        return redirect("admin:cases_referenceproposal_change", proposal_id)

    return wrapped


@require_safe
@permission_required("cases.view_referenceproposal", raise_exception=True)
def picture(request: HttpRequest, proposal_id: int) -> HttpResponse:
    """The fixture cut out of its film, and nothing else of the case."""
    proposal = _proposal(proposal_id)
    case_id = proposal.finding.case_image.case_id
    access.seen(user=cast(User, request.user), case_ids=[case_id], how=CaseAccess.How.FILM)
    try:
        content = crops.picture(proposal.finding)
    except ReviewError as error:
        raise Http404 from error
    return HttpResponse(
        content, content_type="image/jpeg", headers={"Cache-Control": "private, no-store"}
    )


@only_posted
def accept(request: HttpRequest, proposal_id: int) -> HttpResponse:
    return _decide(
        request,
        proposal_id,
        lambda: proposals.accept(
            proposal_id=proposal_id, by=cast(User, request.user), despite=_despite(request)
        ),
        gettext("The picture is now a reference of its implant."),
    )


@only_posted
def decline(request: HttpRequest, proposal_id: int) -> HttpResponse:
    return _decide(
        request,
        proposal_id,
        lambda: proposals.decline(proposal_id=proposal_id, by=cast(User, request.user)),
        gettext("The proposal was declined."),
    )


def _despite(request: HttpRequest) -> proposals.Despite | None:
    """What stands beside the button where the test says that something gets worse."""
    if "despite" not in request.POST:
        return None
    shown = number_of(request.POST, "worse") or 0
    return proposals.Despite(worse=shown, why=request.POST.get("why", ""))


def _decide(
    request: HttpRequest, proposal_id: int, act: Callable[[], object], done: str
) -> HttpResponse:
    try:
        act()
    except ReviewError as error:
        messages.error(request, str(error))
        return redirect("admin:cases_referenceproposal_change", proposal_id)
    except ReferenceProposal.DoesNotExist as missing:
        raise Http404 from missing
    messages.success(request, done)
    return redirect("admin:cases_referenceproposal_changelist")


def _proposal(proposal_id: int) -> ReferenceProposal:
    rows = ReferenceProposal.objects.select_related(
        "implant", "finding__case_image", "proposed_by", "decided_by", "reference"
    )
    return get_object_or_404(rows.prefetch_related("implant__references"), pk=proposal_id)


def _state_of(proposal: ReferenceProposal) -> str:
    """Whether what was accepted is compared already, in words; empty where nothing was."""
    if proposal.reference_id is None:
        return ""
    rows = ReferenceImage.objects.filter(pk=proposal.reference_id)
    found = reference_state.with_state(rows).values_list("state", flat=True).first()
    return str(reference_state.State(found).label) if found else ""


@admin.register(ReferenceProposal)
class ReferenceProposalAdmin(admin.ModelAdmin):
    list_display = ("implant", "state", "created_at", "proposed_by", "decided_by")
    list_filter = ("status",)
    # What is proposed comes first.
    ordering = ("-status", "-created_at")
    list_per_page = 50
    actions = None
    show_facets = admin.ShowFacets.NEVER

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: object = None) -> bool:
        return False

    def get_queryset(self, request: HttpRequest) -> QuerySet[ReferenceProposal]:
        rows = super().get_queryset(request)
        return rows.select_related("implant", "proposed_by", "decided_by")

    def get_urls(self) -> list[URLPattern]:
        wrap, prefix = self.admin_site.admin_view, "cases_referenceproposal"
        own = [
            path(
                "<int:proposal_id>/picture/",
                # The picture's own Cache-Control stands: it is private and short.
                wrap(picture, cacheable=True),
                name=f"{prefix}_picture",
            ),
            path("<int:proposal_id>/accept/", wrap(accept), name=f"{prefix}_accept"),
            path("<int:proposal_id>/decline/", wrap(decline), name=f"{prefix}_decline"),
            path("possible/", wrap(possible_page), name=f"{prefix}_possible"),
            path("confused/", wrap(confusion_page), name=f"{prefix}_confused"),
        ]
        return [*own, *super().get_urls()]

    def change_view(
        self,
        request: HttpRequest,
        object_id: str,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> HttpResponse:
        """The fixture beside the references of its implant, to be accepted or declined."""
        if not self.has_view_permission(request):
            raise PermissionDenied
        if not object_id.isdecimal():
            raise Http404
        proposal = _proposal(int(object_id))
        context = {
            **self.admin_site.each_context(request),
            "title": gettext("Proposed reference"),
            "opts": self.opts,
            "proposal": proposal,
            "is_open": proposal.status == ReferenceProposal.Status.PROPOSED,
            "can_confirm": request.user.has_perms(CONFIRM),
            "has_film": proposal.finding.case_image.is_readable,
            "effect": EffectBlock(proposal.effect),
            "state": _state_of(proposal),
            "why_length": proposals.WHY_LENGTH,
            "references": [one for one in proposal.implant.references.all() if not one.error],
        }
        request.current_app = self.admin_site.name  # type: ignore[attr-defined]
        return TemplateResponse(request, "admin/cases/referenceproposal/confirm.html", context)

    def history_view(
        self, request: HttpRequest, object_id: str, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        return redirect("admin:cases_referenceproposal_change", object_id)

    @admin.display(description=_("status"), ordering="status")
    def state(self, proposal: ReferenceProposal) -> str:
        return proposal.get_status_display()
