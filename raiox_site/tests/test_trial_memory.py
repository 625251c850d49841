"""When the memory of a long trial counts as growing."""

from random import Random

import pytest

from raiox_site.trial.memory import Memory, pooled_slope

MINUTE = 60.0


def process(level: float, *, slope: float, minutes: int, seed: int) -> list[tuple[float, float]]:
    """A sample every 10 seconds, with noise of 2 MiB; `slope` in MiB per minute."""
    rng = Random(seed)
    times = [10.0 * number for number in range(6 * minutes)]
    return [(at, level + slope * at / MINUTE + rng.uniform(-2, 2)) for at in times]


@pytest.mark.parametrize(("slope", "is_growth"), [(0.0, False), (0.2, False), (2.0, True)])
def test_a_leak_is_told_from_noise_though_processes_are_killed(
    slope: float, is_growth: bool
) -> None:
    """Ten processes of some minutes each, on levels of their own."""
    lives = [process(100 * n, slope=slope, minutes=5, seed=n) for n in range(10)]
    found = pooled_slope(lives)
    assert found.value == pytest.approx(slope, abs=0.3)
    assert found.is_growth is is_growth


def test_a_short_trial_is_not_judged() -> None:
    assert not pooled_slope([process(100, slope=50.0, minutes=5, seed=1)]).is_growth


def test_a_new_process_with_another_level_is_no_growth() -> None:
    lives = [process(level, slope=0, minutes=15, seed=1) for level in (100, 300)]
    assert not pooled_slope(lives).is_growth


def test_whoever_takes_more_than_the_target_is_named() -> None:
    memory = Memory(60.0, list)
    memory.samples["web", 1, 0.0] = [(0.0, 300.0), (10.0, 1500.0)]
    memory.samples["worker", 2, 0.0] = [(0.0, 300.0), (10.0, 301.0)]
    assert memory.violations() == ["web took 1500 MiB"]


def test_what_begins_is_not_counted() -> None:
    memory = Memory(3600.0, list)
    loading = [(10.0 * n, min(10.0 * n, 170.0)) for n in range(18)]
    memory.samples["web", 1, 0.0] = loading + [(180.0 + 10 * n, 170.0) for n in range(200)]
    assert abs(memory.slope("web").value) < 0.01
