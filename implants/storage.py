"""What the file storages have in common."""

from typing import Any, cast

from botocore.exceptions import BotoCoreError, ClientError
from django.core.files.storage import FileSystemStorage
from django.db.models.fields.files import FieldFile
from django.http import FileResponse, Http404, HttpResponseBase, HttpResponseRedirect

# Whatever storage is configured, a failing one raises one of these.
STORAGE_ERRORS = (OSError, BotoCoreError, ClientError)
# Files are named by nobody: the name of a download tells nothing.
FILENAME = "film"


def private_image_response(file: FieldFile, *, may_be_kept: bool = False) -> HttpResponseBase:
    """Answer with a private image: its bytes from the local disk, or a redirect to a signed,
    short-lived address of the bucket. Who may see it is the caller's question. `may_be_kept`:
    by the browser, for some minutes; not what shows a patient. Raises Http404 when it is gone."""
    keeping = "private, max-age=300" if may_be_kept else "private, no-store"
    if not isinstance(file.storage, FileSystemStorage):
        return HttpResponseRedirect(_signed(file, keeping), headers={"Cache-Control": "no-store"})
    try:
        content = file.open("rb")
    except FileNotFoundError as missing:
        raise Http404 from missing
    start = content.read(12)
    content.seek(0)
    response = FileResponse(content, content_type=image_type(start), filename=FILENAME)
    response["Cache-Control"] = keeping
    response["X-Content-Type-Options"] = "nosniff"
    return response


def _signed(file: FieldFile, keeping: str) -> str:
    answer = {
        "ResponseCacheControl": keeping,
        "ResponseContentDisposition": f'inline; filename="{FILENAME}"',
    }
    bucket = cast(Any, file.storage)
    return str(bucket.url(str(file.name), parameters=answer))


def image_type(start: bytes) -> str:
    """The media type of a stored image by its first 12 bytes: a clean copy is a JPEG, a picture
    that was rendered here may be another."""
    if start.startswith(b"\x89PNG"):
        return "image/png"
    if start.startswith(b"RIFF") and start[8:12] == b"WEBP":
        return "image/webp"
    return "image/jpeg"
