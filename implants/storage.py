"""What the file storages have in common."""

from botocore.exceptions import BotoCoreError, ClientError
from django.core.files.storage import FileSystemStorage
from django.db.models.fields.files import FieldFile
from django.http import FileResponse, HttpResponseBase, HttpResponseRedirect

# Whatever storage is configured, a failing one raises one of these.
STORAGE_ERRORS = (OSError, BotoCoreError, ClientError)


def private_image_response(file: FieldFile) -> HttpResponseBase:
    """Answer with a private image: its bytes from the local disk, or a redirect to a signed,
    short-lived address of the bucket. Who may see it is the caller's question."""
    if not isinstance(file.storage, FileSystemStorage):
        return HttpResponseRedirect(file.storage.url(str(file.name)))
    response = FileResponse(file.open("rb"), content_type="image/jpeg")
    response["Cache-Control"] = "private, max-age=300"
    return response
