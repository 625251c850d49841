"""The case API, behind JWT. Thin: every step is a function of `cases.review` and friends."""

from collections.abc import Mapping
from typing import Any, cast

from django.contrib.auth.models import User
from django.http import Http404, HttpResponseBase
from django.utils.translation import gettext as _
from rest_framework import generics
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from cases import access, described, erasure, review
from cases.filters import CaseFilter
from cases.models import Case, CaseAccess, CaseImage
from cases.permissions import HasScope
from cases.review import Choice, ReviewError, Verdict
from cases.serializers import (
    ApproveSerializer,
    CaseSerializer,
    RejectSerializer,
)
from implants.filters import StrictFilterBackend
from implants.negotiation import AnyAccept
from implants.pagination import SkipLimitPagination
from implants.storage import private_image_response

How = CaseAccess.How


def _user(request: Request) -> User:
    """The token's user: `HasScope` lets nobody pass who is not logged in."""
    return cast(User, request.user)


@described.LIST
class CaseList(generics.ListAPIView[Case]):
    queryset = Case.objects.for_review()
    serializer_class = CaseSerializer
    permission_classes = (HasScope,)
    required_scope = "reader"
    pagination_class = SkipLimitPagination
    filter_backends = (StrictFilterBackend,)
    filterset_class = CaseFilter

    def paginate_queryset(self, queryset: Any) -> list[Any] | None:
        page = super().paginate_queryset(queryset)
        shown = [case.pk for case in page or ()]
        access.seen(user=_user(self.request), case_ids=shown, how=How.API)
        return page


@described.DETAIL
class CaseDetail(generics.RetrieveAPIView[Case]):
    """One case. Deleting erases its films and personal data; the decision stays as figures."""

    queryset = Case.objects.for_review()
    serializer_class = CaseSerializer
    permission_classes = (HasScope,)

    @property
    def required_scope(self) -> str:
        return "approver" if self.request.method == "DELETE" else "reader"

    def get_object(self) -> Case:
        case = super().get_object()
        access.seen(user=_user(self.request), case_ids=[case.pk], how=How.API)
        return case

    def delete(self, request: Request, pk: int) -> Response:
        erasure.erase_case(case_id=pk, by=_user(request))
        return Response(status=204)


class CaseFilm(APIView):
    permission_classes = (HasScope,)
    required_scope = "reader"
    content_negotiation_class = AnyAccept

    @described.FILM
    def get(self, request: Request, pk: int, image_id: int) -> HttpResponseBase:
        image = CaseImage.objects.shown().filter(pk=image_id, case_id=pk).first()
        if image is None:
            raise Http404
        access.seen(user=_user(request), case_ids=[pk], how=How.FILM)
        return private_image_response(image.file)


def _wrong_door(is_approval: bool) -> str:
    if is_approval:
        return _("No fixture is identified: reject the case instead.")
    return _("A fixture is identified: approve the case instead.")


class CaseDecision(APIView):
    """What approve, reject, undo and callback share: the reviewer is the token's user."""

    permission_classes = (HasScope,)
    required_scope = "approver"

    def answer(self, request: Request, case: Case) -> Response:
        access.seen(user=_user(request), case_ids=[case.pk], how=How.API)
        shown = Case.objects.for_review().get(pk=case.pk)
        return Response(CaseSerializer(shown, context={"request": request}).data)

    def decide(
        self, request: Request, pk: int, asked: Mapping[str, Any], *, is_approval: bool
    ) -> Response:
        """Raises ReviewError where the verdicts come to the other decision."""
        verdicts = [Verdict(**verdict) for verdict in asked["verdicts"]]
        if is_approval != any(verdict.is_identified for verdict in verdicts):
            raise ReviewError(_wrong_door(is_approval))
        case = review.decide(
            case_id=pk,
            verdicts=verdicts,
            reviewer=_user(request),
            note=asked.get("note", ""),
            revision=asked.get("revision"),
        )
        return self.answer(request, case)


class CaseApprove(CaseDecision):
    """Approve implants for the case, or say of each fixture what it is."""

    @described.APPROVE
    def post(self, request: Request, pk: int) -> Response:
        body = ApproveSerializer(data=request.data)
        body.is_valid(raise_exception=True)
        asked = body.validated_data
        if asked.get("verdicts"):
            return self.decide(request, pk, asked, is_approval=True)
        case = review.approve(
            case_id=pk,
            choices=[Choice(implant_id) for implant_id in asked["implant_ids"]],
            reviewer=_user(request),
            note=asked.get("note", ""),
            revision=asked.get("revision"),
        )
        return self.answer(request, case)


class CaseReject(CaseDecision):
    """Reject the case with a reason, or say of each fixture why it was not identified."""

    @described.REJECT
    def post(self, request: Request, pk: int) -> Response:
        body = RejectSerializer(data=request.data)
        body.is_valid(raise_exception=True)
        asked = body.validated_data
        if asked.get("verdicts"):
            return self.decide(request, pk, asked, is_approval=False)
        case = review.reject(
            case_id=pk,
            reason=asked["reason"],
            reviewer=_user(request),
            note=asked.get("note", ""),
            revision=asked.get("revision"),
            outcome=asked.get("outcome", ""),
        )
        return self.answer(request, case)


class CaseUndo(CaseDecision):
    """Take a decision back, for as long as its answer has not left; then 409."""

    @described.UNDO
    def post(self, request: Request, pk: int) -> Response:
        return self.answer(request, review.undo(case_id=pk, by=_user(request)))


class CaseCallback(CaseDecision):
    """Announce a decided case once more, so that its answer is sent if it has not been."""

    @described.CALLBACK
    def post(self, request: Request, pk: int) -> Response:
        case = review.announce_again(case_id=pk)
        return self.answer(request, case)
