"""Refusing what is too large while it is still being sent."""

from typing import Any

from django.conf import settings
from django.core.files.uploadhandler import FileUploadHandler
from django.utils.translation import gettext_lazy as _
from rest_framework.exceptions import APIException

# Form fields and part headers beside one film of the permitted size.
ENVELOPE_BYTES = 1024 * 1024


class PayloadTooLarge(APIException):
    status_code = 413
    default_detail = _("The image is larger than 5 MB.")
    default_code = "too_large"


class CappedUploadHandler(FileUploadHandler):
    """Stops a multipart upload at the image limit: before reading where the length is
    announced, while reading otherwise."""

    def handle_raw_input(
        self,
        input_data: Any,
        META: dict[str, Any],
        content_length: int,
        boundary: Any,
        encoding: str | None = None,
    ) -> None:
        self._size = 0
        if content_length > settings.RAIOX_MAX_IMAGE_BYTES + ENVELOPE_BYTES:
            raise PayloadTooLarge

    def receive_data_chunk(self, raw_data: bytes, start: int) -> bytes:
        self._size += len(raw_data)
        if self._size > settings.RAIOX_MAX_IMAGE_BYTES:
            raise PayloadTooLarge
        return raw_data

    def file_complete(self, file_size: int) -> None:
        return None
