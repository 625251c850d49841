import io
import re

import pytest
from django.core.files.base import ContentFile
from django.core.files.uploadedfile import SimpleUploadedFile
from django.urls import reverse
from PIL import Image

from implants.models import Implant, ReferenceImage
from implants.staff.reference_form import ReferenceForm

pytestmark = pytest.mark.django_db

LIST = "admin:implants_implant_changelist"


@pytest.fixture
def implant():
    return Implant.objects.create(
        manufacturer="Fabricante",
        name="Linha Um",
        type="Cone Morse",
        diameter_mm="4.3",
        length_mm="10",
        connection="morse_taper",
    )


@pytest.fixture
def reference(implant, film):
    reference = ReferenceImage(implant=implant, provenance=ReferenceImage.Provenance.PHANTOM)
    reference.indexed_by_importer = True
    reference.file.save("film.jpg", ContentFile(film(1)), save=False)
    reference.thumbnail.save("", ContentFile(film(2)), save=False)
    reference.save()
    return reference


def form_page(implant):
    return reverse("admin:implants_implant_change", args=[implant.pk])


def picture_url(reference):
    return reverse("admin:implants_referenceimage_file", args=[reference.pk])


def html(response):
    return response.content.decode()


def sent(implant, *references, **changes):
    """What the form of an implant sends, with one form per reference (dicts)."""
    data = {
        "manufacturer": implant.manufacturer,
        "name": implant.name,
        "type": implant.type,
        "diameter_mm": "4.3",
        "length_mm": "10",
        "is_active": "on",
        "references-TOTAL_FORMS": len(references),
        "references-INITIAL_FORMS": sum(1 for fields in references if "id" in fields),
    }
    for number, fields in enumerate(references):
        fields = {"provenance": "clinic", "implant": implant.pk, **fields}
        data |= {f"references-{number}-{name}": value for name, value in fields.items()}
    return data | changes


def upload(content, name="João da Silva.jpg"):
    return SimpleUploadedFile(name, content, content_type="image/jpeg")


def test_a_curator_adds_several_references_at_once(client, curator, implant, film):
    client.force_login(curator)

    response = client.post(
        form_page(implant),
        sent(implant, {"file": upload(film(1)), "is_verified": "on"}, {"file": upload(film(2))}),
    )

    assert response.status_code == 302, html(response)
    first, second = implant.references.all()
    assert first.verified_by == curator
    assert second.verified_by is None
    assert re.fullmatch(r"referencia/[0-9a-f]{32}\.jpg", first.file.name)


def test_a_file_that_is_a_reference_already_is_refused_by_name(client, curator, reference, film):
    client.force_login(curator)
    other = Implant.objects.create(manufacturer="Fabricante", name="Linha Dois")

    response = client.post(form_page(other), sent(other, {"file": upload(film(1))}))

    assert response.status_code == 200
    assert str(reference.implant) in html(response)
    assert not other.references.exists()


def test_the_same_file_twice_in_one_form_is_refused(client, curator, implant, film):
    client.force_login(curator)

    response = client.post(
        form_page(implant), sent(implant, {"file": upload(film(1))}, {"file": upload(film(1))})
    )

    assert response.status_code == 200
    assert not implant.references.exists()


def test_a_file_that_is_no_picture_is_refused(client, curator, implant):
    client.force_login(curator)

    response = client.post(form_page(implant), sent(implant, {"file": upload(b"no picture")}))

    assert response.status_code == 200
    assert not implant.references.exists()


@pytest.mark.parametrize("kind", ["GIF", "BMP", "TIFF"])
def test_a_picture_that_could_never_be_searched_is_refused(kind):
    content = io.BytesIO()
    Image.new("L", (300, 300)).save(content, kind)

    form = ReferenceForm({"provenance": "clinic"}, {"file": upload(content.getvalue())})

    assert "JPEG" in str(form.errors["file"])


def test_an_empty_file_is_refused_in_our_own_words():
    form = ReferenceForm({"provenance": "clinic"}, {"file": upload(b"")})

    assert form.errors["file"] == [str(ReferenceForm.Meta.error_messages["file"]["empty"])]


def test_a_reference_can_be_added_where_there_is_one_already(client, curator, reference):
    """The browser sends the file only from a multipart form."""
    client.force_login(curator)

    content = html(client.get(form_page(reference.implant)))

    form = re.search(r'<form[^>]*id="implant_form"[^>]*>', content)[0]
    assert 'enctype="multipart/form-data"' in form


