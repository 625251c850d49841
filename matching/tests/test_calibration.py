import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from matching import calibration
from matching.calibration import (
    LEAST_DECISIONS,
    Bin,
    Limits,
    Measured,
    is_unknown,
    limits_for,
    of_current_encoder,
    probability,
    reliability,
)
from matching.encoder import get_encoder
from matching.models import Calibration
from matching.scoring import Standing

pytestmark = pytest.mark.django_db

ENCODER = "Test-1/by-hand@0/none"
LIMITS = Limits(similarity=0.6, gap=0.1, high=0.3, medium=0.15)
POINTS = ((0.5, 0.1), (1.0, 0.9))
DECIDED = {"decisions": LEAST_DECISIONS}


@pytest.fixture
def packaged(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    monkeypatch.setattr(calibration, "PACKAGED", tmp_path / "packaged.json")
    yield tmp_path / "packaged.json"


@pytest.mark.parametrize(
    ("similarity", "gap", "unknown"),
    [
        (0.7, 0.2, False),
        (0.6, 0.1, False),
        (0.59, 0.2, True),
        (0.7, 0.09, True),
        (0.7, None, False),
        (0.5, None, True),
    ],
)
def test_only_where_score_and_gap_pass_is_the_first_accepted(
    similarity: float, gap: float | None, unknown: bool
) -> None:
    assert is_unknown(Standing(similarity, gap, gap), LIMITS) is unknown


def test_where_nothing_was_measured_nothing_is_said_to_be_unknown() -> None:
    assert is_unknown(Standing(-1.0, 0.0, 0.0), None) is None
    assert is_unknown(Standing(-1.0, 0.0, 0.0), Limits(high=0.2)) is None
    assert limits_for(ENCODER) is None
    assert reliability(ENCODER) == []


def test_limits_belong_to_one_encoder() -> None:
    calibration.save(Measured(ENCODER, LIMITS, {"films": 3}))
    assert limits_for(ENCODER) == LIMITS
    assert limits_for("Test-1/by-hand@1/none") is None


def test_a_new_measurement_takes_the_place_of_the_old_one() -> None:
    calibration.save(Measured(ENCODER, LIMITS))
    calibration.save(Measured(ENCODER, Limits(similarity=0.2, gap=0.0)))
    assert Calibration.objects.count() == 1
    assert limits_for(ENCODER) == Limits(similarity=0.2, gap=0.0)


def test_a_packaged_calibration_serves_its_own_encoder_until_there_is_a_row(
    packaged: Path,
) -> None:
    calibration.write(Measured(ENCODER, LIMITS, {"films": 3}), packaged)
    assert limits_for(ENCODER) == LIMITS
    assert limits_for("Test-2/by-hand@0/none") is None
    calibration.save(Measured(ENCODER, Limits(similarity=0.2, gap=0.0)))
    assert limits_for(ENCODER) == Limits(similarity=0.2, gap=0.0)


def test_without_a_packaged_file_there_is_none(packaged: Path) -> None:
    assert limits_for(ENCODER) is None
    assert of_current_encoder() is None


def test_that_of_the_encoder_in_use_is_found_without_loading_it(settings: Any) -> None:
    settings.RAIOX_ENCODER = "ViT-L-14/openai"
    prefix, suffix = get_encoder().id_without_digest
    calibration.save(Measured(f"{prefix}0123456789ab{suffix}", LIMITS))
    calibration.save(Measured(ENCODER, Limits()))
    found = of_current_encoder()
    assert found is not None
    assert found.limits == LIMITS
    assert not get_encoder().is_loaded


def test_a_probability_rises_with_the_evidence_and_stays_within_what_was_seen() -> None:
    limits = Limits(probability=POINTS)
    told = [
        probability(Standing(similarity, lead, lead), limits)
        for similarity, lead in [(0.1, None), (0.5, 0.0), (0.6, 0.15), (0.9, 0.4)]
    ]
    assert told == pytest.approx([0.1, 0.1, 0.5, 0.9])


def test_without_decisions_there_is_no_probability() -> None:
    assert probability(Standing(0.9, 0.4, 0.4), LIMITS) is None
    assert probability(Standing(0.9, 0.4, 0.4), None) is None


@pytest.mark.parametrize(
    "figures", [{}, {"source": "clinic"}, {"decisions": LEAST_DECISIONS - 1}, {"decisions": None}]
)
def test_a_probability_that_no_people_decided_is_neither_stored_nor_written(
    figures: dict[str, Any], tmp_path: Path
) -> None:
    measured = Measured(ENCODER, Limits(probability=POINTS), figures)
    with pytest.raises(ValueError, match=str(LEAST_DECISIONS)):
        calibration.save(measured)
    with pytest.raises(ValueError, match=str(LEAST_DECISIONS)):
        calibration.write(measured, tmp_path / "new.json")
    assert not Calibration.objects.exists()
    assert not (tmp_path / "new.json").exists()


def test_one_that_was_smuggled_in_is_not_told(packaged: Path) -> None:
    content = {
        "encoder": ENCODER,
        "limits": {"similarity": 0.5, "gap": 0.1, "probability": POINTS},
        "measured": {"source": "clinic"},
    }
    packaged.write_text(json.dumps(content), encoding="utf-8")
    assert limits_for(ENCODER) == Limits(similarity=0.5, gap=0.1)


def test_one_that_people_decided_comes_back_as_it_was_stored() -> None:
    found = [Bin(0.1, 0.2, 0.15, 0.25, 20), Bin(0.8, 0.9, 0.85, 0.8, 180)]
    figures = {**DECIDED, "reliability": [vars(one) for one in found]}
    calibration.save(Measured(ENCODER, Limits(probability=POINTS), figures))
    assert limits_for(ENCODER) == Limits(probability=POINTS)
    assert reliability(ENCODER) == found
