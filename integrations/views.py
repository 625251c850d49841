"""What the doors that are open to the internet have in common."""

from typing import Any

from django.conf import settings
from django.utils.translation import gettext_lazy as _
from rest_framework.exceptions import APIException
from rest_framework.request import Request
from rest_framework.views import APIView

from integrations.uploads import ENVELOPE_BYTES, PayloadTooLarge


class LengthRequired(APIException):
    status_code = 411
    default_detail = _("Send the request with a Content-Length.")
    default_code = "length_required"


class OpenDoor(APIView):
    """A view without login: it is throttled, and refuses a body whose size is not announced
    (Django would see it as empty) or too large before reading it."""

    authentication_classes: tuple[Any, ...] = ()
    permission_classes: tuple[Any, ...] = ()

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        # Before the limit of requests: some that are over it are read nevertheless.
        if "chunked" in request.headers.get("Transfer-Encoding", "").lower():
            raise LengthRequired
        length = request.META.get("CONTENT_LENGTH") or "0"
        if length.isdecimal() and int(length) > settings.RAIOX_MAX_IMAGE_BYTES + ENVELOPE_BYTES:
            raise PayloadTooLarge
        super().initial(request, *args, **kwargs)
