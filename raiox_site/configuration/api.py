"""Django REST framework, its description, and its reader."""

from typing import Any


def settings(*, version: str, proxies: int) -> dict[str, Any]:
    return {
        "REST_FRAMEWORK": {
            "DEFAULT_AUTHENTICATION_CLASSES": [
                "rest_framework_simplejwt.authentication.JWTAuthentication"
            ],
            "DEFAULT_PERMISSION_CLASSES": ["rest_framework.permissions.IsAuthenticated"],
            "DEFAULT_RENDERER_CLASSES": ["rest_framework.renderers.JSONRenderer"],
            "DEFAULT_PARSER_CLASSES": ["rest_framework.parsers.JSONParser"],
            "EXCEPTION_HANDLER": "cases.errors.answer",
            "DEFAULT_SCHEMA_CLASS": "drf_spectacular.openapi.AutoSchema",
            "NUM_PROXIES": proxies,
            "COERCE_DECIMAL_TO_STRING": False,
        },
        "SPECTACULAR_SETTINGS": {
            "TITLE": "Raiox AI",
            "VERSION": version,
            "SERVE_INCLUDE_SCHEMA": False,
            "SERVE_PUBLIC": True,
            "SERVE_AUTHENTICATION": [],
            "SERVE_PERMISSIONS": ["rest_framework.permissions.AllowAny"],
            "POSTPROCESSING_HOOKS": [
                "drf_spectacular.hooks.postprocess_schema_enums",
                "raiox_site.docs.without_trailing_slash",
            ],
            "ENUM_NAME_OVERRIDES": {
                "OutcomeEnum": "cases.models.Finding.Outcome",
                "RejectionOutcomeEnum": "cases.models.RejectionReason.Outcome",
            },
            "SWAGGER_UI_DIST": "SIDECAR",
            "SWAGGER_UI_FAVICON_HREF": "SIDECAR",
        },
    }
