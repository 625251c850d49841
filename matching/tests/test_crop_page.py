import pytest
from django.core.files.base import ContentFile
from django.urls import reverse

from implants.models import Implant, ReferenceImage
from implants.reference_state import State, with_state
from matching import indexing
from matching.models import Embedding

pytestmark = pytest.mark.django_db

BOX = {"x": "60", "y": "100,5", "width": "40", "height": "120", "angle": "-3,25"}


@pytest.fixture
def staff(client, curator):
    client.force_login(curator)
    return client


@pytest.fixture
def reference(film, curator):
    implant = Implant.objects.create(manufacturer="Fabricante", name="Linha Um")
    reference = ReferenceImage(implant=implant, verified_by=curator)
    reference.indexed_by_importer = True
    reference.file.save("", ContentFile(film(1)), save=False)
    reference.save()
    indexing.index_reference(reference_id=reference.pk)
    return ReferenceImage.objects.get(pk=reference.pk)


def url(reference):
    return reverse("admin:implants_referenceimage_crop", args=[reference.pk])


def state(reference):
    return with_state(ReferenceImage.objects.filter(pk=reference.pk)).get().state


def test_a_crop_is_stored_and_the_film_prepared_again(staff, reference, curator):
    assert state(reference) == State.SEARCHABLE

    assert staff.post(url(reference), BOX).status_code == 302

    reference.refresh_from_db()
    assert reference.crop == {"x": 60, "y": 100.5, "width": 40, "height": 120, "angle": -3.25}
    assert reference.verified_by == curator
    assert state(reference) == State.WAITING
    indexing.index_reference(reference_id=reference.pk)
    assert state(reference) == State.SEARCHABLE


def test_a_crop_is_removed_again(staff, reference):
    staff.post(url(reference), BOX)

    staff.post(url(reference), {"remove": "1"})

    reference.refresh_from_db()
    assert reference.crop is None


@pytest.mark.parametrize(
    "wrong",
    [
        {"x": "900"},
        {"width": "2"},
        {"height": "100000"},
        {"angle": "NaN"},
        {"x": "Infinity"},
        {"y": ""},
        {"height": "muito"},
    ],
)
def test_a_box_that_shows_no_fixture_is_refused_and_kept_in_the_form(staff, reference, wrong):
    response = staff.post(url(reference), {**BOX, **wrong})

    assert response.status_code == 422
    assert response.context["form"].errors
    assert 'value="100,5"' in response.content.decode() or "y" in wrong
    reference.refresh_from_db()
    assert reference.crop is None


def test_the_page_offers_what_the_finder_found(staff, reference):
    content = staff.get(url(reference)).content.decode()

    assert "data-single" in content
    assert 'data-film-width="120"' in content
    staff.post(url(reference), BOX)
    content = staff.get(url(reference)).content.decode()
    assert "data-suggested>" not in content
    assert f'data-finding="{reference.pk}"' in content


def test_a_film_that_cannot_be_read_says_so(staff, reference):
    reference.file.storage.delete(reference.file.name)

    assert b"errornote" in staff.get(url(reference)).content
    assert staff.post(url(reference), BOX).status_code == 422


@pytest.mark.parametrize("name", ["reader", "approver"])
def test_who_may_not_change_references_cannot_crop(client, request, reference, name):
    client.force_login(request.getfixturevalue(name))

    assert client.get(url(reference)).status_code == 403
    assert client.post(url(reference), BOX).status_code == 403


def test_a_vector_of_another_encoder_does_not_make_a_reference_searchable(reference):
    Embedding.objects.update(encoder="ViT-B-32/openai@0123456789ab/pad-v1")

    assert state(reference) == State.WAITING


def test_an_inactive_implant_takes_its_references_out_of_the_search(reference):
    Implant.objects.update(is_active=False)

    assert state(reference) == State.INACTIVE
