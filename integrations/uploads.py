"""Refusing what is too large while it is still being sent."""

from typing import Any

from django.conf import settings
from django.core.exceptions import SuspiciousOperation
from django.core.files.uploadhandler import FileUploadHandler
from django.utils.translation import gettext_lazy as _
from rest_framework.exceptions import APIException

# Form fields and part headers beside one film of the permitted size.
ENVELOPE_BYTES = 1024 * 1024
# Catalogue staff send several films in one form.
MAX_REQUEST_BYTES = 32 * 1024 * 1024


class PayloadTooLarge(APIException, SuspiciousOperation):
    """413 from the API. In the panel a form is read before any view runs, where Django
    answers a suspicious operation with 400 and anything else with 500."""

    status_code = 413
    default_detail = _("The image is larger than 5 MB.")
    default_code = "too_large"


class CappedUploadHandler(FileUploadHandler):
    """Stops an upload whose announced size is out of bounds before it is read, and each
    file of it at the image limit while it is read."""

    def handle_raw_input(
        self,
        input_data: Any,
        META: dict[str, Any],
        content_length: int,
        boundary: Any,
        encoding: str | None = None,
    ) -> None:
        if content_length > MAX_REQUEST_BYTES:
            raise PayloadTooLarge

    def receive_data_chunk(self, raw_data: bytes, start: int) -> bytes:
        if start + len(raw_data) > settings.RAIOX_MAX_IMAGE_BYTES:
            raise PayloadTooLarge
        return raw_data

    def file_complete(self, file_size: int) -> None:
        return None
