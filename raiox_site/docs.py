"""The API description and its reader."""

from typing import Any

from drf_spectacular.views import SpectacularJSONAPIView, SpectacularSwaggerSplitView

from implants.negotiation import AnyAccept


class Schema(SpectacularJSONAPIView):
    permission_classes = ()
    content_negotiation_class = AnyAccept


class SwaggerUI(SpectacularSwaggerSplitView):
    """The page has a Content-Security-Policy of its own (raiox_site.security_headers)."""

    permission_classes = ()
    content_negotiation_class = AnyAccept
    url_name = "openapi"
    schema = None


def without_trailing_slash(result: dict[str, Any], **kwargs: Any) -> dict[str, Any]:
    """Both forms of every address work; the contract names the one without a slash."""
    result["paths"] = {path.rstrip("/") or "/": item for path, item in result["paths"].items()}
    return result
