import hashlib
from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pytest
from django.core.exceptions import ValidationError
from django.core.files.base import ContentFile
from django.db import DataError, IntegrityError, transaction

from implants.models import MAX_WORDS, Implant, ReferenceImage

pytestmark = pytest.mark.django_db


def implant(**values: Any) -> Implant:
    return Implant.objects.create(**{"manufacturer": "Straumann", "name": "BLX"} | values)


def reference(content: bytes, **values: Any) -> ReferenceImage:
    row = ReferenceImage(**{"implant": Implant.objects.first() or implant()} | values)
    row.file.save("patient name.jpg", ContentFile(content), save=False)
    row.save()
    return row


def test_one_line_may_have_many_sizes() -> None:
    implant(diameter_mm="4.5", length_mm="10")
    implant(diameter_mm="4.5", length_mm="12")
    implant(diameter_mm="5.5", length_mm="10")
    implant(diameter_mm="4.5")
    implant()
    assert Implant.objects.count() == 5


@pytest.mark.parametrize(
    "size",
    [
        {"diameter_mm": "4.5", "length_mm": "10"},
        {"diameter_mm": "4.5"},
        {"length_mm": "10"},
        {},
    ],
)
def test_a_line_in_one_size_stands_in_the_catalogue_once(size: dict[str, str]) -> None:
    implant(**size)
    with pytest.raises(IntegrityError, match="implant_unique_line_and_size"), transaction.atomic():
        implant(**size)
    assert Implant.objects.count() == 1


def test_a_form_learns_in_a_sentence_that_the_line_is_there_already() -> None:
    implant(diameter_mm="4.5", length_mm="10")
    twin = Implant(
        manufacturer="Straumann", name="BLX", diameter_mm=Decimal("4.5"), length_mm=Decimal(10)
    )
    with pytest.raises(ValidationError) as refusal:
        twin.full_clean()
    assert "__all__" in refusal.value.message_dict


@pytest.mark.parametrize(
    ("values", "constraint"),
    [
        ({"manufacturer": ""}, "implant_named"),
        ({"name": ""}, "implant_named"),
        ({"diameter_mm": "0"}, "implant_diameter_plausible"),
        ({"diameter_mm": "-4"}, "implant_diameter_plausible"),
        ({"diameter_mm": "20"}, "implant_diameter_plausible"),
        ({"length_mm": "0"}, "implant_length_plausible"),
        ({"length_mm": "80"}, "implant_length_plausible"),
    ],
)
def test_the_database_itself_refuses_what_no_implant_can_be(
    values: dict[str, str], constraint: str
) -> None:
    with pytest.raises(IntegrityError, match=constraint), transaction.atomic():
        implant(**values)
    assert not Implant.objects.exists()


def test_the_database_refuses_a_diameter_of_three_digits() -> None:
    with pytest.raises(DataError), transaction.atomic():
        Implant.objects.filter(pk=implant().pk).update(diameter_mm=Decimal(410))


@pytest.mark.parametrize(
    ("diameter", "length", "text"),
    [
        ("4.3", "10", "4,3 × 10 mm"),
        ("4.50", "11.5", "4,5 × 11,5 mm"),
        ("3.75", "13.0", "3,75 × 13 mm"),
        ("4", None, "4 mm"),
        (None, "10", "10 mm"),
        (None, None, ""),
    ],
)
def test_a_size_is_written_as_dentists_write_it(
    diameter: str | None, length: str | None, text: str
) -> None:
    stored = implant(
        diameter_mm=diameter and Decimal(diameter), length_mm=length and Decimal(length)
    )
    assert stored.size == text
    stored.refresh_from_db()
    assert stored.size == text
    assert str(stored) == f"Straumann BLX {text}".strip()


def test_every_word_of_a_search_must_occur() -> None:
    blx = implant(type="Cone Morse")
    other = implant(manufacturer="Neodent", name="Helix GM", type="Cone Morse")
    assert list(Implant.objects.search("cone")) == [other, blx]
    assert list(Implant.objects.search("MORSE straumann")) == [blx]
    assert list(Implant.objects.search("helix straumann")) == []
    assert list(Implant.objects.search("  ")) == [other, blx]


def test_a_word_that_is_said_often_is_asked_once_and_too_many_words_find_nothing() -> None:
    blx = Implant.objects.create(manufacturer="Straumann", name="BLX")
    often = Implant.objects.search("blx BLX " * 1000)
    assert list(often) == [blx]
    assert str(often.query) == str(Implant.objects.search("blx").query)
    Implant.objects.update(name="x" * (MAX_WORDS + 1))
    for count, found in ((MAX_WORDS, [blx]), (MAX_WORDS + 1, [])):
        words = ["x" * length for length in range(1, count + 1)]
        assert list(Implant.objects.search(" ".join(words))) == found


def test_a_reference_keeps_its_digest_and_nothing_of_the_client_s_file_name(
    film: Callable[..., bytes],
) -> None:
    content = film(seed=1)
    row = reference(content)
    assert row.sha256 == hashlib.sha256(content).hexdigest()
    assert str(row.file.name).startswith("referencia/")
    assert "patient" not in str(row.file.name)
    with row.file.open("rb") as file:
        assert file.read() == content


def test_one_film_is_a_reference_once_whatever_implant_it_is_said_to_show(
    film: Callable[..., bytes],
) -> None:
    reference(film(seed=1))
    other = implant(name="Standard")
    with pytest.raises(IntegrityError, match="sha256"), transaction.atomic():
        reference(film(seed=1), implant=other)
    reference(film(seed=2), implant=other)
    assert ReferenceImage.objects.count() == 2


def test_the_first_reference_is_the_picture_of_its_implant(film: Callable[..., bytes]) -> None:
    shown = implant()
    assert shown.picture is None
    first, _second = reference(film(seed=1)), reference(film(seed=2))
    assert Implant.objects.with_references().get(pk=shown.pk).picture == first
