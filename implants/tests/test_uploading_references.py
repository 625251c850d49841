import hashlib
import io
import json
from pathlib import Path

import pytest
from django.core.files.storage import default_storage
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from django.urls import reverse
from django.utils.translation import gettext as _
from PIL import Image

from implants.models import ReferenceImage
from implants.staff.uploads import Refused, store
from implants.tests.desk import html, make_implant, make_reference, told, upload

pytestmark = pytest.mark.django_db


@pytest.fixture
def implant():
    return make_implant()


@pytest.fixture
def staff(client, curator):
    client.force_login(curator)
    return client


def url(implant):
    return reverse("admin:implants_implant_upload", args=[implant.pk])


def send(client, implant, content, **facts):
    """One film, as the script sends it."""
    data = {"provenance": "clinic", "file": upload(content), **facts}
    return client.post(url(implant), data, headers={"accept": "application/json"})


def test_a_film_is_added_and_waits_for_its_vector(staff, implant, film, curator):
    response = send(staff, implant, film(1), modality="periapical", is_verified="on")

    assert response.status_code == 201
    reference = implant.references.get()
    assert (reference.modality, reference.verified_by) == ("periapical", curator)
    assert reference.is_active
    answer = response.json()
    assert (answer["id"], answer["state"]) == (reference.pk, "waiting")
    assert "João" not in reference.file.name + reference.note


@pytest.mark.parametrize(
    ("content", "status"),
    [
        (b"no picture", 415),
        (b"GIF89a\x01\x00\x01\x00\x00\x00\x00;", 415),
        (b"\x89PNG\r\n\x1a\nbut no more", 415),
        (b"", 400),
    ],
)
def test_what_is_no_film_is_refused_with_its_reason(staff, implant, content, status):
    response = send(staff, implant, content)

    assert response.status_code == status
    assert response.json()["detail"]
    assert not implant.references.exists()


@pytest.mark.parametrize("name", ["IMG_0001", "film.bin", "film.tar.gz", "película.jpg.tmp"])
def test_a_film_is_known_by_its_bytes_whatever_its_name(staff, implant, film, name):
    data = {"provenance": "clinic", "file": upload(film(1), name)}

    response = staff.post(url(implant), data, headers={"accept": "application/json"})

    assert response.status_code == 201


def test_no_film_without_an_extension_is_told_what_can_be_used(staff, implant):
    data = {"provenance": "clinic", "file": upload(b"no picture", "IMG_0001")}

    response = staff.post(url(implant), data, headers={"accept": "application/json"})

    assert response.status_code == 415
    assert "JPEG, PNG" in response.json()["detail"]
    assert len(response.json()["detail"]) < 100


def png(*size):
    buffer = io.BytesIO()
    Image.new("L", size, 90).save(buffer, "PNG")
    return buffer.getvalue()


@pytest.mark.parametrize("size", [(6000, 5000), (1, 1), (3000, 1)])
def test_a_picture_that_could_not_be_searched_is_refused_at_once(staff, implant, size):
    response = send(staff, implant, png(*size))

    assert response.status_code == 422
    assert response.json()["detail"]
    assert not implant.references.exists()


def test_a_truncated_film_is_refused_at_once(staff, implant, film):
    response = send(staff, implant, film(1)[:-400])

    assert response.status_code == 422
    assert not implant.references.exists()


def test_a_film_that_is_a_reference_already_is_refused_by_name(staff, implant, film):
    other = make_implant("Linha Dois")
    make_reference(other, film(1))

    response = send(staff, implant, film(1))

    assert response.status_code == 409
    assert "Linha Dois" in response.json()["detail"]


class SentTwice(SimpleUploadedFile):
    """A film that somebody else adds as well, after this one was compared with all others."""

    reads = 0

    def read(self, size=-1):
        self.reads += 1
        if self.reads == 2:
            make_reference(make_implant("Linha Dois"), self.content)
        return self.file.read(size)


