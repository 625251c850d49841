"""How the description of the API is written: what all operations share is said once, here."""

from http import HTTPStatus
from typing import Any

from django.utils.translation import gettext as _
from drf_spectacular.openapi import AutoSchema
from rest_framework import serializers
from rest_framework.exceptions import NotAcceptable, NotAuthenticated, PermissionDenied

from implants.described import TEXT, WITHOUT_NUL
from implants.fields import Text
from implants.negotiation import AnyAccept

SCOPE_KEY = "x-required-scope"
TAGS = {
    "jotform": "doors",
    "webhook": "doors",
    "upload": "doors",
    "implants": "catalogue",
    "cases": "cases",
    "privacy": "privacy",
    "auth": "accounts",
}
SECURITY = (
    "The access token of `POST /auth/token`, as `Authorization: Bearer …`. What an operation "
    "needs is its scope: `reader` or `approver`, who may also read. A scope counts only as far "
    "as the account still has that role."
)

# What each refusal means, wherever it comes from.
MEANINGS = {
    400: "The request cannot be understood, or a value in it is not allowed.",
    401: "No valid access token, or a wrong or missing secret.",
    403: "Known, but not allowed: the scope is missing, or the form is not on the list.",
    404: "There is nothing at this address, or not any more.",
    405: "The address does not take requests of this method; `Allow` says which it takes.",
    406: "None of the media types in `Accept` can be given.",
    409: "The state of the case does not allow it, or the sender has changed the case since.",
    411: "The size of the body was not announced (`Content-Length`).",
    413: "The body is too large. A film may have 5 MB.",
    415: "The body is of another media type, or the file is no image of a known format.",
    422: "The image cannot be read, or it cannot be fetched from its address.",
    429: "Too many requests. Try again after the seconds in `Retry-After`.",
    503: "It cannot be done now. Try again after the seconds in `Retry-After`.",
}
HEADERS: dict[str, Any] = {
    "X-Request-ID": {
        "description": "Correlation id: the one sent in `X-Request-ID` (8 to 64 letters, digits, "
        "`.`, `_`, `-`), or a new one. It is in the log and in the history of the case.",
        "required": True,
        "schema": {"type": "string", "pattern": "^[A-Za-z0-9._-]{1,64}$"},
        "example": "7d0c7d1f6a4e4c0f9a0f3f6d2b1c5e88",
    },
    "X-Total-Count": {
        "description": "How many there are in all, whatever `skip` and `limit` say.",
        "required": True,
        "schema": {"type": "integer", "minimum": 0},
        "example": 1,
    },
    "Retry-After": {
        "description": "Seconds to wait.",
        "required": True,
        "schema": {"type": "integer", "minimum": 0},
        "example": 30,
    },
    "WWW-Authenticate": {
        "description": "How to show who you are.",
        "schema": {"type": "string"},
        "example": 'Bearer realm="api"',
    },
    "Allow": {
        "description": "The methods of this address.",
        "required": True,
        "schema": {"type": "string"},
        "example": "GET, HEAD, OPTIONS",
    },
}
OTHER_HEADERS = {
    401: "WWW-Authenticate",
    405: "Allow",
    429: "Retry-After",
    503: "Retry-After",
}
SCHEMAS: dict[str, Any] = {
    "Detail": {
        "type": "object",
        "properties": {"detail": {"type": "string", "description": "A sentence in Portuguese."}},
        "required": ["detail"],
    },
    "FieldErrors": {
        "type": "object",
        "description": "For each field that was refused, why.",
        "minProperties": 1,
        "additionalProperties": {},
    },
}


