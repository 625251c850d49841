from decimal import Decimal

import pytest

from implants.filenames import NamedImplant, NameNotUnderstood, key, name_keys, parse


@pytest.mark.parametrize(
    ("path", "manufacturer", "line", "diameter"),
    [
        ("STRAUMANN_BLX_4.5mm_11.jpg", "Straumann", "BLX", "4.5"),
        ("STRAUMANN_BLX_4.5mm.jpg", "Straumann", "BLX", "4.5"),
        ("NEODENT_HELIX_GM_3.75mm_02.png", "Neodent", "Helix GM", "3.75"),
        ("ZIMMER_TAPERED_SCREW-VENT_4,7mm_1.webp", "Zimmer", "Tapered Screw-vent", "4.7"),
        ("zimmer_tsv_4mm.JPEG", "Zimmer", "TSV", "4"),
        ("STRAUMANN_BLX 4.5 mm 11.jpg", "Straumann", "BLX", "4.5"),
        ("STRAUMANN_PLUS_SHORT_4_MM_4.1mm_01.jpg", "Straumann", "Plus Short 4 MM", "4.1"),
    ],
)
def test_manufacturer_line_and_diameter_are_read_from_a_full_name(
    path: str, manufacturer: str, line: str, diameter: str
) -> None:
    assert parse(path) == NamedImplant(manufacturer, line, Decimal(diameter))


@pytest.mark.parametrize(
    ("path", "manufacturer", "line", "diameter"),
    [
        ("straumann/bone_level_tapered_01.jpg", "Straumann", "Bone Level Tapered", None),
        ("straumann/bone_level_tapered.jpg", "Straumann", "Bone Level Tapered", None),
        ("neodent/titamax_ex_3.75mm_04.jpg", "Neodent", "Titamax EX", "3.75"),
        ("2024/straumann/blx_01.jpg", "Straumann", "BLX", None),
        ("implacil/due_cone_02.png", "Implacil", "DUE Cone", None),
        ("neodent/deep/alvim_cm_01.jpg", "Neodent", "Alvim CM", None),
        ("neodent/straumann/alvim_cm_01.jpg", "Neodent", "Alvim CM", None),
        ("implacil/deep/due_cone_02.png", "Implacil", "DUE Cone", None),
        ("2024/implacil/due_cone_02.png", "Implacil", "DUE Cone", None),
    ],
)
def test_a_folder_names_the_manufacturer_of_the_files_in_it(
    path: str, manufacturer: str, line: str, diameter: str | None
) -> None:
    expected = Decimal(diameter) if diameter else None
    assert parse(path) == NamedImplant(manufacturer, line, expected)


@pytest.mark.parametrize(
    ("written", "manufacturer"),
    [
        ("NOBEL", "Nobel Biocare"),
        ("NOBELBIOCARE", "Nobel Biocare"),
        ("NOBEL_BIOCARE", "Nobel Biocare"),
        ("Nobel Biocare", "Nobel Biocare"),
        ("ZIMVIE", "Zimmer"),
        ("ZIMMER_BIOMET", "Zimmer"),
        ("Zimmer-Biomet", "Zimmer"),
    ],
)
def test_other_spellings_of_a_manufacturer_are_known_in_both_conventions(
    written: str, manufacturer: str
) -> None:
    expected = NamedImplant(manufacturer, "Screw", Decimal("4.3"))
    assert parse(f"{written}_SCREW_4.3mm_01.jpg") == expected
    assert parse(f"{written}/screw_4.3mm_01.jpg") == expected


def test_a_manufacturer_of_two_words_is_recognised_once_the_catalogue_knows_it() -> None:
    path = "BIOMET_3I_OSSEOTITE_4.0mm_01.jpg"
    assert parse(path) == NamedImplant("Biomet", "3I Osseotite", Decimal("4.0"))
    known = parse(path, manufacturers=["Biomet 3i", "Biomet"])
    assert known == NamedImplant("Biomet 3i", "Osseotite", Decimal("4.0"))


