"""Django REST framework, its description, and its reader."""

from typing import Any

ABOUT = """
Films of dental implants come in by the doors and are compared with a catalogue; a person then
decides about each case.

* **Errors** are JSON: `{"detail": "…"}`, or for each field that was refused why. The sentences
  are in Portuguese. Nothing that a client sends is answered with 500.
* **Lists** are bare arrays, cut by `skip` and `limit`; `X-Total-Count` says how many there are.
  A filter that is unknown, empty, repeated or has a value that cannot be is answered with 400.
* **Correlation**: send `X-Request-ID` or read it from the answer; it is in the log and in the
  history of the case, also for what is done later because of the request.
* **Limits**: a film may have 5 MB; too many requests are answered with 429 and `Retry-After`.
* **Addresses** may end in a slash or not.
"""
TAGS = [
    {"name": "doors", "description": "Where films come in, without a login."},
    {"name": "catalogue", "description": "The implants that can be recognised; open to anybody."},
    {"name": "cases", "description": "What came in, and what was decided about it."},
    {"name": "privacy", "description": "What a person may ask for: erasure, and a copy."},
    {"name": "accounts", "description": "Tokens for staff."},
    {"name": "service", "description": "Whether the service is up, and what it counts."},
]


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
            "DEFAULT_SCHEMA_CLASS": "raiox_site.api_schema.DescribedSchema",
            # A parameter of this name would choose among renderers: there is one.
            "URL_FORMAT_OVERRIDE": None,
            "NUM_PROXIES": proxies,
            "COERCE_DECIMAL_TO_STRING": False,
        },
        "SPECTACULAR_SETTINGS": {
            "TITLE": "Raiox AI",
            "DESCRIPTION": ABOUT,
            "VERSION": version,
            "TAGS": TAGS,
            "SERVE_INCLUDE_SCHEMA": False,
            "SERVE_PUBLIC": True,
            "SERVE_AUTHENTICATION": [],
            "SERVE_PERMISSIONS": ["rest_framework.permissions.AllowAny"],
            "POSTPROCESSING_HOOKS": [
                "drf_spectacular.hooks.postprocess_schema_enums",
                "raiox_site.api_schema.with_shared_parts",
                "raiox_site.docs.without_trailing_slash",
            ],
            "ENUM_NAME_OVERRIDES": {
                "OutcomeEnum": "cases.models.Finding.Outcome",
                "RejectionOutcomeEnum": "cases.models.RejectionReason.Outcome",
            },
            # One form for what is asked and what is answered, where they differ.
            "COMPONENT_SPLIT_REQUEST": True,
            "SWAGGER_UI_DIST": "SIDECAR",
            "SWAGGER_UI_FAVICON_HREF": "SIDECAR",
        },
    }
