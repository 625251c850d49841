"""The case API, behind JWT. Thin: every step is a function of `cases.review` and friends."""

from typing import cast

from django.contrib.auth.models import User
from django.http import Http404, HttpResponseBase
from django_filters import rest_framework as filters
from drf_spectacular.utils import OpenApiTypes, extend_schema, extend_schema_view
from rest_framework import generics
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from cases import retention, review
from cases.models import Case, CaseImage
from cases.permissions import HasScope
from cases.review import Choice
from cases.serializers import (
    ApproveSerializer,
    CaseSerializer,
    ErasedSerializer,
    ErasureSerializer,
    RejectSerializer,
)
from implants.pagination import SkipLimitPagination
from implants.storage import private_image_response


def _user(request: Request) -> User:
    """The token's user: `HasScope` lets nobody pass who is not logged in."""
    return cast(User, request.user)


class CaseFilter(filters.FilterSet):
    class Meta:
        model = Case
        fields = ["status", "source", "jotform_submission_id"]


class CaseList(generics.ListAPIView[Case]):
    queryset = Case.objects.for_review()
    serializer_class = CaseSerializer
    permission_classes = (HasScope,)
    required_scope = "reader"
    pagination_class = SkipLimitPagination
    filter_backends = (filters.DjangoFilterBackend,)
    filterset_class = CaseFilter


class CaseDetail(generics.RetrieveAPIView[Case]):
    """One case. Deleting erases its films and personal data; the decision stays as figures."""

    queryset = Case.objects.for_review()
    serializer_class = CaseSerializer
    permission_classes = (HasScope,)

    @property
    def required_scope(self) -> str:
        return "approver" if self.request.method == "DELETE" else "reader"

    @extend_schema(summary="Erase a case", responses={204: None})
    def delete(self, request: Request, pk: int) -> Response:
        retention.erase(case_id=pk, by=_user(request))
        return Response(status=204)


class CaseFilm(APIView):
    permission_classes = (HasScope,)
    required_scope = "reader"

    @extend_schema(responses={(200, "image/jpeg"): OpenApiTypes.BINARY})
    def get(self, request: Request, pk: int, image_id: int) -> HttpResponseBase:
        image = CaseImage.objects.filter(pk=image_id, case_id=pk).first()
        if image is None or not image.is_readable:
            raise Http404
        return private_image_response(image.file)


class CaseDecision(APIView):
    """What approve, reject and callback share: the reviewer is the token's user."""

    permission_classes = (HasScope,)
    required_scope = "approver"

    def answer(self, request: Request, case: Case) -> Response:
        shown = Case.objects.for_review().get(pk=case.pk)
        return Response(CaseSerializer(shown, context={"request": request}).data)


@extend_schema_view(post=extend_schema(request=ApproveSerializer, responses=CaseSerializer))
class CaseApprove(CaseDecision):
    def post(self, request: Request, pk: int) -> Response:
        body = ApproveSerializer(data=request.data)
        body.is_valid(raise_exception=True)
        asked = body.validated_data
        case = review.approve(
            case_id=pk,
            choices=[Choice(implant_id) for implant_id in asked["implant_ids"]],
            reviewer=_user(request),
            note=asked.get("note", ""),
            revision=asked.get("revision"),
        )
        return self.answer(request, case)


@extend_schema_view(post=extend_schema(request=RejectSerializer, responses=CaseSerializer))
class CaseReject(CaseDecision):
    def post(self, request: Request, pk: int) -> Response:
        body = RejectSerializer(data=request.data)
        body.is_valid(raise_exception=True)
        asked = body.validated_data
        case = review.reject(
            case_id=pk,
            reason=asked["reason"],
            reviewer=_user(request),
            revision=asked.get("revision"),
        )
        return self.answer(request, case)


@extend_schema_view(post=extend_schema(request=None, responses=CaseSerializer))
class CaseCallback(CaseDecision):
    """Announce a decided case once more, so that its answer is sent if it has not been."""

    def post(self, request: Request, pk: int) -> Response:
        case = review.announce_again(case_id=pk)
        return self.answer(request, case)


class Erasure(APIView):
    permission_classes = (HasScope,)
    required_scope = "approver"

    @extend_schema(request=ErasureSerializer, responses=ErasedSerializer)
    def post(self, request: Request) -> Response:
        body = ErasureSerializer(data=request.data)
        body.is_valid(raise_exception=True)
        count = retention.erase_person(email=body.validated_data["email"], by=_user(request))
        return Response({"cases": count})