class DescribedSchema(AutoSchema):
    """Adds to each operation its scope, its refusals, and the headers of its answers."""

    def get_tags(self) -> list[str]:
        first = self._tokenize_path()[:1]
        return [TAGS.get(first[0], "service") if first else "service"]

    def get_extensions(self) -> Any:
        scope = self._scope()
        return {**super().get_extensions(), **({SCOPE_KEY: scope} if scope else {})}

    def get_operation(self, *args: Any, **kwargs: Any) -> Any:
        operation = super().get_operation(*args, **kwargs)
        if operation is not None:
            scope = self._scope()
            said = operation.get("description", "")
            operation["description"] = f"{said}\n\nScope: `{scope}`.".strip() if scope else said
            responses = operation["responses"]
            if "requestBody" in operation:
                operation["requestBody"].setdefault("required", True)
            for status in self._refusals(operation):
                responses.setdefault(str(status), {})
            operation["responses"] = {
                status: _complete(int(status), responses[status]) for status in sorted(responses)
            }
            if any(one.get("name") == "limit" for one in operation.get("parameters", [])):
                operation["responses"]["200"]["headers"].update(_header("X-Total-Count"))
        return operation

    def _map_serializer_field(self, field: Any, direction: Any, *args: Any, **kwargs: Any) -> Any:
        schema = super()._map_serializer_field(field, direction, *args, **kwargs)
        is_text = type(field) in (serializers.CharField, Text) and schema.get("type") == "string"
        if direction == "request" and is_text and "pattern" not in schema:
            schema["pattern"] = WITHOUT_NUL if field.allow_blank else TEXT
        return schema

    def _scope(self) -> str:
        return getattr(self.view, "required_scope", "") if self._needs_login() else ""

    def _needs_login(self) -> bool:
        return any(self.get_auth())

    def _refusals(self, operation: dict[str, Any]) -> list[int]:
        """What may be answered besides what the view itself names."""
        negotiation = self.view.content_negotiation_class
        always = [400, 405, 429, 503]
        at_login = [401, 403] if self._needs_login() else []
        by_address = [404] if "{" in self.path else []
        by_body = [411, 413, 415] if "requestBody" in operation else []
        by_kind = [] if issubclass(negotiation, AnyAccept) else [406]
        return sorted(always + at_login + by_address + by_body + by_kind)


def _complete(status: int, response: dict[str, Any]) -> dict[str, Any]:
    """A refusal becomes a reference to its one description; the rest gets its headers."""
    content = response.get("content", {})
    shape = content.get("application/json", {}).get("schema", {}).get("$ref", "")
    if status in MEANINGS and (not content or shape.endswith("/Detail")):
        return {"$ref": f"#/components/responses/{_name_of(status)}"}
    response.setdefault("headers", {}).update(_header("X-Request-ID"))
    response["description"] = response.get("description") or HTTPStatus(status).phrase
    return response


def _name_of(status: int) -> str:
    return f"Refusal{status}"


def _header(name: str) -> dict[str, Any]:
    return {name: {"$ref": f"#/components/headers/{name}"}} if name else {}


def with_shared_parts(result: dict[str, Any], **kwargs: Any) -> dict[str, Any]:
    """Hook of drf-spectacular: what the operations refer to."""
    components = result["components"]
    components.setdefault("schemas", {}).update(SCHEMAS)
    components["headers"] = HEADERS
    components["responses"] = {_name_of(status): _refusal(status) for status in MEANINGS}
    for scheme in components.get("securitySchemes", {}).values():
        scheme["description"] = SECURITY
    return result


def _refusal(status: int) -> dict[str, Any]:
    detail = {"$ref": "#/components/schemas/Detail"}
    fields = {"$ref": "#/components/schemas/FieldErrors"}
    examples: dict[str, Any] = {"detail": {"value": {"detail": _sentence(status)}}}
    if status == 400:
        examples["fields"] = {"value": {"skip": [_("Give one whole number, 0 or more.")]}}
    content = {
        "schema": {"anyOf": [detail, fields]} if status == 400 else detail,
        "examples": examples,
    }
    return {
        "description": MEANINGS[status],
        "headers": _header("X-Request-ID") | _header(OTHER_HEADERS.get(status, "")),
        "content": {"application/json": content},
    }


def _sentence(status: int) -> str:
    """One of the sentences that this status comes with."""
    return {
        400: _("The request body cannot be read."),
        401: str(NotAuthenticated.default_detail),
        403: str(PermissionDenied.default_detail),
        404: _("There is nothing at this address."),
        405: _("This address does not take requests of this method."),
        406: str(NotAcceptable.default_detail),
        409: _("The case is not decided yet."),
        411: _("Send the request with a Content-Length."),
        413: _("The image is larger than 5 MB."),
        415: _("The file is not a JPEG, PNG or WebP image."),
        422: _("The case has no such film, or it cannot be read."),
        429: _("Too many requests. Try again in %(seconds)d seconds.") % {"seconds": 30},
        503: _("The service is restarting. Please try again in a few seconds."),
    }[status]
