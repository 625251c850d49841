"""`manage.py identify`: an unlabelled folder, answered row by row."""

import csv
import io
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command

from implants.models import Implant, ReferenceImage
from matching import calibration, identifying
from matching.calibration import Limits, Measured
from matching.encoder import get_encoder
from matching.identifying import Identified
from matching.models import Embedding
from matching.normalisation import normalise
from matching.tests.labelled_films import BOX, drawn, written
from matching.tests.pictures import jpeg, phantom

pytestmark = pytest.mark.django_db


@pytest.fixture
def catalogue() -> list[Implant]:
    """Two implants with one reference each."""
    implants = []
    for line, name in enumerate(("=cmd()", "Plain")):
        implant = Implant.objects.create(manufacturer="Maker", name=name, diameter_mm="4.1")
        reference = ReferenceImage(implant=implant, sha256=str(line) * 64)
        reference.file.name = f"referencia/{line}.jpg"
        reference.indexed_by_importer = True
        reference.save()
        vector = get_encoder().encode([normalise(drawn(4 * line), BOX)])[0]
        Embedding.objects.create(
            reference_image=reference, encoder=get_encoder().id, vector=vector.tolist()
        )
        implants.append(implant)
    return implants


def identified(*places: Path, **options: Any) -> str:
    output = io.StringIO()
    call_command("identify", *map(str, places), stdout=output, quiet=True, **options)
    return output.getvalue()


def rows(text: str) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(text)))


def test_every_fixture_of_a_folder_is_a_row(catalogue: list[Implant], tmp_path: Path) -> None:
    (tmp_path / "deep").mkdir()
    (tmp_path / "deep" / "b.jpg").write_bytes(jpeg(phantom().image))
    written(tmp_path, "a.jpg", 0)
    (tmp_path / ".hidden.jpg").write_bytes(b"x")
    calibration.save(Measured(get_encoder().id, Limits(similarity=2.0)))
    found = rows(identified(tmp_path))
    assert list(dict.fromkeys(one["file"] for one in found)) == [
        str(tmp_path / "a.jpg"),
        str(tmp_path / "deep" / "b.jpg"),
    ]
    (fixture, *_others) = [one for one in found if one["file"].endswith("b.jpg")]
    assert fixture["fixture"] == "1"
    assert float(fixture["height"]) > float(fixture["width"]) > 16
    assert {fixture["implant_id_1"], fixture["implant_id_2"]} == {str(i.pk) for i in catalogue}
    assert float(fixture["similarity_1"]) >= float(fixture["similarity_2"])
    assert (fixture["implant_id_3"], fixture["error"]) == ("", "")
    assert (fixture["band"], fixture["unknown"]) == ("low", "yes")


def test_json_has_the_candidates_nested(catalogue: list[Implant], tmp_path: Path) -> None:
    written(tmp_path, "a.jpg", 0)
    (tmp_path / "b.jpg").write_bytes(b"no film")
    first, *_others, last = json.loads(identified(tmp_path, json=True, top=1))
    assert [one["rank"] for one in first["candidates"]] == [1]
    assert set(first["candidates"][0]) >= {"manufacturer", "line", "similarity", "implant_id"}
    assert (last["candidates"], last["fixture"]) == ([], None)
    assert last["error"]


def test_a_file_that_cannot_be_read_is_a_row_and_stops_nothing(
    catalogue: list[Implant], tmp_path: Path, settings: Any
) -> None:
    settings.RAIOX_MAX_IMAGE_BYTES = 50_000
    (tmp_path / "a.jpg").write_bytes(b"\xff\xd8\xff broken")
    (tmp_path / "b.jpg").write_bytes(b"")
    (tmp_path / "c.jpg").write_bytes(b"\xff" * 60_000)
    (tmp_path / "d.jpg").symlink_to(tmp_path / "absent")
    written(tmp_path, "e.jpg", 0)
    (tmp_path / "notes.txt").write_text("x")
    found = rows(identified(tmp_path, tmp_path / "absent.jpg"))
    errors = {Path(one["file"]).name: one["error"] for one in found}
    assert [name for name, error in errors.items() if not error] == ["e.jpg"]
    assert errors["absent.jpg"] == "There is no such file."
    assert set(errors) == {"a.jpg", "absent.jpg", "b.jpg", "c.jpg", "e.jpg", "notes.txt"}


def test_a_file_that_is_named_twice_is_answered_once(
    catalogue: list[Implant], tmp_path: Path
) -> None:
    film = written(tmp_path, "a.jpg", 0)
    once = identified(tmp_path)
    assert identified(film, tmp_path, film) == once


def test_the_answers_may_go_into_a_file_that_is_no_film(
    catalogue: list[Implant], tmp_path: Path
) -> None:
    written(tmp_path, "a.jpg", 0)
    output = tmp_path / "answers.csv"
    for _again in range(2):
        assert identified(tmp_path, output=output) == ""
        assert {Path(one["file"]).name for one in rows(output.read_text())} == {"a.jpg"}


def test_no_cell_is_a_formula(catalogue: list[Implant], tmp_path: Path) -> None:
    film = written(tmp_path, "=1+1.jpg", 0)
    one = Identified("=cmd|' /C calc'!A1", error="-1+2")
    assert identifying.as_row(one, limit=1)[0] == "'=cmd|' /C calc'!A1"
    assert identifying.as_row(one, limit=1)[-1] == "'-1+2"
    text = identified(film)
    assert all(not cell.startswith(("=", "@", "+")) for row in rows(text) for cell in row.values())
    names = {row[f"line_{rank}"] for row in rows(text) for rank in (1, 2)}
    assert names == {"'=cmd()", "Plain"}


def test_numbers_stay_numbers() -> None:
    one = Identified("a.jpg", 1, replace(BOX, angle=-12.5), 0.5)
    cells = dict(zip(identifying.header(1), identifying.as_row(one, limit=1), strict=True))
    assert (cells["angle"], cells["found_score"], cells["unknown"]) == ("-12.5", "0.5", "")


def test_nothing_that_could_be_answered_is_an_error(
    catalogue: list[Implant], tmp_path: Path
) -> None:
    (tmp_path / "notes.txt").write_text("x")
    with pytest.raises(CommandError, match="None of the 1 files"):
        identified(tmp_path)
    (tmp_path / "notes.txt").unlink()
    with pytest.raises(CommandError, match="No files"):
        identified(tmp_path)


def test_an_empty_catalogue_is_an_error(tmp_path: Path) -> None:
    written(tmp_path, "a.jpg", 0)
    with pytest.raises(CommandError):
        identified(tmp_path)


@pytest.mark.parametrize("top", [0, 21])
def test_a_number_of_candidates_that_makes_no_sense_is_refused(tmp_path: Path, top: int) -> None:
    with pytest.raises(CommandError, match="--top"):
        identified(tmp_path, top=top)


def test_a_place_that_cannot_be_written_is_an_error_in_one_sentence(
    catalogue: list[Implant], tmp_path: Path
) -> None:
    written(tmp_path, "a.jpg", 0)
    with pytest.raises(CommandError, match="cannot be written"):
        identified(tmp_path, output=tmp_path / "absent" / "answers.csv")
