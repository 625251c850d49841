"""Whether a webhook request comes from our form."""

import hashlib
import hmac

from django.conf import settings
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _
from rest_framework.exceptions import APIException

SIGNATURE_HEADER = "x-jf-signature"


class NotAuthentic(APIException):
    status_code = 401
    default_detail = _("The webhook secret is missing or wrong.")
    default_code = "not_authentic"


def authenticate(request: HttpRequest, *, token: str = "") -> None:
    """Raise NotAuthentic unless the request proves itself.

    Jotform signs nothing, so the secret travels in the registered address, as
    `/jotform/<token>` or `?token=`. A signature (`x-jf-signature`, hex HMAC-SHA256 of the raw
    body with JF_SECRET) is verified where it is sent and then proves enough, but is never
    required. Without any secret configured (development) every request passes.

    Has to come before the body is parsed, which would consume it.
    """
    if not is_authentic(request, token=token):
        raise NotAuthentic


def is_authentic(request: HttpRequest, *, token: str = "") -> bool:
    """Whether it proves itself as far as that is asked for."""
    is_asked = bool(settings.RAIOX_WEBHOOK_TOKEN or _signature_of(request))
    return not is_asked or is_proven(request, token=token)


def is_proven(request: HttpRequest, *, token: str = "") -> bool:
    """Whether a secret is configured and the request shows that it knows it."""
    if signature := _signature_of(request):
        return _same(signature.removeprefix("sha256=").lower(), _signature(request.body))
    given = token or request.GET.get("token", "")
    accepted = (settings.RAIOX_WEBHOOK_TOKEN, settings.RAIOX_WEBHOOK_TOKEN_OLD)
    # Without one of now there is none of before either: a secret that was taken away is not kept.
    return bool(accepted[0]) and True in [_same(given, one) for one in accepted if one]


def is_refuted(request: HttpRequest) -> bool:
    """Whether the request shows a secret, which it need not at every door, and a wrong one."""
    has_token = bool(settings.RAIOX_WEBHOOK_TOKEN) and "token" in request.GET
    return (has_token or bool(_signature_of(request))) and not is_proven(request)


def _signature_of(request: HttpRequest) -> str:
    """What the request sends as its signature; empty where that could prove nothing."""
    return request.headers.get(SIGNATURE_HEADER, "") if settings.JF_SECRET else ""


def _signature(body: bytes) -> str:
    return hmac.new(settings.JF_SECRET.encode(), body, hashlib.sha256).hexdigest()


def _same(given: str, expected: str) -> bool:
    return hmac.compare_digest(given.encode(), expected.encode())