def test_whoever_adds_references_learns_that_they_are_being_checked(client, curator, implant, film):
    client.force_login(curator)

    def told(*rows):
        response = client.post(form_page(implant), sent(implant, *rows), follow=True)
        return [message.level_tag for message in response.context["messages"]]

    assert "info" in told({"file": upload(film(1))})
    assert "info" not in told()


def test_the_fields_of_a_reference_are_named_and_know_the_limit(client, curator, reference):
    client.force_login(curator)

    content = html(client.get(form_page(reference.implant)))

    fields = re.findall(r"<(?:input|select)[^>]*name=\"references-[^>]*>", content)
    visible = [field for field in fields if 'type="hidden"' not in field]
    assert len(visible) > 5
    assert all("aria-label=" in field for field in visible)
    assert 'data-max-bytes="5242880"' in content
    assert "cases/upload-size" in content


def test_a_picture_over_the_limit_is_refused(film, settings):
    settings.RAIOX_MAX_IMAGE_BYTES = 100

    form = ReferenceForm({"provenance": "clinic"}, {"file": upload(film(1))})

    assert "5 MB" in str(form.errors["file"])


def test_the_file_of_a_saved_reference_cannot_be_replaced(client, curator, reference, film):
    client.force_login(curator)
    digest, name = reference.sha256, reference.file.name
    row = {"id": reference.pk, "provenance": "phantom", "note": "nova", "file": upload(film(3))}

    response = client.post(form_page(reference.implant), sent(reference.implant, row))

    assert response.status_code == 302, html(response)
    reference.refresh_from_db()
    assert reference.note == "nova"
    assert (reference.sha256, reference.file.name) == (digest, name)


def test_a_reference_tells_that_it_is_a_phantom_and_why_it_is_not_searched(
    client, curator, reference
):
    client.force_login(curator)
    ReferenceImage.objects.update(error="O arquivo está danificado.")

    content = html(client.get(form_page(reference.implant)))

    assert "fantoma" in content
    assert "O arquivo está danificado." in content
    assert f"{picture_url(reference)}?thumb=1" in content


def test_a_reader_sees_the_catalogue_and_cannot_change_it(client, reader, reference):
    client.force_login(reader)

    content = html(client.get(form_page(reference.implant)))

    assert "Linha Um" in content
    assert picture_url(reference) in content
    assert 'type="file"' not in content
    assert client.get(reverse("admin:implants_implant_add")).status_code == 403
    response = client.post(form_page(reference.implant), sent(reference.implant, name="Outra"))
    assert response.status_code == 403


def test_the_catalogue_can_be_searched_and_filtered(client, curator, implant):
    client.force_login(curator)
    Implant.objects.create(manufacturer="Fabricante", name="Linha Dois", connection="external_hex")

    for query in (
        {"q": "linha um"},
        {"q": "linha 4,3"},
        {"q": "4.3 x 10"},
        {"connection__exact": "morse_taper"},
    ):
        rows = client.get(reverse(LIST), query).context["cl"].result_list
        assert list(rows) == [implant]


def test_the_list_takes_a_bounded_number_of_queries(
    client, curator, reference, django_assert_max_num_queries
):
    client.force_login(curator)
    for number in range(40):
        Implant.objects.create(manufacturer="Fabricante", name=f"Linha {number}")

    with django_assert_max_num_queries(11):
        content = html(client.get(reverse(LIST)))

    assert picture_url(reference) in content


def test_pictures_are_shown_to_staff_with_permission_only(
    client, curator, make_user, reference, film
):
    assert client.get(picture_url(reference)).status_code == 302

    client.force_login(make_user(username="sem-papel"))
    assert client.get(picture_url(reference)).status_code == 403

    client.force_login(curator)
    for query, content in (({}, film(1)), ({"thumb": "1"}, film(2))):
        response = client.get(picture_url(reference), query)
        assert b"".join(response.streaming_content) == content
        assert "private" in response["Cache-Control"]


def test_a_picture_whose_file_is_gone_is_not_found(client, curator, reference):
    client.force_login(curator)
    reference.file.storage.delete(reference.file.name)

    assert client.get(picture_url(reference)).status_code == 404


def test_pages_hold_no_inline_script_or_style(client, curator, reference):
    client.force_login(curator)
    for url in (reverse(LIST), form_page(reference.implant)):
        content = html(client.get(url))
        assert not re.search(r"<script(?![^>]*\bsrc=)", content)
        assert "<style" not in content
        assert not re.search(r"\s(style|on\w+)=", content)
