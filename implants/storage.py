"""What the file storages have in common."""

from botocore.exceptions import BotoCoreError, ClientError
from django.core.files.storage import FileSystemStorage
from django.db.models.fields.files import FieldFile
from django.http import FileResponse, Http404, HttpResponseBase, HttpResponseRedirect

# Whatever storage is configured, a failing one raises one of these.
STORAGE_ERRORS = (OSError, BotoCoreError, ClientError)


def private_image_response(file: FieldFile) -> HttpResponseBase:
    """Answer with a private image: its bytes from the local disk, or a redirect to a signed,
    short-lived address of the bucket. Who may see it is the caller's question. Raises Http404
    when it is gone."""
    if not isinstance(file.storage, FileSystemStorage):
        return HttpResponseRedirect(file.storage.url(str(file.name)))
    try:
        content = file.open("rb")
    except FileNotFoundError as missing:
        raise Http404 from missing
    start = content.read(12)
    content.seek(0)
    response = FileResponse(content, content_type=image_type(start))
    response["Cache-Control"] = "private, max-age=300"
    return response


def image_type(start: bytes) -> str:
    """The media type of a JPEG, PNG or WebP image by its first 12 bytes."""
    if start.startswith(b"\x89PNG"):
        return "image/png"
    if start.startswith(b"RIFF") and start[8:12] == b"WEBP":
        return "image/webp"
    return "image/jpeg"
