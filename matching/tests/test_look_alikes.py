from typing import Any

import pytest

from implants.models import Implant
from matching.look_alikes import are_alike, families, family_numbers, known_pairs, look_alikes

KNOWN: dict[str, Any] = {
    "level": "bone",
    "connection": "internal_conical",
    "collar": "none",
    "body_shape": "tapered",
    "thread": "v",
    "apex": "narrow",
}
ids = iter(range(1, 10_000))


def implant(manufacturer: str, name: str, **facts: Any) -> Implant:
    return Implant(pk=next(ids), manufacturer=manufacturer, name=name, **facts)


def test_the_same_line_in_another_size_is_the_same_family() -> None:
    sizes = [implant("Straumann", "BLX", diameter_mm=size) for size in ("3.5", "4.0", "4.5")]
    other = implant("Straumann", "TLX")
    assert families([sizes[0], other, *sizes[1:]]) == [sizes, [other]]
    assert are_alike(implant("straumann", "BLX (RB)"), implant("Straumann", "BLX (WB)"))


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (("Osstem", "TS III"), ("Hiossen", "ET III")),
        (("Dentium", "SuperLine"), ("Neodent", "Helix GM")),
        (("Straumann", "Bone Level (BL)"), ("Nobel Biocare", "NobelParallel CC")),
        (("Straumann", "Bone Level"), ("NOBEL", "Nobelparallel CC")),
    ],
)
def test_lines_that_are_known_to_look_alike_are_a_family(
    one: tuple[str, str], other: tuple[str, str]
) -> None:
    assert are_alike(implant(*one), implant(*other))
    assert are_alike(implant(*other), implant(*one))


def test_another_line_of_the_same_manufacturer_is_not() -> None:
    assert not are_alike(implant("Straumann", "Bone Level"), implant("Straumann", "BLX"))
    assert not are_alike(implant("Neodent", "Helix GM"), implant("Straumann", "BLX"))
    assert not are_alike(implant("Neodent", "BLX"), implant("Straumann", "BLX"))


def test_implants_that_the_catalogue_describes_alike_are_a_family() -> None:
    assert are_alike(implant("A", "one", **KNOWN), implant("B", "two", **KNOWN))


@pytest.mark.parametrize(
    "facts",
    [{"thread": "square"}, {"thread": ""}, {"thread_leads": 2, "platform_switching": "yes"}],
    ids=["one differs", "too little known", "number differs"],
)
def test_one_known_difference_or_too_little_knowledge_keeps_them_apart(
    facts: dict[str, Any],
) -> None:
    one = implant("A", "one", **KNOWN, thread_leads=1)
    assert not are_alike(one, implant("B", "two", **KNOWN | facts))


def test_nothing_known_is_no_likeness() -> None:
    assert families([one := implant("A", "one"), two := implant("B", "two")]) == [[one], [two]]


def test_what_was_found_to_be_confused_joins_families() -> None:
    one, two, three = (implant("A", name) for name in ("one", "two", "three"))
    pair = frozenset({one.pk, three.pk})
    assert families([one, two, three], confused={pair}) == [[one, three], [two]]
    both = {pair, frozenset({two.pk, three.pk})}
    assert families([one, two, three], confused=both) == [[one, two, three]]


def test_families_are_numbered_in_the_order_of_their_first_members() -> None:
    one, two, again = implant("A", "one"), implant("A", "two"), implant("A", "one")
    assert family_numbers([one, two, again]) == {one.pk: 1, two.pk: 2, again.pk: 1}
    assert family_numbers([]) == {}


@pytest.mark.django_db
def test_the_catalogue_is_asked_for_the_rest_of_a_family() -> None:
    made = [
        Implant.objects.create(manufacturer=manufacturer, name=name, **facts)
        for manufacturer, name, facts in [
            ("Straumann", "Bone Level (BL)", {"diameter_mm": "4.1"}),
            ("Straumann", "Bone Level (BL)", {"diameter_mm": "3.3"}),
            ("nobel", "NobelParallel CC", {}),
            ("Straumann", "BLX", {}),
            ("Straumann", "Bone Level", {"is_active": False}),
        ]
    ]
    assert {one.pk for one in look_alikes(made[0])} == {made[1].pk, made[2].pk}
    assert [one.pk for one in look_alikes(made[2])] == [made[1].pk, made[0].pk]
    assert look_alikes(made[3]) == []


@pytest.mark.django_db
def test_what_is_described_alike_is_found_in_the_catalogue() -> None:
    one = Implant.objects.create(manufacturer="A", name="one", **KNOWN)
    two = Implant.objects.create(manufacturer="B", name="two", **KNOWN, platform_switching="yes")
    Implant.objects.create(manufacturer="C", name="three", **KNOWN | {"apex": "flat"})
    assert look_alikes(one) == [two]
    assert look_alikes(two) == [one]


def test_the_table_names_two_different_lines_in_each_row() -> None:
    assert all(len(pair) == 2 for pair in known_pairs())
