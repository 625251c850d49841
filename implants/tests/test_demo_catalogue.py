from collections import Counter
from decimal import Decimal

import pytest

from implants.catalogue import (
    VOCABULARIES,
    CatalogueError,
    CatalogueFacts,
    demo_catalogue,
    read_catalogue,
)

HEADER = (
    "manufacturer,name,type,diameter_mm,length_mm,platform_diameter_mm,body_shape,connection,"
    "level,collar,collar_height_mm,thread,thread_pitch_mm,thread_leads,apex,platform_switching,"
    "source"
)
GOOD = (
    "Maker,Line,Cone Morse,4.0,11.5,,tapered,morse_taper,bone,none,,,,2,narrow,,"
    "GENERAL (to be verified)"
)


def test_there_are_eight_implants_of_each_of_the_four_manufacturers() -> None:
    counts = Counter(facts.manufacturer for facts in demo_catalogue())
    assert counts == {"Nobel Biocare": 8, "Straumann": 8, "Neodent": 8, "Zimmer": 8}


def test_no_two_rows_name_the_same_implant() -> None:
    keys = [(f.manufacturer, f.name, f.diameter_mm, f.length_mm) for f in demo_catalogue()]
    assert len(set(keys)) == len(keys)


def test_no_two_implants_have_the_same_shape() -> None:
    seen: dict[tuple[object, ...], str] = {}
    for facts in demo_catalogue():
        assert _shape(facts) not in seen, f"{facts.name} is drawn as {seen[_shape(facts)]}"
        seen[_shape(facts)] = facts.name


def _shape(facts: CatalogueFacts) -> tuple[object, ...]:
    drawn = sorted(VOCABULARIES.keys() - {"platform_switching"})
    words = tuple(getattr(facts, column) for column in drawn)
    return (*words, facts.diameter_mm, facts.length_mm, facts.platform_diameter_mm)


def test_every_word_is_in_its_vocabulary_or_not_known() -> None:
    for facts in demo_catalogue():
        for column, words in VOCABULARIES.items():
            assert getattr(facts, column) in words | {""}, (facts.name, column)


@pytest.mark.parametrize(
    ("column", "word"),
    [
        ("connection", "external_spline"),
        ("connection", "internal_octagon"),
        ("connection", "morse_taper"),
        ("connection", "one_piece"),
        ("collar", "flared"),
        ("thread", "coarse"),
    ],
)
def test_the_families_a_dentist_knows_are_there(column: str, word: str) -> None:
    assert any(getattr(facts, column) == word for facts in demo_catalogue())


def test_platform_switching_is_known_only_where_the_source_says_so() -> None:
    words = {facts.name: facts.platform_switching for facts in demo_catalogue()}
    assert {name for name, word in words.items() if word == "yes"} == {
        "NobelActive",
        "NobelParallel CC",
        "NobelReplace Conical Connection",
        "Bone Level (BL)",
        "Bone Level Tapered (BLT)",
        "Helix GM",
        "Eztetic 3.1",
    }
    assert set(words.values()) == {"yes", ""}


def test_sizes_are_decimal_and_those_of_an_implant() -> None:
    for facts in demo_catalogue():
        assert isinstance(facts.diameter_mm, Decimal)
        assert Decimal("2.5") <= facts.diameter_mm <= 7
        assert 4 <= facts.length_mm <= 25


def test_every_source_says_that_something_is_still_to_be_verified() -> None:
    for facts in demo_catalogue():
        assert "to be verified" in facts.source, facts.name


def test_what_the_row_does_not_give_stays_unknown() -> None:
    (facts,) = read_catalogue([HEADER, GOOD])
    assert (facts.platform_diameter_mm, facts.thread_pitch_mm, facts.thread) == (None, None, "")


@pytest.mark.parametrize(
    ("right", "wrong", "message"),
    [
        ("tapered,", "conical,", "line 3: body_shape: 'conical'"),
        ("morse_taper", "morse", "line 3: connection: 'morse'"),
        (",narrow,,", ",narrow,perhaps,", "line 3: platform_switching: 'perhaps'"),
        ("4.0,", "four,", "line 3: diameter_mm: 'four' is not a number"),
        ("4.0,", "-4.0,", "line 3: diameter_mm: '-4.0' is not a size"),
        ("4.0,", "NaN,", "line 3: diameter_mm: 'NaN' is not a size"),
        ("11.5,", ",", "line 3: length_mm is empty"),
        (",2,", ",many,", "line 3: thread_leads: 'many'"),
        ("Maker", "", "line 3: manufacturer is empty"),
        (",narrow,,GENERAL (to be verified)", "", "line 3"),
    ],
)
def test_a_wrong_value_is_refused_with_its_line(right: str, wrong: str, message: str) -> None:
    assert right in GOOD
    with pytest.raises(CatalogueError, match="^" + message.replace("(", "\\(")):
        read_catalogue([HEADER, GOOD, GOOD.replace(right, wrong, 1)])


def test_a_missing_column_is_refused_by_name() -> None:
    with pytest.raises(CatalogueError, match="apex"):
        read_catalogue([HEADER.replace(",apex", ",tip"), GOOD])
