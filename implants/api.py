"""`GET /implants`: the catalogue, open to everybody."""

from django.http import Http404, HttpResponseBase
from django.shortcuts import get_object_or_404
from django_filters import rest_framework as filters
from drf_spectacular.utils import extend_schema, extend_schema_field, extend_schema_view
from rest_framework import mixins, viewsets
from rest_framework.permissions import AllowAny
from rest_framework.request import Request
from rest_framework.views import APIView

from implants.described import IMPLANT_ID, TEXT, WITHOUT_NUL, picture_responses
from implants.filters import StrictFilterBackend
from implants.models import Implant, ImplantQuerySet
from implants.negotiation import AnyAccept
from implants.pagination import SkipLimitPagination
from implants.serializers import ImplantSerializer
from implants.storage import private_image_response
from implants.vocabulary import FEATURES


@extend_schema_field({"type": "string", "pattern": TEXT})
class NameFilter(filters.CharFilter):
    """Text that must match as a whole, in whatever case."""


class ImplantFilter(filters.FilterSet):
    # An empty search box asks for everything.
    may_be_empty = ("search",)

    manufacturer = NameFilter(lookup_expr="iexact")
    search = filters.CharFilter(method="filter_search")

    class Meta:
        model = Implant
        fields = ["manufacturer", *FEATURES]

    @extend_schema_field(
        {
            "type": "string",
            "pattern": WITHOUT_NUL,
            "description": "Words of manufacturer, line, type; a number may be a size.",
        }
    )
    def filter_search(self, queryset: ImplantQuerySet, name: str, value: str) -> ImplantQuerySet:
        return queryset.search(value)


@extend_schema(auth=[])
@extend_schema_view(
    list=extend_schema(
        summary="The catalogue",
        description="Implants that can be recognised, by manufacturer and line.",
    ),
    retrieve=extend_schema(
        summary="One implant",
        description="One implant of the catalogue.",
        parameters=[IMPLANT_ID],
    ),
)
class ImplantViewSet(
    mixins.ListModelMixin, mixins.RetrieveModelMixin, viewsets.GenericViewSet[Implant]
):
    queryset = Implant.objects.active().with_references()
    serializer_class = ImplantSerializer
    authentication_classes = ()
    permission_classes = (AllowAny,)
    pagination_class = SkipLimitPagination
    filter_backends = (StrictFilterBackend,)
    filterset_class = ImplantFilter


class Picture(APIView):
    """The first reference picture of an implant that is no patient's film."""

    authentication_classes = ()
    permission_classes = ()
    content_negotiation_class = AnyAccept

    @extend_schema(
        operation_id="implants_picture",
        summary="Picture of an implant",
        parameters=[IMPLANT_ID],
        responses=picture_responses("The picture."),
        auth=[],
    )
    def get(self, request: Request, pk: int) -> HttpResponseBase:
        reference = get_object_or_404(Implant.objects.active(), pk=pk).public_picture
        if reference is None:
            raise Http404
        response = private_image_response(reference.file, may_be_kept=True)
        # Clients show it on pages of their own.
        response["Cross-Origin-Resource-Policy"] = "cross-origin"
        return response