def test_a_film_that_somebody_else_sends_at_the_same_moment_is_refused(implant, film, curator):
    file = SentTwice("film.jpg", film(1), content_type="image/jpeg")
    file.content = film(1)

    with pytest.raises(Refused, match="Linha Dois") as refused:
        store(implant=implant, file=file, facts={"provenance": "clinic"}, by=curator)

    assert refused.value.status == 409
    assert len(default_storage.listdir("referencia")[1]) == 1


def test_a_film_over_the_limit_is_refused(staff, implant, film, settings):
    settings.RAIOX_MAX_IMAGE_BYTES = 100

    response = send(staff, implant, film(1))

    assert response.status_code == 413
    assert "5 MB" in response.json()["detail"]


@pytest.fixture
def failing_storage():
    """A file stands where the folder of the films would be made."""
    place = Path(default_storage.path("referencia"))
    place.parent.mkdir(parents=True, exist_ok=True)
    place.write_bytes(b"")


def test_a_storage_that_fails_is_told_and_leaves_nothing(staff, implant, film, failing_storage):
    response = send(staff, implant, film(1))

    assert response.status_code == 503
    assert response.json()["detail"]
    assert not implant.references.exists()


def test_without_scripts_a_storage_that_fails_is_told_too(staff, implant, film, failing_storage):
    response = staff.post(url(implant), {"provenance": "clinic", "file": upload(film(1))})

    assert response.status_code == 302
    assert "João da Silva.jpg" in told(response)


def test_more_films_than_a_form_may_hold_are_refused_in_words(staff, implant, film, settings):
    settings.DATA_UPLOAD_MAX_NUMBER_FILES = 3
    files = [upload(film(number)) for number in range(4)]

    response = staff.post(url(implant), {"provenance": "clinic", "file": files})

    assert response.status_code == 413
    assert _("Choose at most %(number)d films at a time.") % {"number": 3} in html(response)
    assert not implant.references.exists()


def test_a_request_without_a_film_is_refused(staff, implant):
    response = staff.post(url(implant), {}, headers={"accept": "application/json"})

    assert response.status_code == 400


def test_without_scripts_all_films_come_in_one_form(staff, implant, film):
    files = [upload(film(1)), upload(b"no picture", "nota.jpg"), upload(film(2))]

    response = staff.post(url(implant), {"provenance": "clinic", "file": files})

    assert response.status_code == 302
    assert implant.references.count() == 2
    assert "nota.jpg" in told(response)


@pytest.mark.parametrize("name", ["reader", "approver"])
def test_who_may_not_add_references_cannot(client, request, implant, film, name):
    client.force_login(request.getfixturevalue(name))

    assert send(client, implant, film(1)).status_code == 403
    assert client.get(reverse("admin:implants_referenceimage_drop")).status_code == 403
    assert client.post(reverse("admin:implants_referenceimage_assign")).status_code == 403
    page = reverse("admin:implants_implant_change", args=[implant.pk])
    assert "data-drop" not in html(client.get(page))
    assert not implant.references.exists()


def test_a_film_from_another_site_is_refused(curator, implant, film):
    client = Client(enforce_csrf_checks=True)
    client.force_login(curator)

    response = send(client, implant, film(1))

    assert response.status_code == 403
    assert response.json()["detail"]
    assert not implant.references.exists()


def test_an_implant_that_is_gone_is_not_found(staff, implant, film):
    address = url(implant)
    implant.delete()

    response = staff.post(
        address, {"file": upload(film(1))}, headers={"accept": "application/json"}
    )

    assert response.status_code == 404
    assert response.json()["detail"]


def test_the_page_of_an_implant_has_a_drop_zone_that_works_without_scripts(staff, implant):
    page = html(staff.get(reverse("admin:implants_implant_change", args=[implant.pk])))

    form = page[page.index("data-drop") - 300 : page.index("data-drop")]
    assert url(implant) in form
    assert 'method="post"' in form
    assert 'type="file" id="drop-files" name="file" multiple' in page


