"""Examples for the description of the API."""

from drf_spectacular.utils import OpenApiExample

_JWT = "eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.e30.exemplo"
PAIR = OpenApiExample(
    "For a reviewer",
    value={"access": _JWT, "refresh": _JWT, "scope": "approver"},
    response_only=True,
)
LOGIN = OpenApiExample(
    "With less than all roles, and a second step",
    value={
        "username": "revisora",
        "password": "uma frase longa de exemplo",
        "scope": "reader",
        "otp": "123456",
    },
    request_only=True,
)
REFRESH = OpenApiExample("A refresh token", value={"refresh": _JWT}, request_only=True)
