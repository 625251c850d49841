"""What a folder of films says is on them: by their names, or by a table."""

from pathlib import Path

import pytest

from matching.boxes import Box
from matching.evaluation.folder import labelled_folder
from matching.evaluation.labelled import EvaluationError, Part
from matching.tests.labelled_films import drawn, written

HEADER = "file,manufacturer,line,diameter_mm,length_mm,patient,connection,part\n"


@pytest.fixture
def pair(tmp_path: Path) -> Path:
    """Two films, named so that a table can name them."""
    written(tmp_path, "a.jpg", 0)
    written(tmp_path, "deep/b.png", 1)
    return tmp_path


def table(folder: Path, text: str | bytes, name: str = "labels.csv") -> Path:
    content = text.encode() if isinstance(text, str) else text
    (folder / name).write_bytes(content)
    return folder


def test_both_ways_to_name_a_film_are_understood(tmp_path: Path) -> None:
    written(tmp_path, "STRAUMANN_BLX_4.5mm_11.jpg", 0)
    written(tmp_path, "straumann/bone_level_tapered_01.jpg", 1)
    found = labelled_folder(tmp_path)
    assert [(film.label, film.manufacturer, film.line) for film in found.films] == [
        ("Straumann BLX 4.5 mm", "Straumann", "BLX"),
        ("Straumann Bone Level Tapered", "Straumann", "Bone Level Tapered"),
    ]
    assert found.films[0].read().size == drawn(0).size
    assert found.skipped == []


def test_a_film_without_a_patient_is_a_group_of_its_own(tmp_path: Path) -> None:
    for number in range(3):
        written(tmp_path, f"NEODENT_DRIVE_4.3mm_{number}.jpg", 0, number)
    assert len({film.group for film in labelled_folder(tmp_path).films}) == 3


def test_names_that_say_nothing_and_hidden_files_are_left_out(tmp_path: Path) -> None:
    written(tmp_path, "STRAUMANN_BLX_4.5mm_1.jpg", 0)
    written(tmp_path, "scan.jpg", 1)
    written(tmp_path, ".STRAUMANN_BLX_4.5mm_2.jpg", 2)
    (tmp_path / "notes.txt").write_text("x")
    found = labelled_folder(tmp_path)
    assert [film.name for film in found.films] == ["STRAUMANN_BLX_4.5mm_1.jpg"]
    assert [one.name for one in found.skipped] == ["notes.txt", "scan.jpg"]
    assert "The name says no implant" in found.skipped[0].reason


def test_the_same_file_twice_counts_once(tmp_path: Path) -> None:
    first = written(tmp_path, "STRAUMANN_BLX_4.5mm_1.jpg", 0)
    (tmp_path / "STRAUMANN_BLX_4.5mm_2.jpg").write_bytes(first.read_bytes())
    found = labelled_folder(tmp_path)
    assert [film.name for film in found.films] == ["STRAUMANN_BLX_4.5mm_1.jpg"]
    assert found.skipped[0].reason == "The same film as STRAUMANN_BLX_4.5mm_1.jpg."


def test_a_file_that_is_said_to_show_two_implants_counts_for_neither(tmp_path: Path) -> None:
    first = written(tmp_path, "STRAUMANN_BLX_4.5mm_1.jpg", 0)
    (tmp_path / "NEODENT_DRIVE_4.3mm_1.jpg").write_bytes(first.read_bytes())
    written(tmp_path, "STRAUMANN_BLX_4.5mm_2.jpg", 0, 3)
    found = labelled_folder(tmp_path)
    assert [film.name for film in found.films] == ["STRAUMANN_BLX_4.5mm_2.jpg"]
    assert {one.name for one in found.skipped} == {
        "STRAUMANN_BLX_4.5mm_1.jpg",
        "NEODENT_DRIVE_4.3mm_1.jpg",
    }


def test_names_are_shown_without_what_a_terminal_would_obey(tmp_path: Path) -> None:
    written(tmp_path, "STRAUMANN_BLX\x1b[2J_4.5mm_1.jpg", 0)
    (film,) = labelled_folder(tmp_path).films
    assert film.name.isprintable()
    assert "\\x1b" in film.name


def test_a_folder_without_films_is_said_to_be_one(tmp_path: Path) -> None:
    with pytest.raises(EvaluationError, match="holds no films"):
        labelled_folder(tmp_path)


def test_a_folder_that_is_none_is_refused(tmp_path: Path) -> None:
    with pytest.raises(EvaluationError, match="is not a folder"):
        labelled_folder(tmp_path / "absent")


