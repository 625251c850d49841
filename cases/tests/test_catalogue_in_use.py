"""What was compared with a case stays in the catalogue."""

import pytest
from django.contrib.auth.models import User
from django.core.files.base import ContentFile
from django.urls import reverse

from cases.models import Result
from cases.tests.making_cases import make_case, make_implant, told
from implants.models import Implant, ReferenceImage

pytestmark = pytest.mark.django_db


@pytest.fixture
def reference(film):
    implant = make_implant("Linha Um")
    reference = ReferenceImage(implant=implant)
    reference.indexed_by_importer = True
    reference.file.save("", ContentFile(film(1)), save=False)
    reference.save()
    make_case([implant])
    Result.objects.update(reference_image=reference)
    return reference


@pytest.fixture
def staff(client):
    client.force_login(User.objects.create_superuser("chefe"))
    return client


@pytest.mark.parametrize("method", ["get", "post"])
def test_an_implant_of_a_case_is_not_deleted_and_the_page_says_why(staff, reference, method):
    implant = reference.implant
    url = reverse("admin:implants_implant_delete", args=[implant.pk])

    response = getattr(staff, method)(url, {"post": "yes"})

    assert response.status_code == 302
    assert str(implant) in told(response)
    assert Implant.objects.filter(pk=implant.pk).exists()


def test_a_reference_of_a_case_is_not_deleted_either(staff, reference):
    url = reverse("admin:implants_referenceimage_delete", args=[reference.pk])

    assert str(reference) in told(staff.post(url, {"post": "yes"}))

    assert ReferenceImage.objects.filter(pk=reference.pk).exists()


def test_one_that_stays_keeps_the_others_of_a_list(staff, reference):
    other = make_implant("Linha Dois")
    data = {
        "action": "delete_selected",
        "_selected_action": [other.pk, reference.implant.pk],
        "post": "yes",
    }

    response = staff.post(reverse("admin:implants_implant_changelist"), data)

    assert response.status_code == 200
    assert str(reference.implant) in response.context["protected"][0]
    assert Implant.objects.filter(pk=other.pk).exists()


def test_a_reference_of_a_case_is_not_deleted_on_its_implants_page(staff, reference):
    implant = reference.implant
    data = {
        "manufacturer": implant.manufacturer,
        "name": implant.name,
        "references-TOTAL_FORMS": 1,
        "references-INITIAL_FORMS": 1,
        "references-0-id": reference.pk,
        "references-0-implant": implant.pk,
        "references-0-provenance": "clinic",
        "references-0-DELETE": "on",
    }

    response = staff.post(reverse("admin:implants_implant_change", args=[implant.pk]), data)

    assert response.status_code == 200
    assert ReferenceImage.objects.filter(pk=reference.pk).exists()
