"""What the description of the API says about the catalogue."""

from typing import Any

from drf_spectacular.utils import OpenApiExample, OpenApiParameter, OpenApiResponse, OpenApiTypes

# A text with something in it, and without NUL, which PostgreSQL cannot store.
TEXT = r"^[^\u0000]*[^\s\u0000\u001c-\u001f\u0085][^\u0000]*$"
WITHOUT_NUL = r"^[^\u0000]*$"
PICTURES = ("image/jpeg", "image/png", "image/webp")
IMPLANT: dict[str, Any] = {
    "id": 12,
    "name": "Helix GM",
    "manufacturer": "Neodent",
    "type": "Cone Morse",
    "image_url": "https://raiox.example.org/implants/12/picture",
    "diameter_mm": 4.0,
    "length_mm": 11.5,
    "platform_diameter_mm": 3.0,
    "body_shape": "tapered",
    "connection": "morse_taper",
    "level": "bone",
    "collar": "none",
    "thread": "v",
    "apex": "rounded",
    "platform_switching": "yes",
    "source": "",
}
IMPLANT_EXAMPLE = OpenApiExample("One line of the catalogue", value=IMPLANT, response_only=True)


def id_parameter(name: str, description: str) -> OpenApiParameter:
    return OpenApiParameter(
        name,
        {"type": "integer", "minimum": 1, "maximum": 10**18 - 1},
        OpenApiParameter.PATH,
        description=description,
    )


IMPLANT_ID = id_parameter("id", "The implant's number.")


def picture_responses(what: str) -> dict[Any, Any]:
    """For `extend_schema`: bytes from the local disk, or a redirect to the bucket."""
    return {
        **{(200, kind): OpenApiResponse(OpenApiTypes.BINARY, what) for kind in PICTURES},
        302: OpenApiResponse(description="Where it lies: an address that is good for minutes."),
    }