def test_the_catalogue_s_own_spelling_goes_before_an_alias() -> None:
    named = parse("ZIMVIE_TSV_4.7mm.jpg", manufacturers=["ZimVie"])
    assert named.manufacturer == "ZimVie"


def test_a_file_may_repeat_its_manufacturer_inside_the_manufacturer_s_folder() -> None:
    expected = NamedImplant("Straumann", "BLX", Decimal("4.5"))
    assert parse("straumann/STRAUMANN_BLX_4.5mm_11.jpg") == expected
    assert parse("nobel_biocare/NOBEL_ACTIVE_01.jpg") == NamedImplant(
        "Nobel Biocare", "Active", None
    )


def test_a_full_name_counts_more_than_a_folder_that_is_no_manufacturer() -> None:
    expected = NamedImplant("Straumann", "BLX", Decimal("4.5"))
    assert parse("lote de marco/STRAUMANN_BLX_4.5mm_11.jpg") == expected


@pytest.mark.parametrize(
    ("path", "reason"),
    [
        ("STRAUMANN_BLX_4.5mm_11.pdf", "is not an image name"),
        ("STRAUMANN_BLX_4.5mm_11", "is not an image name"),
        ("straumann/notes.txt", "is not an image name"),
        ("straumann.jpg", "expected <MANUFACTURER>"),
        ("film_01.jpg", "expected <MANUFACTURER>"),
        ("ACME_LINE.jpg", "expected <MANUFACTURER>"),
        ("4.5mm_11.jpg", "expected <MANUFACTURER>"),
        ("_BLX_4.5mm.jpg", "missing"),
        ("straumann/01.jpg", "missing"),
        ("straumann/___.jpg", "missing"),
        ("---/blx_01.jpg", "missing"),
        ("STRAUMANN_BLX_0mm.jpg", "not that of an implant"),
        ("STRAUMANN_BLX_45mm_11.jpg", "not that of an implant"),
        ("straumann/blx_20.0mm.jpg", "not that of an implant"),
        ("STRAUMANN_BLX_99999mm.jpg", "diameter"),
        ("STRAUMANN_BLX_99999mm_01.jpg", "diameter"),
        ("straumann/blx_4.555mm.jpg", "diameter"),
        ("straumann/blx4mm.jpg", "diameter"),
        ("STRAUMANN_BLX_99999mm_4.5mm.jpg", "diameter"),
        ("ACME_r\udcff_4mm.jpg", "not UTF-8"),
        ("acm\udcff/line_4mm.jpg", "not UTF-8"),
        (f"straumann/{'bone_level_' * 16}01.jpg", "too long"),
        (f"{'straumann' * 12}/blx_01.jpg", "too long"),
    ],
)
def test_a_name_that_follows_neither_convention_is_refused(path: str, reason: str) -> None:
    with pytest.raises(NameNotUnderstood, match=reason):
        parse(path)


def test_two_spellings_of_a_name_have_one_key() -> None:
    assert key("Tapered Screw-Vent") == key("TAPERED_SCREW_VENT") == "taperedscrewvent"
    assert key("Conexão") == key("CONEXÃO")
    assert key(" _-") == ""


def test_a_line_is_also_found_without_what_stands_in_brackets() -> None:
    assert name_keys("BLX (RB)") == {"blxrb", "blx"}
    assert name_keys("(RB)") == {"rb"}


@pytest.mark.parametrize(
    ("name", "abbreviation"),
    [
        ("Tapered Screw-Vent (TSV)", "tsv"),
        ("Bone Level (BL)", "bl"),
        ("Bone Level Tapered (BLT)", "blt"),
    ],
)
def test_a_line_answers_to_its_abbreviation(name: str, abbreviation: str) -> None:
    assert abbreviation in name_keys(name)


@pytest.mark.parametrize("name", ["BLX (RB)", "BLX (B)", "Standard (Tissue Level)", "Line ()"])
def test_what_stands_in_brackets_is_no_name_unless_it_is_the_abbreviation(name: str) -> None:
    inside = key(name.partition("(")[2])
    assert inside not in name_keys(name)
    assert "" not in name_keys(name)
