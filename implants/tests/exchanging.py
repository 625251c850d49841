"""What the tests of import and export share."""

import io
import zipfile

from django.core.files.uploadedfile import SimpleUploadedFile
from django.urls import reverse
from openpyxl import Workbook

IMPORT = "admin:implants_implant_import"
CONFIRM = "admin:implants_implant_import_confirm"
EXPORT = "admin:implants_implant_export"
HEAD = "manufacturer;name;diameter_mm;length_mm;connection;source"


def csv(*lines, head=HEAD):
    return "\r\n".join([head, *lines]).encode()


def xlsx(*rows):
    book = Workbook()
    for row in rows:
        book.active.append(row)
    buffer = io.BytesIO()
    book.save(buffer)
    return buffer.getvalue()


def preview(client, content, name="tabela.csv"):
    return client.post(reverse(IMPORT), {"table": SimpleUploadedFile(name, content)})


def confirm(client, response):
    context = response.context
    sent = {"token": context["token"], "fingerprint": context["plan"].fingerprint}
    return client.post(reverse(CONFIRM), sent)


def problems(response):
    return [
        (row.line, column, why)
        for row in response.context["plan"].refused
        for column, why in row.problems
    ]


def rezipped(content, name, change):
    """An XLSX of which the part `name` became `change(its bytes)`."""
    buffer = io.BytesIO()
    with (
        zipfile.ZipFile(io.BytesIO(content)) as source,
        zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as target,
    ):
        for part in source.infolist():
            data = source.read(part)
            target.writestr(part.filename, change(data) if part.filename == name else data)
    return buffer.getvalue()
