"""What `cases.export` writes, as a download."""

import tempfile
from typing import IO

from django.contrib.auth.models import User
from django.http import FileResponse

from cases.export import Asked, export

# The same for everybody: a name of its own would say whom it is about.
ARCHIVE_NAME = "raiox-dados.zip"


def archive_response(asked: Asked, *, by: User) -> FileResponse:
    """The archive as a download, from a file without a name. Raises NothingHeld, StorageFailed."""
    archive: IO[bytes] = tempfile.TemporaryFile()  # noqa: SIM115
    try:
        export(asked=asked, out=archive, by=by)
    except BaseException:
        archive.close()
        raise
    archive.seek(0)
    return FileResponse(
        archive,
        as_attachment=True,
        filename=ARCHIVE_NAME,
        content_type="application/zip",
        headers={"Cache-Control": "no-store"},
    )
