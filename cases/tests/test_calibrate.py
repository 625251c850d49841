"""The command that sets limits and probabilities for the encoder in use."""

import io
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from django.core.management import CommandError, call_command
from django.utils import timezone
from PIL import Image

from cases.models import Case, CaseImage, Finding, Result
from cases.tests.making_cases import make_implant
from matching import architectures, calibration
from matching.calibrating import limits
from matching.calibration import LEAST_DECISIONS, Limits, Measured, limits_for, reliability
from matching.encoder import declare_torchvision_operators, get_encoder
from matching.models import Calibration
from matching.tests import tiny_tower

pytestmark = pytest.mark.django_db
BEFORE = Limits(similarity=0.4, gap=0.02, high=0.2, medium=0.1)


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Path:
    import torch

    folder = tmp_path_factory.mktemp("tower")
    tiny_tower.write_config(folder)
    declare_torchvision_operators()
    architectures.register(folder)
    torch.save(tiny_tower.clip().state_dict(), folder / "tiny.pt")
    return folder / "tiny.pt"


@pytest.fixture(autouse=True)
def in_this_process(settings: Any) -> None:
    """No other one knows the architecture."""
    settings.RAIOX_RUNTIME = "torch"


@pytest.fixture
def trained(settings: Any, checkpoint: Path) -> str:
    """The id of the encoder in use, whose weights come from a file."""
    settings.RAIOX_ENCODER = f"{tiny_tower.ARCHITECTURE}/{checkpoint}"
    return get_encoder().id


@pytest.fixture
def decide(trained: str) -> Callable[..., None]:
    """Decisions about first candidates of the encoder in use, more often right the further
    the first stands before the second; then some about implants that the catalogue lacks."""

    def make(count: int, *, absent: int = 0, encoder: str = trained) -> None:
        implants = [make_implant(name) for name in ("Linha Um", "Linha Dois", "Linha Três")]
        now = timezone.now()
        case = Case.objects.create(
            source=Case.Source.UPLOAD, status=Case.Status.APPROVED, decided_at=now
        )
        image = CaseImage.objects.create(case=case)
        outcomes = ["identified"] * count + ["not_in_catalogue"] * absent
        findings = Finding.objects.bulk_create(
            [Finding(case_image=image, outcome=outcome) for outcome in outcomes]
        )
        draw = np.random.default_rng(11)
        results = []
        for finding in findings:
            is_absent = finding.outcome == "not_in_catalogue"
            first, lead = (0.3, 0.01) if is_absent else (0.8, float(draw.uniform(0, 0.4)))
            right = None if is_absent else int(draw.uniform() > 3 * lead)
            results += [
                Result(
                    finding=finding,
                    implant=implant,
                    rank=rank + 1,
                    similarity=first - lead * rank,
                    encoder=encoder,
                    approved=rank == right,
                    approved_at=now if rank == right else None,
                )
                for rank, implant in enumerate(implants)
            ]
        Result.objects.bulk_create(results)

    return make


@pytest.fixture
def films(tmp_path: Path) -> Path:
    """Three films each of four lines, without any fixture on them."""
    draw = np.random.default_rng(3)
    for line in ("BLX", "TLX", "TE", "BLC"):
        for number in range(3):
            grey = draw.integers(60, 200, (16, 12), dtype=np.uint8)
            picture = Image.fromarray(grey).resize((96, 128), Image.Resampling.NEAREST)
            picture.save(tmp_path / f"STRAUMANN_{line}_4.1mm_{number}.png")
    return tmp_path


def run(*args: Any, **options: Any) -> str:
    out = io.StringIO()
    call_command("calibrate", *args, stdout=out, stderr=io.StringIO(), quiet=True, **options)
    return out.getvalue()


def test_decisions_give_limits_a_probability_and_its_reliability(
    decide: Callable[..., None], trained: str
) -> None:
    decide(400, absent=100)
    told = run("--decisions", "--save")
    found = limits_for(trained)
    assert found is not None
    assert found.similarity is not None and 0.3 < found.similarity <= 0.8
    assert found.probability
    assert sum(one.count for one in reliability(trained)) == 500
    for part in (trained, "500 decisions", "Brier", "calibration error", "AUROC", "false accept"):
        assert part in told, part
    assert "Phantoms" not in told