def test_a_folder_of_unusable_files_says_why_of_the_first(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("x")
    with pytest.raises(EvaluationError, match=r"None of the 1 files .* notes\.txt: The name says"):
        labelled_folder(tmp_path)


def test_a_table_says_everything(pair: Path) -> None:
    table(
        pair,
        HEADER + "a.jpg,STRAUMANN,BLX,4.5,12,P1,internal_conical,reference\n"
        "deep/b.png,Nobel,Active,,,,,query\n",
    )
    first, second = labelled_folder(pair).films
    assert (first.label, first.group, first.connection, first.part) == (
        "Straumann BLX 4.5 × 12 mm",
        "patient P1",
        "internal_conical",
        Part.REFERENCE,
    )
    assert (second.manufacturer, second.label, second.part) == (
        "Nobel Biocare",
        "Nobel Biocare Active",
        Part.QUERY,
    )


@pytest.mark.parametrize(
    "text",
    [
        "file;manufacturer;line;diameter_mm\na.jpg;Straumann;BLX;4,5\n",
        "\ufefffile,manufacturer,line,diameter_mm\r\na.jpg,Straumann,BLX,4.5 mm\r\n",
        "File\tBrand\tModel\tDiameter\na.jpg\tStraumann\tBLX\t4.50\n",
        'file,manufacturer,line,diameter_mm\n"a.jpg","Straumann","BLX","4.5"\n',
        "file,manufacturer,line,diameter_mm\n.\\a.jpg,Straumann,BLX,4.5\n",
        "file,manufacturer,line,diameter_mm\na.jpg,Straumann,BLX,4.5\n".encode("utf-16"),
    ],
    ids=["semicolons", "excel", "tabs and other names", "quoted", "backslash", "utf-16"],
)
def test_a_table_may_be_written_in_several_ways(pair: Path, text: str | bytes) -> None:
    (film,) = labelled_folder(table(pair, text)).films
    assert film.label == "Straumann BLX 4.5 mm"


def test_two_fixtures_of_one_film_have_boxes_and_one_group(pair: Path) -> None:
    table(
        pair,
        "file,manufacturer,line,x,y,width,height,angle\n"
        "a.jpg,Straumann,BLX,30,80,20,90,0\na.jpg,Neodent,Drive,90,80,20,90,180\n",
    )
    first, second = labelled_folder(pair).films
    assert (first.box, second.box) == (Box(30, 80, 20, 90), Box(90, 80, 20, 90, 180))
    assert first.group == second.group


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        ("/etc/passwd,Straumann,BLX,4,10,,,", "out of the folder"),
        ("../a.jpg,Straumann,BLX,4,10,,,", "out of the folder"),
        ("deep/../../a.jpg,Straumann,BLX,4,10,,,", "out of the folder"),
        ("..\\a.jpg,Straumann,BLX,4,10,,,", "out of the folder"),
        ("C:\\a.jpg,Straumann,BLX,4,10,,,", "out of the folder"),
        ("absent.jpg,Straumann,BLX,4,10,,,", "no such file"),
        ("deep,Straumann,BLX,4,10,,,", "cannot be read"),
        (",Straumann,BLX,4,10,,,", "file is empty"),
        ("a.jpg,,BLX,4,10,,,", "manufacturer is empty"),
        ("a.jpg,Straumann,???,4,10,,,", "line is empty"),
        ("a.jpg,Straumann,BLX,four,10,,,", "not a size in mm"),
        ("a.jpg,Straumann,BLX,NaN,10,,,", "not that of an implant"),
        ("a.jpg,Straumann,BLX,4,-1,,,", "not that of an implant"),
        ("a.jpg,Straumann,BLX,4,1e9,,,", "not that of an implant"),
        ("a.jpg,Straumann,BLX,4,10,,,train", "neither reference nor query"),
        (f"a.jpg,Straumann,{'x' * 200},4,10,,,", "line is too long"),
        ("a.jpg", "manufacturer is empty"),
    ],
)
def test_a_row_that_cannot_be_used_is_skipped_with_its_reason(
    pair: Path, row: str, reason: str
) -> None:
    table(pair, f"{HEADER}deep/b.png,Straumann,BLX,4,10,,,\n{row}\n")
    found = labelled_folder(pair)
    assert [film.name for film in found.films] == ["deep/b.png"]
    assert [reason in one.reason for one in found.skipped] == [True]


def test_a_box_that_is_half_given_is_refused(pair: Path) -> None:
    table(pair, "file,manufacturer,line,x,y\na.jpg,Straumann,BLX,1,2\n")
    with pytest.raises(EvaluationError, match="None of the 1 files"):
        labelled_folder(pair)


def test_a_link_that_leads_out_of_the_folder_is_not_followed(pair: Path, tmp_path: Path) -> None:
    outside = tmp_path.parent / "outside.jpg"
    drawn(2).save(outside)
    (pair / "link.jpg").symlink_to(outside)
    table(pair, f"{HEADER}a.jpg,Straumann,BLX,4,10,,,\nlink.jpg,Straumann,BLX,4,10,,,\n")
    assert [one.name for one in labelled_folder(pair).skipped] == ["link.jpg"]


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"file,line\na.jpg,BLX\n", "no column manufacturer"),
        (b"", "no column file or manufacturer or line"),
        ("file,manufacturer,line\na.jpg,Straumann,Cônica\n".encode("cp1252"), "not UTF-8"),
        (b"\xff\xfe\x00", "not UTF-8"),
        (b"PK\x03\x04\x00\x00", "no column"),
    ],
)
def test_a_table_that_cannot_be_used_is_refused(pair: Path, content: bytes, reason: str) -> None:
    with pytest.raises(EvaluationError, match=reason):
        labelled_folder(table(pair, content))


def test_a_table_elsewhere_is_named(pair: Path, tmp_path: Path) -> None:
    elsewhere = tmp_path.parent / "elsewhere.csv"
    elsewhere.write_text("file,manufacturer,line\na.jpg,Straumann,BLX\n")
    assert len(labelled_folder(pair, csv=elsewhere).films) == 1
    with pytest.raises(EvaluationError, match="cannot be read"):
        labelled_folder(pair, csv=tmp_path / "absent.csv")


def test_of_several_tables_one_must_be_named(pair: Path) -> None:
    for name in ("one.csv", "two.csv"):
        table(pair, "file,manufacturer,line\na.jpg,Straumann,BLX\n", name)
    with pytest.raises(EvaluationError, match="--csv"):
        labelled_folder(pair)
    assert len(labelled_folder(pair, csv=pair / "two.csv").films) == 1
    table(pair, "file,manufacturer,line\ndeep/b.png,Straumann,BLX\n")
    assert [film.name for film in labelled_folder(pair).films] == ["deep/b.png"]