def assigned(client, *paths):
    response = client.post(reverse("admin:implants_referenceimage_assign"), {"path": paths})
    assert response.status_code == 200
    return response.json()


def test_files_are_assigned_by_both_conventions_and_nothing_is_stored(staff):
    blx = make_implant("BLX (RB)", "Straumann", diameter_mm="4.5")
    tapered = make_implant("Bone Level Tapered (BLT)", "Straumann", diameter_mm="4.1")

    answer = assigned(staff, "STRAUMANN_BLX_4.5mm_11.jpg", "straumann/bone_level_tapered_01.jpg")

    assert [one["implant"] for one in answer["files"]] == [blx.pk, tapered.pk]
    assert answer["implants"][str(blx.pk)] == str(blx)
    assert not ReferenceImage.objects.exists()


def test_a_name_that_fits_several_implants_offers_them(staff):
    short, long = (make_implant("BLX", "Straumann", length_mm=mm) for mm in ("8", "12"))

    (file,) = assigned(staff, "STRAUMANN_BLX_4.3mm.jpg")["files"]

    assert file["implant"] is None
    assert set(file["choices"]) == {short.pk, long.pk}
    assert file["reason"]


@pytest.mark.parametrize(
    "path", ["IMG_0001.jpg", "STRAUMANN_BLX_9mm.jpg", "OUTRA_LINHA_4.0mm.jpg", "../../x.jpg"]
)
def test_a_name_that_fits_nothing_says_why(staff, path):
    make_implant("BLX", "Straumann", diameter_mm="4.5")

    (file,) = assigned(staff, path)["files"]

    assert file["implant"] is None
    assert file["reason"]


def test_an_inactive_implant_gets_no_films_by_name(staff):
    make_implant("BLX", "Straumann", is_active=False)

    assert assigned(staff, "STRAUMANN_BLX_4.3mm.jpg")["files"][0]["implant"] is None


def test_too_many_names_are_refused(staff):
    url = reverse("admin:implants_referenceimage_assign")

    response = staff.post(url, {"path": [f"{number}.jpg" for number in range(501)]})

    assert response.status_code == 413
    assert json.loads(response.content)["detail"]


def with_exif(content: bytes) -> bytes:
    """The film as a camera writes it: lying on its side, with the name of the patient."""
    tags = Image.Exif()
    tags[0x0112], tags[0x010E] = 6, "MARIA-DA-SILVA"
    buffer = io.BytesIO()
    Image.open(io.BytesIO(content)).convert("RGB").save(buffer, "JPEG", exif=tags)
    return buffer.getvalue()


def test_only_a_clean_copy_is_stored_and_shown(staff, implant, film):
    content = with_exif(film(1))
    assert b"MARIA" in content

    assert send(staff, implant, content).status_code == 201

    reference = ReferenceImage.objects.get()
    # Known by what was sent, so that it is not taken twice.
    assert reference.sha256 == hashlib.sha256(content).hexdigest()
    shown = b"".join(staff.get(reverse("admin:implants_referenceimage_file", args=[reference.pk])))
    assert shown.startswith(b"\xff\xd8\xff") and b"MARIA" not in shown
    with Image.open(io.BytesIO(shown)) as picture:
        assert (picture.mode, picture.size) == ("L", (200, 120))
        assert not dict(picture.getexif())
    assert send(staff, implant, content).status_code == 409


def test_a_film_of_the_form_without_scripts_is_stored_clean_as_well(staff, implant, film):
    data = {"file": upload(with_exif(film(1))), "provenance": "clinic"}
    staff.post(url(implant), data, headers={"accept": "text/html"})
    with ReferenceImage.objects.get().file.open("rb") as stored:
        assert b"MARIA" not in stored.read()
