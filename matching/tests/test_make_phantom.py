"""`make_phantom`: a film into a file, and the truth about it beside it."""

import json
from io import StringIO
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command
from PIL import Image

from matching.boxes import Box


def make(folder: Path, *options: str) -> Path:
    file = folder / "film.jpg"
    call_command("make_phantom", str(file), "--pixels-per-mm", "4", *options, stdout=StringIO())
    return file


def test_it_writes_a_film_and_says_of_what(tmp_path: Path) -> None:
    said = StringIO()
    call_command("make_phantom", str(tmp_path / "film.jpg"), "--line", "NobelActive", stdout=said)
    assert "Nobel Biocare NobelActive" in said.getvalue()
    assert Image.open(tmp_path / "film.jpg").mode == "L"


def test_the_truth_names_every_fixture_and_its_box(tmp_path: Path) -> None:
    truth = tmp_path / "film.json"
    options = ("--line", "BLX", "--others", "Helix GM", "--others", "Drive", "--jaw", "upper")
    film = Image.open(make(tmp_path, *options, "--truth", str(truth)))
    told = json.loads(truth.read_text(encoding="utf-8"))
    assert (told["width"], told["height"]) == film.size
    assert [one["line"] for one in told["fixtures"]] == ["BLX", "Helix GM", "Drive GM"]
    assert {one["jaw"] for one in told["fixtures"]} == {"upper"}
    Box.of(told["fixtures"][0]["box"]).check(*film.size)


def test_difficulty_modality_and_restoration_can_be_chosen(tmp_path: Path) -> None:
    truth = tmp_path / "film.json"
    wish = ("--difficulty", "hard", "--modality", "panoramic", "--restoration", "crown")
    make(tmp_path, *wish, "--others", "none", "--truth", str(truth))
    told = json.loads(truth.read_text(encoding="utf-8"))
    assert told["modality"] == "panoramic" and told["width"] == 1200
    assert [one["restoration"] for one in told["fixtures"]] == ["crown"]


def test_the_same_options_write_the_same_bytes(tmp_path: Path) -> None:
    first = make(tmp_path, "--difficulty", "extreme", "--seed", "5").read_bytes()
    assert make(tmp_path, "--difficulty", "extreme", "--seed", "5").read_bytes() == first


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (("--line", "Nothing"), "No demo line"),
        (("--others", "Nothing"), "No demo line"),
        (("--others", "BLX") * 9, "no room"),
    ],
)
def test_what_cannot_be_drawn_is_refused(
    tmp_path: Path, options: tuple[str, ...], said: str
) -> None:
    with pytest.raises(CommandError, match=said):
        make(tmp_path, *options)


def test_a_folder_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(CommandError, match="cannot be written"):
        make(tmp_path / "missing")