def test_below_the_number_of_decisions_it_says_so_and_leaves_the_bands(
    decide: Callable[..., None], trained: str
) -> None:
    calibration.save(Measured(trained, BEFORE, {}))
    decide(LEAST_DECISIONS - 1)
    with pytest.raises(CommandError, match=r"needs 200 decisions.*there are 199.*bands stay"):
        run("--decisions", "--save")
    assert limits_for(trained) == BEFORE


def test_only_decisions_about_candidates_of_this_encoder_count(
    decide: Callable[..., None], trained: str
) -> None:
    decide(LEAST_DECISIONS, encoder="ViT-B-32/openai@abc/pad-v1")
    with pytest.raises(CommandError, match="there are 0"):
        run("--decisions")


def test_without_absent_implants_the_earlier_limits_of_unknown_ones_stay(
    decide: Callable[..., None], trained: str
) -> None:
    calibration.save(Measured(trained, BEFORE, {}))
    decide(300)
    run("--decisions", "--save")
    found = limits_for(trained)
    assert found is not None
    assert (found.similarity, found.gap) == (BEFORE.similarity, BEFORE.gap)
    assert found.probability


def test_nothing_is_kept_unless_it_is_asked_for(
    decide: Callable[..., None], trained: str, tmp_path: Path
) -> None:
    decide(300)
    run("--decisions")
    assert not Calibration.objects.exists()
    run("--decisions", "--write", tmp_path / "found.json")
    assert not Calibration.objects.exists()
    written = json.loads((tmp_path / "found.json").read_text(encoding="utf-8"))
    assert written["encoder"] == trained
    assert written == json.loads(run("--decisions", "--json"))


def test_a_place_that_cannot_be_written_is_refused(
    decide: Callable[..., None], tmp_path: Path
) -> None:
    decide(300)
    with pytest.raises(CommandError, match="No such file"):
        run("--decisions", "--write", tmp_path / "nowhere" / "found.json")


def test_films_give_limits_and_never_a_probability(
    films: Path, trained: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(limits, "LEAST_FILMS", 2)
    told = json.loads(run(films, "--references", "1", "--save", "--json"))
    assert told["encoder"] == trained
    assert (told["measured"]["source"], told["measured"]["is_phantoms"]) == (films.name, False)
    assert 0 <= told["measured"]["auroc"] <= 1
    found = limits_for(trained)
    assert found is not None
    assert found.similarity is not None
    assert found.probability == ()


def test_measuring_films_again_does_not_unmake_what_was_decided(
    films: Path, decide: Callable[..., None], trained: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    decide(300)
    run("--decisions", "--save")
    before, bins = limits_for(trained), reliability(trained)
    monkeypatch.setattr(limits, "LEAST_FILMS", 2)
    run(films, "--references", "1", "--save")
    after = limits_for(trained)
    assert before is not None and after is not None
    assert after.probability == before.probability
    assert reliability(trained) == bins
    assert after.similarity != before.similarity


def test_too_few_films_are_refused_in_a_sentence(films: Path, trained: str) -> None:
    with pytest.raises(CommandError, match="At least 30 films"):
        run(films, "--references", "1")


def test_a_folder_that_is_none_is_refused(tmp_path: Path, trained: str) -> None:
    with pytest.raises(CommandError, match="folder"):
        run(tmp_path / "nowhere")


def test_random_weights_are_measured_and_not_kept(
    films: Path, settings: Any, monkeypatch: pytest.MonkeyPatch, checkpoint: Path
) -> None:
    settings.RAIOX_ENCODER = f"{tiny_tower.ARCHITECTURE}/random"
    monkeypatch.setattr(limits, "LEAST_FILMS", 2)
    with pytest.raises(CommandError, match="Random weights"):
        run(films, "--references", "1", "--save")
    assert not Calibration.objects.exists()


@pytest.mark.parametrize(
    "args",
    [
        (),
        ("--phantoms", "easy"),
        ("--phantoms", "clean", "--decisions"),
        ("--decisions", "--false-accept", "1"),
        ("--decisions", "--references", "0"),
        ("--decisions", "--seeds", "0"),
    ],
    ids=["nothing", "unknown level", "two sources", "no share", "no references", "no seeds"],
)
def test_what_makes_no_sense_is_refused(args: tuple[str, ...], trained: str) -> None:
    with pytest.raises(CommandError):
        run(*args)
