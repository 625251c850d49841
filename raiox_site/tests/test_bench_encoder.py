import io
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from django.core.management import call_command

from raiox_site.bench import agreement, encoder, encoder_pictures
from raiox_site.bench.columns import aligned
from raiox_site.bench.crew import Crew
from raiox_site.bench.encoder import Limits, Measured
from raiox_site.bench.encoder_process import Measuring
from raiox_site.bench.failures import NotAnswered

SMALL = (
    "--times=1",
    "--films=1",
    "--references=2",
    "--seconds=0.1",
    "--processes=1",
    "--runtimes=torch,float32",
)


def measured(name: str, alone: float, in_batches: float, together: float) -> Measured:
    one = Measured(name, "ViT-B-32/random@1", 4.0, 612.0, views=1, together=together)
    one.each = {1: [alone, alone, 9.0], 8: [in_batches, in_batches, 9.0]}
    return one


def test_images_a_second_are_a_share_of_the_matrix_products_of_the_machine() -> None:
    limits = Limits(one=100.0, all=150.0, picture=10.0)
    lines = encoder.told(
        [measured("torch", 0.2, 0.125, 12.0), measured("int8", 0.1, 0.1, 18.0)], limits, 2
    )
    assert lines[0] == "encoder ViT-B-32/random@1, 1 view(s), 10.00 GFLOP an image"
    assert "100 GFLOP/s with one thread, 150 GFLOP/s with 2 processes" in lines[1]
    cells = [" ".join(line.split()) for line in lines[4:]]
    assert cells[0] == "torch 4.0 s 612 MB 1 200.0 5.0 50% 1.00"
    assert cells[1] == "8 125.0 8.0 80% 1.00"
    assert cells[2] == "2 × 8 166.7 12.0 80% 1.00"
    assert cells[3].endswith(" 10.0 100% 2.00")
    assert cells[5] == "2 × 8 111.1 18.0 120% 1.50"


def around(*degrees: float) -> np.ndarray:
    angles = np.radians(degrees)
    return np.stack([np.cos(angles), np.sin(angles)], axis=1).astype(np.float32)


def test_another_order_of_the_three_nearest_is_the_same_three() -> None:
    references, films = around(0, 10, 20, 40, 90), around(4, 6)
    same = agreement.of_references((films, references), (films[::-1], references))
    assert (same.first, same.top3, same.top3_strict) == (0.0, 1.0, 1.0)
    assert same.least_cosine == pytest.approx(np.cos(np.radians(2)))


def test_a_tie_is_no_disagreement_but_is_told() -> None:
    references = around(0, 1, 20, -20.001)
    usual, other = around(0), around(-0.01)
    same = agreement.of_references((usual, references), (other, references))
    assert (same.first, same.top3, same.top3_strict) == (1.0, 1.0, 0.0)
    far = agreement.of_references(
        (around(0), around(0, 1, 20, -40)), (around(-11), around(0, 1, 20, -40))
    )
    assert (far.first, far.top3) == (1.0, 0.0)


def test_an_implant_is_as_near_as_its_nearest_reference() -> None:
    references, owners = around(0, 90, 5, 95, 30, 60), [7, 7, 8, 8, 9, 9]
    usual, other = around(1), around(4)
    same = agreement.of_references((usual, references), (other, references), owners)
    assert (same.first, same.top3_strict) == (0.0, 1.0)


def test_the_pictures_of_a_process_are_those_that_were_drawn(tmp_path: Path) -> None:
    pictures, owners = encoder_pictures.references(3)
    assert owners == [0, 0, 1]
    encoder_pictures.save(pictures, tmp_path / "pictures.npz")
    read = encoder_pictures.read(tmp_path / "pictures.npz")
    assert [one.tobytes() for one in read] == [one.tobytes() for one in pictures]
    assert len(encoder_pictures.read(tmp_path / "pictures.npz", limit=2)) == 2


def test_cells_stand_below_each_other() -> None:
    assert aligned([["a", "10"], ["bcd", "7"]]) == ["a    10", "bcd   7"]


def test_a_process_that_ends_is_no_measurement() -> None:
    with Crew("raiox_site") as crew, pytest.raises(NotAnswered, match="to do: load"):
        crew.ask("load")


def test_the_command_measures_every_runtime_in_a_process_of_its_own(db: None) -> None:
    out = io.StringIO()
    call_command("bench", "encoder", *SMALL, stdout=out)
    printed = out.getvalue()
    assert re.match(r"\d+ cores, \S.* GB, load", printed)
    assert re.search(
        r"^encoder \S+@\w+/\S+, \d view\(s\), \d+\.\d\d GFLOP an image$", printed, re.M
    )
    assert re.search(r"products: \d+ GFLOP/s with one thread, \d+ GFLOP/s with 1 proc", printed)
    figures = r"\d+\.\d +\d+\.\d +\d+% +(\d+\.\d\d)$"
    rows = re.findall(rf"^(torch|float32) +\d+\.\d s +\d+ MB +1 +{figures}", printed, re.M)
    assert [name for name, _ratio in rows] == ["torch", "float32"]
    assert rows[0][1] == "1.00"
    assert len(re.findall(rf"^ +1 × 8 +{figures}", printed, re.M)) == 2
    # One film among two references.
    same = r"0\.99999|1\.00000) +100\.0% +100\.0% +100\.0%$"
    for what in ("references", "implants"):
        assert re.search(rf"^float32, {what} +({same}", printed, re.M)


def test_an_encoder_that_cannot_be_loaded_is_said(tmp_path: Path) -> None:
    encoder_pictures.save(encoder_pictures.films(1), tmp_path / "pictures.npz")
    process = Measuring("ViT-B-32/absent.pt", tmp_path / "pictures.npz")
    assert "absent.pt" in process.answer("load")["error"]


def test_a_runtime_that_does_not_exist_is_refused(settings: Any) -> None:
    settings.RAIOX_RUNTIME = "auto"
    assert encoder.runtimes_wanted("torch,int8") == ["torch", "int8"]
    assert encoder.runtimes_wanted("")[0] == encoder.YARDSTICK
    with pytest.raises(NotAnswered, match="fpga"):
        encoder.runtimes_wanted("torch,fpga")
