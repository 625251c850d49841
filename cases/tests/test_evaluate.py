"""`manage.py evaluate`: what is measured, printed, and refused."""

import io
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.utils import timezone

from cases import review
from cases.models import Case
from cases.review import Choice
from cases.tests.making_cases import make_case, mark_fixture
from implants.models import Implant
from matching.boxes import Box
from matching.tests.labelled_films import labelled_folder, written

ENCODER = "raiox-fixture/random"


def evaluated(*arguments: object, **options: Any) -> str:
    output = io.StringIO()
    options = {"encoder": [ENCODER], "quiet": True, "stderr": io.StringIO()} | options
    call_command("evaluate", *map(str, arguments), stdout=output, **options)
    return output.getvalue()


def test_a_folder_is_split_and_looked_up(tmp_path: Path) -> None:
    text = evaluated(labelled_folder(tmp_path))
    assert "3 films looked up among 6 references of 3 implants" in text
    assert "manufacturer" in text
    assert "Phantoms are not patients" not in text


def test_nothing_but_json_is_printed(tmp_path: Path) -> None:
    found = json.loads(evaluated(labelled_folder(tmp_path), "--json", "--references", "1"))
    assert (found["queries"], found["references"], found["implants"]) == (6, 3, 3)
    assert {"top1", "top3", "top5", "mrr", "unknown_auroc", "encoder", "by_line"} <= set(found)


def test_the_same_films_give_the_same_figures(tmp_path: Path) -> None:
    labelled_folder(tmp_path)
    assert evaluated(tmp_path, "--json", "--seeds", "2") == evaluated(
        tmp_path, "--json", "--seeds", "2"
    )


def test_encoders_and_normalisations_stand_side_by_side(tmp_path: Path) -> None:
    found = json.loads(
        evaluated(
            labelled_folder(tmp_path),
            "--json",
            normalisation=["fixture", "whole"],
            encoder=[ENCODER, "ViT-B-32/absent.pt"],
        )
    )
    assert [one["normalisation"] for one in found["variants"]] == ["fixture", "whole"]
    assert [one["encoder"] for one in found["skipped_encoders"]] == ["ViT-B-32/absent.pt"]


def test_unreadable_files_are_listed_and_the_others_measured(tmp_path: Path) -> None:
    labelled_folder(tmp_path)
    (tmp_path / "STRAUMANN_KINDA_4.0mm_7.jpg").write_bytes(b"\xff\xd8\xff broken")
    (tmp_path / "STRAUMANN_KINDA_4.0mm_8.jpg").write_bytes(b"")
    text = evaluated(tmp_path)
    assert "skipped STRAUMANN_KINDA_4.0mm_7.jpg: " in text
    assert "skipped STRAUMANN_KINDA_4.0mm_8.jpg: " in text


def test_phantoms_are_drawn_and_looked_up() -> None:
    found = json.loads(
        evaluated(
            *("--json", "--references", "1", "--pixels-per-mm", "4", "--boxes", "given"),
            *("--implants", "3"),
        )
    )
    assert (found["source"], found["difficulty"], found["boxes"]) == ("phantoms", "clinic", "given")
    assert (found["queries"], found["references"], found["implants"]) == (3, 3, 3)


@pytest.mark.django_db
def test_decisions_are_measured_among_those_of_other_patients(
    implants: list[Implant], film: Callable[..., bytes], approver: Any
) -> None:
    for number in range(4):
        case = make_case(implants, film=film(number, size=(240, 320)))
        said = {"consent_at": timezone.now(), "client_hash": f"dentist {number}"}
        Case.objects.filter(pk=case.pk).update(**said)
        case.images.update(width=240, height=320)
        mark_fixture(case, Box(120, 160, 60, 180, 10))
        choices = [Choice(implants[number % 2].pk)]
        review.approve(case_id=case.pk, choices=choices, reviewer=approver)
    found = json.loads(evaluated("--decisions", "--json"))
    assert (found["source"], found["queries"], found["boxes"]) == ("decisions", 4, "given")
    assert (found["implants"], found["references"]) == (2, 3)


def test_without_decisions_there_is_nothing_to_evaluate(db: None) -> None:
    with pytest.raises(CommandError, match="No film could be read"):
        evaluated("--decisions")


def test_the_gate_fails_when_top_three_fell(tmp_path: Path) -> None:
    # All of one kind under eight names: whoever is asked for is found by chance.
    for n in range(16):
        written(tmp_path, f"STRAUMANN_KIND{'ABCDEFGH'[n % 8]}_4.0mm_{n}.jpg", 0, n)
    file = tmp_path / "baseline.txt"
    evaluated(tmp_path, "--baseline", file, "--write-baseline")
    before = json.loads(file.read_text())
    assert before["top3"] < 0.96
    said = io.StringIO()
    evaluated(tmp_path, "--baseline", file, stderr=said)
    assert "not more than 3 points lower" in said.getvalue()
    file.write_text(json.dumps({"top3": before["top3"] + 0.031}))
    with pytest.raises(CommandError, match="may fall by 3 points at most"):
        evaluated(tmp_path, "--baseline", file)


def test_the_report_is_one_file(tmp_path: Path) -> None:
    labelled_folder(tmp_path, lines=2, each=2)
    evaluated(tmp_path, "--html", tmp_path / "report.html")
    assert (tmp_path / "report.html").read_text().startswith("<!DOCTYPE html>")


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        (["absent"], "is not a folder"),
        (["--references", "0"], "at least 1"),
        (["--seeds", "0"], "at least 1"),
        (["--write-baseline"], "needs --baseline"),
        (["--csv", "x.csv"], "--csv belongs to a folder"),
        (["--decisions", "--held-out"], "belong to phantoms"),
        (["--pixels-per-mm", "1000"], "between 2 and 60"),
        (["--baseline", "absent.json"], "cannot be read"),
        (["--html", "absent/report.html"], "cannot be written"),
    ],
)
def test_what_makes_no_sense_is_refused_at_once(arguments: list[str], reason: str) -> None:
    with pytest.raises(CommandError, match=reason):
        evaluated(*arguments)


def test_a_report_on_decisions_is_refused_inside_the_repository(settings: Any) -> None:
    with pytest.raises(CommandError, match="repository"):
        evaluated("--decisions", "--html", settings.BASE_DIR / "cases" / "report.html")


def test_an_encoder_that_cannot_be_loaded_is_an_error_in_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(CommandError, match=r"absent\.pt"):
        evaluated(labelled_folder(tmp_path), encoder=["ViT-B-32/absent.pt"])


def test_a_patient_of_the_table_stays_on_one_side(tmp_path: Path) -> None:
    rows = ["file,manufacturer,line,patient"]
    for line in range(2):
        for n in range(4):
            written(tmp_path, f"{line}{n}.jpg", line, n)
            rows.append(f"{line}{n}.jpg,Straumann,Kind {'AB'[line]},P{n % 2}")
    (tmp_path / "labels.csv").write_text("\n".join(rows))
    found = json.loads(evaluated(tmp_path, "--json"))
    assert (found["queries"], found["references"]) == (4, 4)


def test_one_implant_alone_is_refused(tmp_path: Path) -> None:
    with pytest.raises(CommandError, match="at least two implants"):
        evaluated(labelled_folder(tmp_path, lines=1))


def test_as_many_films_as_there_are_implants_are_refused(tmp_path: Path) -> None:
    with pytest.raises(CommandError, match="films of two patients"):
        evaluated(labelled_folder(tmp_path, each=1))
