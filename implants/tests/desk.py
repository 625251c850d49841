"""What the tests of the catalogue's desk share."""

from django.core.files.base import ContentFile
from django.core.files.uploadedfile import SimpleUploadedFile

from implants.models import Implant, ReferenceImage


def make_implant(name="Linha Um", manufacturer="Fabricante", **facts):
    return Implant.objects.create(
        manufacturer=manufacturer,
        name=name,
        **{"diameter_mm": "4.3", "length_mm": "10", **facts},
    )


def make_reference(implant, content, **facts):
    """A stored reference without a vector, as an importer leaves it."""
    reference = ReferenceImage(implant=implant, **facts)
    reference.indexed_by_importer = True
    reference.file.save("", ContentFile(content), save=False)
    reference.save()
    return reference


def upload(content, name="João da Silva.jpg"):
    return SimpleUploadedFile(name, content, content_type="image/jpeg")


def html(response):
    return response.content.decode()


def told(response):
    return " ".join(str(message) for message in response.wsgi_request._messages)
