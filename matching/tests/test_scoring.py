import pytest

from matching.scoring import Rule, Standing, implant_score, ranked, standing


@pytest.mark.parametrize(
    ("cosines", "score"),
    [([0.9], 0.9), ([0.2, 0.9], 0.55), ([0.1, 0.9, 0.7], 0.8), ([-0.5, -0.9, -0.7], -0.6)],
)
def test_a_score_is_the_mean_of_the_two_nearest_or_the_only_one(
    cosines: list[float], score: float
) -> None:
    assert implant_score(cosines) == pytest.approx(score)
    assert implant_score(reversed(cosines)) == pytest.approx(score)


@pytest.mark.parametrize(
    ("rule", "score"), [(Rule.MAX, 0.9), (Rule.MEAN2, 0.8), (Rule.MEAN, 17 / 30)]
)
def test_other_rules_can_be_compared_with_it(rule: Rule, score: float) -> None:
    assert implant_score([0.1, 0.9, 0.7], rule=rule) == pytest.approx(score)


@pytest.mark.parametrize("rule", Rule)
def test_without_references_there_is_no_score(rule: Rule) -> None:
    with pytest.raises(ValueError):
        implant_score([], rule=rule)


def test_each_implant_is_ranked_once_best_first() -> None:
    pairs = [("a", 0.9), ("b", 0.8), ("a", 0.1), ("b", 0.7), ("c", 0.6)]
    names, scores = zip(*ranked(pairs), strict=True)
    assert names == ("b", "c", "a")
    assert scores == pytest.approx((0.75, 0.6, 0.5))
    assert [name for name, _score in ranked(pairs, rule=Rule.MAX)] == ["a", "b", "c"]
    assert ranked([]) == []


def test_fifty_references_that_are_further_away_do_not_outvote_three_near_ones() -> None:
    many = [("many", 0.80 - n / 1000) for n in range(50)]
    few = [("few", 0.82), ("few", 0.81), ("few", 0.2)]
    assert ranked([*many, *few])[0][0] == "few"


def test_one_odd_reference_does_not_win_against_two_that_agree() -> None:
    assert ranked([("odd", 0.95), ("odd", 0.2), ("two", 0.8), ("two", 0.8)])[0][0] == "two"


def test_of_equal_scores_the_first_met_comes_first() -> None:
    assert [name for name, _score in ranked([("b", 0.5), ("a", 0.5)])] == ["b", "a"]


FAMILY = {"BLX 3.5": "BLX", "BLX 4.0": "BLX", "TLX": "TLX"}


def test_the_lead_is_before_the_next_implant_and_the_gap_before_another_family() -> None:
    ranking = [("BLX 4.0", 0.9), ("BLX 3.5", 0.85), ("TLX", 0.6)]
    stands = standing(ranking, family=FAMILY.__getitem__)
    assert (stands.similarity, stands.lead, stands.gap) == pytest.approx((0.9, 0.05, 0.3))
    alone = standing(ranking)
    assert (alone.lead, alone.gap) == pytest.approx((0.05, 0.05))


def test_where_nothing_else_stands_there_is_neither() -> None:
    assert standing([("TLX", 0.9)]) == Standing(0.9, None, None)
    assert standing([("BLX 4.0", 0.9), ("BLX 3.5", 0.8)], family=FAMILY.__getitem__).gap is None
    with pytest.raises(IndexError):
        standing([])
