from types import SimpleNamespace

import pytest

from matching.confidence import Band, band, lowest

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


def test_random_weights_have_no_confidence_however_clear_it_looks() -> None:
    assert band(ranked(0.99, 0.1, encoder="ViT-B-32/random@abc/pad-v1")) == Band.UNTRAINED


def test_without_candidates_there_is_no_band() -> None:
    assert band([]) == ""


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
