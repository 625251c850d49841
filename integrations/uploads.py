"""Refusing what is too large while it is still being sent."""

from typing import Any

from django.conf import settings
from django.core.exceptions import SuspiciousOperation
from django.core.files.uploadhandler import FileUploadHandler
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from rest_framework.exceptions import APIException

MEGABYTE = 1024 * 1024
# Form fields and part headers beside one film of the permitted size.
ENVELOPE_BYTES = MEGABYTE
# Catalogue staff send several films in one form.
MAX_REQUEST_BYTES = 32 * MEGABYTE


class PayloadTooLarge(APIException, SuspiciousOperation):
    """413 from the API. In the panel a form is read before any view runs, where Django
    answers a suspicious operation with 400 and anything else with 500."""

    status_code = 413
    default_code = "too_large"


class ImageTooLarge(PayloadTooLarge):
    default_detail = gettext_lazy("The image is larger than 5 MB.")


class RequestTooLarge(PayloadTooLarge):
    def __init__(self, *, limit: int) -> None:
        most = {"number": limit // MEGABYTE}
        super().__init__(_("The request is larger than %(number)d MB.") % most)


class CappedUploadHandler(FileUploadHandler):
    """Stops each file of a form at the image limit while it is read."""

    def receive_data_chunk(self, raw_data: bytes, start: int) -> bytes:
        if start + len(raw_data) > settings.RAIOX_MAX_IMAGE_BYTES:
            raise ImageTooLarge
        return raw_data

    def file_complete(self, file_size: int) -> Any:
        return None
