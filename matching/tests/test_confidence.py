from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import pytest
from django.utils import translation

from matching import calibration
from matching.calibration import Limits, Measured
from matching.confidence import Band, band, lowest, probability, rule_in_words
from matching.encoder import get_encoder

TRAINED = "ViT-B-32/openai@abc/pad-v1"


def ranked(*similarities: float, encoder: str = TRAINED) -> list[SimpleNamespace]:
    return [SimpleNamespace(similarity=one, encoder=encoder) for one in similarities]


@pytest.mark.parametrize(
    ("similarities", "expected"),
    [
        ((0.97, 0.90, 0.89), Band.HIGH),
        ((0.93, 0.90), Band.MEDIUM),
        ((0.905, 0.90), Band.LOW),
        ((1.0, 1.0), Band.LOW),
        ((1.0, 0.5), Band.HIGH),
        ((0.99,), Band.LOW),
    ],
)
def test_the_band_says_how_far_the_first_stands_before_the_second(
    similarities: tuple[float, ...], expected: Band
) -> None:
    assert band(ranked(*similarities)) == expected


LIMITS = Limits(similarity=0.5, gap=0.02, high=0.2, medium=0.05)


@pytest.mark.parametrize(
    ("similarities", "expected"),
    [
        ((0.9, 0.7, 0.69), Band.HIGH),
        ((0.9, 0.71), Band.MEDIUM),
        ((0.96, 0.9), Band.MEDIUM),
        ((0.95, 0.91), Band.LOW),
        ((0.99,), Band.LOW),
    ],
)
def test_where_limits_were_measured_the_lead_decides(
    similarities: tuple[float, ...], expected: Band
) -> None:
    assert band(ranked(*similarities), limits=LIMITS) == expected


def test_a_band_that_no_lead_could_promise_is_never_given() -> None:
    assert band(ranked(0.9, 0.1), limits=Limits(medium=0.1)) == Band.MEDIUM
    assert band(ranked(0.9, 0.1), limits=Limits()) == Band.LOW


def test_what_is_unknown_is_low_however_far_it_stands_before_the_next() -> None:
    assert band(ranked(0.4, 0.1), limits=LIMITS, is_unknown=True) == Band.LOW
    assert band(ranked(0.4, 0.1), limits=LIMITS, is_unknown=False) == Band.HIGH


@pytest.mark.parametrize(
    ("similarities", "expected"), [((0.9, 0.7), "medium"), ((0.9, 0.8), "low"), ((0.9, 0.9), "low")]
)
@pytest.mark.parametrize("doubts", [["tilted"], ["tilted", "too_small"]])
def test_doubts_about_the_film_lower_the_band_by_one(
    similarities: tuple[float, ...], expected: str, doubts: list[str]
) -> None:
    assert band(ranked(*similarities), limits=LIMITS, doubts=doubts) == expected


def test_random_weights_have_no_confidence_however_clear_it_looks() -> None:
    untrained = ranked(0.99, 0.1, encoder="ViT-B-32/random@abc/pad-v1")
    assert band(untrained) == Band.UNTRAINED
    assert band(untrained, limits=LIMITS, is_unknown=True, doubts=["tilted"]) == Band.UNTRAINED


def test_without_candidates_there_is_no_band() -> None:
    assert band([]) == ""


def test_a_probability_is_told_by_what_people_decided_of_such_candidates() -> None:
    decided = Limits(probability=((0.8, 0.2), (1.2, 0.9)))
    assert probability(ranked(0.9, 0.6, 0.1), limits=decided) == pytest.approx(0.9)
    assert probability(ranked(0.9, 0.8), limits=decided) == pytest.approx(0.55)
    for candidates, limits in [((0.9, 0.6), LIMITS), ((0.9, 0.6), None), ((0.9,), decided)]:
        assert probability(ranked(*candidates), limits=limits) is None


@pytest.mark.parametrize(
    ("bands", "expected"),
    [
        (["high", "low", "medium"], "low"),
        (["high", "", "medium"], "medium"),
        (["low", "untrained"], "untrained"),
        (["", ""], ""),
        ([], ""),
    ],
)
def test_a_case_is_as_sure_as_its_least_sure_fixture(bands: list[str], expected: str) -> None:
    assert lowest(bands) == expected


class TestTheRuleInWords:
    @pytest.fixture(autouse=True)
    def trained(self, settings: Any, db: None) -> Iterator[None]:
        settings.RAIOX_ENCODER = "ViT-B-32/openai"
        settings.RAIOX_VIEWS = None
        with translation.override("en"):
            yield

    def test_says_which_lead_makes_which_band_and_what_was_reached(self) -> None:
        prefix, suffix = get_encoder().id_without_digest
        reached = {"count": 120, "precision": 0.982}
        figures = {
            "films": 400,
            "source": "clinic",
            "is_phantoms": True,
            "high": reached,
            "medium": {"count": 0, "precision": None},
            "false_accept": 0.081,
            "false_reject": 0.12,
        }
        calibration.save(Measured(f"{prefix}0123abc{suffix}", LIMITS, figures))
        told = " ".join(rule_in_words())
        for part in ("0.200", "120", "98%", "0.050", "0.500", "0.020", "8%", "12%", "400"):
            assert part in told, part
        assert "Phantoms are not patients." in told

    def test_says_so_where_nothing_was_measured_for_this_encoder(self) -> None:
        calibration.save(Measured("ViT-L-14/openai@abc/other", LIMITS, {"films": 1}))
        told = " ".join(rule_in_words())
        assert "Nothing was measured" in told
        assert "0.600" in told

    def test_says_that_random_weights_have_none(self, settings: Any) -> None:
        settings.RAIOX_ENCODER = "ViT-B-32/random"
        (told,) = rule_in_words()
        assert "random" in told
