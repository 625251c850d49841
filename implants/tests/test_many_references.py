"""An implant with more reference films than one form can hold."""

import pytest
from django.urls import reverse
from django.utils.translation import gettext as _

from implants.staff.reference_form import SHOWN_INLINE
from implants.tests.desk import html, make_implant, make_reference

pytestmark = pytest.mark.django_db


@pytest.fixture
def staff(client, curator):
    client.force_login(curator)
    return client


def holding(number):
    implant = make_implant()
    for one in range(number):
        make_reference(implant, f"film {one}".encode())
    return implant


def page(client, implant):
    return client.get(reverse("admin:implants_implant_change", args=[implant.pk]))


def fields(response):
    """What a browser would post of the forms on the page."""
    formset = response.context["inline_admin_formsets"][0].formset
    forms = [response.context["adminform"].form, formset.management_form, *formset.forms]
    bound = [field for form in forms for field in form if field.name != "file"]
    return {field.html_name: field.value() for field in bound if field.value() not in (None, False)}


def test_an_implant_with_very_many_films_is_saved(staff):
    implant = holding(130)
    response = page(staff, implant)
    notes = fields(response) | {"references-1-note": "revista"}

    saved = staff.post(reverse("admin:implants_implant_change", args=[implant.pk]), notes)

    assert saved.status_code == 302
    assert implant.references.get(note="revista") == implant.references.all()[1]
    assert implant.references.count() == 130


def test_a_film_that_came_meanwhile_does_not_hinder_saving(staff):
    implant = holding(SHOWN_INLINE)
    posted = fields(page(staff, implant))
    make_reference(implant, b"another")

    saved = staff.post(reverse("admin:implants_implant_change", args=[implant.pk]), posted)

    assert saved.status_code == 302
    assert implant.references.count() == SHOWN_INLINE + 1


def test_the_page_tells_that_it_does_not_show_all_films(staff):
    text = _("Only the first %(films_shown)s of %(held)s films are shown here.")

    response = page(staff, holding(SHOWN_INLINE + 1))

    shown = response.context["inline_admin_formsets"][0].formset.forms
    assert len(shown) == SHOWN_INLINE
    assert text % {"films_shown": SHOWN_INLINE, "held": SHOWN_INLINE + 1} in html(response)


def test_the_page_that_shows_all_films_does_not_speak_of_it(staff):
    assert "import-note" not in html(page(staff, holding(SHOWN_INLINE)))
