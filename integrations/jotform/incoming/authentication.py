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
    """
    signature = request.headers.get(SIGNATURE_HEADER, "")
    if settings.JF_SECRET and signature:
        if not _same(signature.removeprefix("sha256=").lower(), _signature(request.body)):
            raise NotAuthentic
        return
    expected = settings.RAIOX_WEBHOOK_TOKEN
    if expected and not _same(token or request.GET.get("token", ""), expected):
        raise NotAuthentic


def _signature(body: bytes) -> str:
    return hmac.new(settings.JF_SECRET.encode(), body, hashlib.sha256).hexdigest()


def _same(given: str, expected: str) -> bool:
    return hmac.compare_digest(given.encode(), expected.encode())
