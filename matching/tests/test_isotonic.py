import numpy as np
import pytest

from matching.calibrating.isotonic import (
    LEAST,
    MOST,
    bins,
    brier,
    cross_validated,
    expected_error,
    fit,
    pool_adjacent_violators,
    predict,
)


@pytest.mark.parametrize(
    ("values", "fitted"),
    [
        ([], []),
        ([0.3], [0.3]),
        ([1, 2, 3], [1, 2, 3]),
        ([3, 2, 1], [2, 2, 2]),
        ([1, 3, 2, 4], [1, 2.5, 2.5, 4]),
        ([4, 5, 1, 6, 8, 7], [10 / 3, 10 / 3, 10 / 3, 6, 7.5, 7.5]),
        ([0, 0, 1, 0, 1, 1], [0, 0, 0.5, 0.5, 1, 1]),
    ],
)
def test_neighbours_that_fall_are_pooled(values: list[float], fitted: list[float]) -> None:
    assert pool_adjacent_violators(values, [1] * len(values)) == pytest.approx(fitted)


def test_heavier_values_move_the_mean_more() -> None:
    assert pool_adjacent_violators([3, 1], [3, 1]) == pytest.approx([2.5, 2.5])


def test_no_rising_sequence_is_nearer() -> None:
    random = np.random.default_rng(1)
    for _ in range(20):
        values, weights = random.normal(size=12), random.uniform(0.1, 2, size=12)
        fitted = np.array(pool_adjacent_violators(list(values), list(weights)))
        assert (np.diff(fitted) >= -1e-12).all()
        error = (weights * (values - fitted) ** 2).sum()
        for _ in range(50):
            other = np.sort(fitted + random.normal(scale=0.1, size=12))
            assert error <= (weights * (values - other) ** 2).sum()


def decided(n: int = 2_000) -> tuple[np.ndarray, np.ndarray]:
    """Evidence 0…1 that is right as often as its square."""
    random = np.random.default_rng(2)
    evidence = random.uniform(size=n)
    return evidence, (random.uniform(size=n) < evidence**2).astype(float)


def test_the_fit_rises_and_meets_the_true_curve() -> None:
    points = fit(*decided())
    places, values = map(np.array, zip(*points, strict=True))
    assert (np.diff(places) > 0).all()
    assert (np.diff(values) >= 0).all()
    asked = np.linspace(0.05, 0.95, 10)
    assert predict(points, asked) == pytest.approx(asked**2, abs=0.1)


def test_few_points_say_the_same_as_all_of_them() -> None:
    evidence, right = decided(300)
    points = fit(evidence, right)
    order = np.argsort(evidence)
    whole = np.clip(pool_adjacent_violators(list(right[order]), [1.0] * 300), LEAST, MOST)
    assert len(points) < 100
    assert predict(points, evidence[order]) == pytest.approx(whole)


def test_equal_evidence_gets_one_probability_and_never_certainty() -> None:
    points = fit(np.array([0.5, 0.5, 0.5, 0.9, 0.1]), np.array([1.0, 0.0, 1.0, 1.0, 0.0]))
    assert points == ((0.1, LEAST), (0.5, pytest.approx(2 / 3)), (0.9, MOST))


def test_there_is_nothing_to_fit_to_without_decisions() -> None:
    with pytest.raises(ValueError):
        fit(np.array([]), np.array([]))


def test_a_decision_is_never_predicted_by_its_own_group() -> None:
    evidence = np.arange(20) / 20
    right = np.array([1.0, 0.0] * 10)
    together = cross_validated(evidence, right, ["one patient"] * 20)
    assert together == pytest.approx([0.5] * 20)
    random_right = np.random.default_rng(3).integers(0, 2, 400).astype(float)
    noise = np.random.default_rng(4).uniform(size=400)
    apart = cross_validated(noise, random_right, list(range(400)))
    own = predict(fit(noise, random_right), noise)
    assert brier(apart, random_right) > brier(own, random_right)


def test_cross_validated_probabilities_hold_on_what_they_were_not_fitted_to() -> None:
    evidence, right = decided()
    predicted = cross_validated(evidence, right, list(range(len(right))))
    found = bins(predicted, right)
    assert sum(one.count for one in found) == len(right)
    assert expected_error(found) < 0.05
    assert brier(predicted, right) < np.var(right)


def test_bins_hold_what_was_predicted_and_what_came() -> None:
    predicted = np.array([0.05, 0.95, 0.92, 1.0])
    low, high = bins(predicted, np.array([0.0, 1.0, 0.0, 1.0]))
    assert (low.low, low.high, low.predicted, low.observed, low.count) == (0.0, 0.1, 0.05, 0.0, 1)
    assert (high.low, high.high, high.count) == (0.9, 1.0, 3)
    assert (high.predicted, high.observed) == pytest.approx((2.87 / 3, 2 / 3))
    assert expected_error([low, high]) == pytest.approx((0.05 + 3 * (2.87 - 2) / 3) / 4)
