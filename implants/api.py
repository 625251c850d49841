"""`GET /implants`: the catalogue, open to everybody."""

from django.http import Http404, HttpRequest, HttpResponseBase
from django.shortcuts import get_object_or_404
from django_filters import rest_framework as filters
from drf_spectacular.utils import extend_schema
from rest_framework import mixins, viewsets
from rest_framework.permissions import AllowAny

from implants.models import Implant, ImplantQuerySet
from implants.pagination import SkipLimitPagination
from implants.serializers import ImplantSerializer
from implants.storage import private_image_response
from implants.vocabulary import FEATURES


class ImplantFilter(filters.FilterSet):
    manufacturer = filters.CharFilter(lookup_expr="iexact")
    search = filters.CharFilter(method="filter_search", label="words of manufacturer, line, type")

    class Meta:
        model = Implant
        fields = ["manufacturer", *FEATURES]

    def filter_search(self, queryset: ImplantQuerySet, name: str, value: str) -> ImplantQuerySet:
        return queryset.search(value)


@extend_schema(auth=[])
class ImplantViewSet(
    mixins.ListModelMixin, mixins.RetrieveModelMixin, viewsets.GenericViewSet[Implant]
):
    queryset = Implant.objects.active().with_references()
    serializer_class = ImplantSerializer
    authentication_classes = ()
    permission_classes = (AllowAny,)
    pagination_class = SkipLimitPagination
    filter_backends = (filters.DjangoFilterBackend,)
    filterset_class = ImplantFilter


def picture(request: HttpRequest, pk: int) -> HttpResponseBase:
    """The picture of an implant. Reference films show no patient."""
    reference = get_object_or_404(Implant, pk=pk).picture
    if reference is None:
        raise Http404
    return private_image_response(reference.file)
