import numpy as np
import pytest

from matching.calibrating.decisions import calibrated
from matching.calibrating.held_out import (
    PARTS,
    Embedded,
    HeldOut,
    TooLittle,
    halves,
    leave_implants_out,
)
from matching.calibrating.limits import LEAST_FILMS, auroc, choose, figures, is_accepted
from matching.calibration import LEAST_DECISIONS, Limits, evidence, probability
from matching.scoring import Standing

FAMILIES = 12
random = np.random.default_rng(60)
CENTRES = random.normal(size=(FAMILIES, 512))


def films(count: int, *, noise: float, seed: int) -> list[Embedded]:
    """`count` films of each implant, further from its centre with more noise; of each family
    there are two sizes at the same place."""
    draw = np.random.default_rng(seed)
    made = []
    for place in range(2 * FAMILIES):
        for number in range(count):
            vector = CENTRES[place // 2] + noise * draw.normal(size=512)
            vector /= np.linalg.norm(vector)
            group = f"{place}:{seed}:{number}"
            made.append(Embedded(f"size {place}", f"line {place // 2}", group, vector))
    return made


def held_out(noise: float = 1.0, count: int = 4) -> list[HeldOut]:
    references = films(3, noise=0.5, seed=1)
    return leave_implants_out(references, films(count, noise=noise, seed=2))


def test_every_film_is_met_once_as_one_of_an_absent_implant() -> None:
    found = held_out()
    queries = 2 * FAMILIES * 4
    assert len(found) == PARTS * queries
    assert sum(not one.is_present for one in found) == queries
    assert not any(one.is_right for one in found if not one.is_present)
    absent = {one.group for one in found if not one.is_present}
    assert len(absent) == queries


def test_the_family_of_an_absent_implant_is_absent_too() -> None:
    found = held_out(noise=0.2)
    lowest = min(one.standing.similarity for one in found if one.is_present)
    assert all(one.standing.similarity < lowest for one in found if not one.is_present)
    assert all((one.standing.gap or 0) > 0.3 for one in found if one.is_present)
    assert all((one.standing.lead or 0) < 0.2 for one in found if one.is_present)


def test_too_few_implants_or_no_films_are_refused() -> None:
    references = [one for one in films(1, noise=0.1, seed=1) if one.family in ("line 0", "line 1")]
    with pytest.raises(TooLittle):
        leave_implants_out(references, references)
    with pytest.raises(TooLittle):
        leave_implants_out(films(1, noise=0.1, seed=1), [])


def test_films_of_a_group_are_never_in_both_halves() -> None:
    first, second = halves(held_out())
    assert {one.group for one in first}.isdisjoint(one.group for one in second)
    assert abs(len(first) - len(second)) <= PARTS


def film(similarity: float, gap: float, kind: str, group: object = 0) -> HeldOut:
    """`kind` is right, wrong (the implant is there) or absent."""
    stands = Standing(similarity, gap, gap)
    return HeldOut(stands, kind != "absent", kind == "right", group)


def clear_films() -> list[HeldOut]:
    """Of the absent ones 5 of 100 look like present ones, the present ones overlap by 10."""
    return [
        *(film(0.80 + n / 1000, 0.20 + n / 1000, "right", n) for n in range(90)),
        *(film(0.50, 0.05, "right", n) for n in range(10)),
        *(film(0.40 + n / 1000, 0.04, "absent", n) for n in range(95)),
        *(film(0.95, 0.40, "absent", n) for n in range(5)),
    ]


def test_the_limits_accept_as_many_as_they_can_within_the_false_ones() -> None:
    found = clear_films()
    limits = choose(found)
    reached = figures(found, limits)
    assert reached["false_accept"] == pytest.approx(0.05)
    assert reached["false_reject"] == 0.0
    assert not is_accepted(film(0.4, 0.04, "absent"), limits)
    assert is_accepted(film(0.5, 0.05, "right"), limits)
    strict = figures(found, choose(found, false_accept=0.04))
    assert strict["false_accept"] == 0.0
    assert strict["false_reject"] == pytest.approx(1.0)


def test_limits_hold_on_films_that_they_were_not_set_on() -> None:
    to_set, to_tell = halves(held_out(noise=1.5, count=8))
    reached = figures(to_tell, choose(to_set))
    assert reached["auroc"] > 0.95
    assert reached["false_accept"] < 0.2
    assert reached["false_reject"] < 0.2


def test_the_bands_are_the_least_leads_that_keep_the_promise() -> None:
    found = [
        *(film(0.9, 0.50, "right", n) for n in range(98)),
        *(film(0.9, 0.50, "wrong", n) for n in range(2)),
        *(film(0.9, 0.30, "right", n) for n in range(90)),
        *(film(0.9, 0.30, "wrong", n) for n in range(10)),
        *(film(0.9, 0.10, "right", n) for n in range(10)),
        *(film(0.9, 0.10, "wrong", n) for n in range(40)),
        *(film(0.1, 0.01, "absent", n) for n in range(40)),
    ]
    limits = choose(found)
    assert (limits.high, limits.medium) == (0.50, 0.30)
    reached = figures(found, limits)
    assert reached["high"] == {"count": 100, "precision": 0.98}
    assert reached["medium"] == {"count": 100, "precision": 0.9}


def test_a_promise_that_nothing_keeps_makes_no_band() -> None:
    found = [
        *(film(0.9, 0.50, "right", n) for n in range(50)),
        *(film(0.9, 0.50, "wrong", n) for n in range(50)),
        *(film(0.1, 0.01, "absent", n) for n in range(40)),
    ]
    limits = choose(found)
    assert (limits.high, limits.medium) == (None, None)


def test_films_of_absent_implants_spoil_a_band_too() -> None:
    found = [
        *(film(0.9, 0.5, "right", n) for n in range(100)),
        *(film(0.9, 0.5, "absent", n) for n in range(5)),
        *(film(0.1, 0.01, "absent", n) for n in range(95)),
    ]
    limits = choose(found)
    assert (limits.high, limits.medium) == (None, 0.5)


@pytest.mark.parametrize("kind", ["right", "absent"])
def test_too_few_films_of_one_kind_are_refused(kind: str) -> None:
    found = [one for one in clear_films() if (not one.is_present) != (kind == "absent")]
    few = [film(0.5, 0.1, kind, n) for n in range(LEAST_FILMS - 1)]
    with pytest.raises(TooLittle, match=str(LEAST_FILMS)):
        choose([*found, *few])


@pytest.mark.parametrize(
    ("present", "absent", "area"),
    [([2, 3], [0, 1], 1.0), ([0, 1], [2, 3], 0.0), ([1, 1], [1, 1], 0.5), ([1, 3], [2, 0], 0.75)],
)
def test_the_area_under_the_curve_is_the_share_of_ordered_pairs(
    present: list[float], absent: list[float], area: float
) -> None:
    assert auroc(present, absent) == pytest.approx(area)
    assert auroc(present, []) is None


def decisions(count: int, *, absent: int = 0) -> list[HeldOut]:
    """The further ahead the more often right; the absent ones stand far behind."""
    draw = np.random.default_rng(5)
    made = []
    for number in range(count):
        lead = float(draw.uniform(0, 0.5))
        is_right = draw.uniform() < min(1.0, 2.5 * lead)
        made.append(film(0.8, lead, "right" if is_right else "wrong", number))
    return made + [film(0.3, 0.01, "absent", f"absent {n}") for n in range(absent)]


def test_decisions_give_a_probability_with_its_reliability() -> None:
    found = decisions(600)
    limits, reached = calibrated(found)
    assert reached["decisions"] == 600
    assert reached["brier"] < reached["brier_of_the_mean"]
    assert reached["ece"] < 0.1
    assert sum(one["count"] for one in reached["reliability"]) == 600
    low, high = (probability(Standing(0.8, lead, lead), limits) for lead in (0.05, 0.45))
    assert low is not None and high is not None
    assert low < 0.35
    assert high > 0.9
    assert evidence(0.8, None) == 0.8
    assert limits.similarity is None


def test_the_limits_of_unknown_ones_need_decisions_about_absent_implants() -> None:
    before = Limits(similarity=0.5, gap=0.0)
    few, _figures = calibrated(decisions(300, absent=10), before=before)
    assert (few.similarity, few.gap) == (0.5, 0.0)
    many, reached = calibrated(decisions(300, absent=100), before=before)
    assert many.similarity is not None
    assert 0.3 < many.similarity <= 0.8
    assert reached["false_accept"] <= 0.1
    assert not is_accepted(film(0.3, 0.01, "absent"), many)


def test_fewer_decisions_than_needed_are_refused_in_a_sentence() -> None:
    with pytest.raises(TooLittle, match=rf"{LEAST_DECISIONS} decisions.*there are 199.*bands stay"):
        calibrated(decisions(LEAST_DECISIONS - 1))


def test_decisions_that_all_say_the_same_tell_no_probability() -> None:
    found = [film(0.8, 0.1, "right", n) for n in range(300)]
    with pytest.raises(TooLittle, match="say the same"):
        calibrated(found)
