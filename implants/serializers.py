from django.urls import reverse
from drf_spectacular.utils import extend_schema_serializer
from rest_framework import serializers
from rest_framework.request import Request

from implants.described import IMPLANT_EXAMPLE
from implants.models import Implant


def picture_url(implant: Implant, request: Request) -> str | None:
    """Address of an implant's picture; None where it has none that anybody may see."""
    if implant.public_picture is None:
        return None
    return request.build_absolute_uri(reverse("implant-picture", args=[implant.pk]))


@extend_schema_serializer(examples=[IMPLANT_EXAMPLE])
class ImplantSerializer(serializers.ModelSerializer[Implant]):
    image_url = serializers.SerializerMethodField()

    class Meta:
        model = Implant
        fields = [
            "id",
            "name",
            "manufacturer",
            "type",
            "image_url",
            "diameter_mm",
            "length_mm",
            "platform_diameter_mm",
            "body_shape",
            "connection",
            "level",
            "collar",
            "thread",
            "apex",
            "platform_switching",
            "source",
        ]

    def get_image_url(self, implant: Implant) -> str | None:
        return picture_url(implant, self.context["request"])
