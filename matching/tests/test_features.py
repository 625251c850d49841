import math
import re

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from implants.models import Implant, ReferenceImage
from matching.features import DEPTH, Difference, clean_seen, differences, reranked
from matching.matcher import nearest_fitting
from matching.models import DIMENSIONS, Embedding

pytestmark = pytest.mark.django_db

ENCODER = "Test-1/by-hand@0/none"
SEEN = {"connection": "morse_taper", "apex": "narrow"}


def implant(name: str, cosine: float = 0.5, **facts: str) -> Implant:
    """An implant with one reference at this cosine to the vector of the queries."""
    row = Implant.objects.create(manufacturer="Maker", name=name, **facts)
    # In bulk, so that no task is queued: there is no file behind it.
    (reference,) = ReferenceImage.objects.bulk_create(
        [ReferenceImage(implant=row, file="none.jpg", sha256=f"{row.pk:064}")]
    )
    values = [cosine, math.sqrt(1 - cosine * cosine), *[0.0] * (DIMENSIONS - 2)]
    Embedding.objects.create(reference_image=reference, encoder=ENCODER, vector=values)
    return row


def fitting(seen: dict[str, str], limit: int = 5) -> list[str]:
    query = [1.0, *[0.0] * (DIMENSIONS - 1)]
    found = nearest_fitting(query, encoder=ENCODER, seen=seen, limit=limit)
    return [candidate.implant.name for candidate in found]


def test_what_contradicts_is_left_out_and_what_is_not_known_stays() -> None:
    implant("same", 0.2, connection="morse_taper", apex="narrow")
    implant("half known", 0.9, connection="morse_taper")
    implant("unknown", 0.8)
    implant("other apex", 0.95, connection="morse_taper", apex="flat")
    assert fitting(SEEN) == ["half known", "unknown", "same"]
    assert {one.name for one in Implant.objects.fitting(SEEN)} == {"half known", "unknown", "same"}
    assert fitting({}) == ["other apex", "half known", "unknown", "same"]


def test_an_implant_names_what_speaks_against_it_and_for_it() -> None:
    row = implant("one", connection="morse_taper", apex="flat", level="bone")
    seen = {**SEEN, "thread": "v", "nonsense": "x"}
    assert row.contradictions(seen) == ["apex"]
    assert row.agreements(seen) == ["connection"]
    assert row.contradictions({}) == row.agreements({}) == []


def test_nothing_fits_is_an_answer_and_no_error() -> None:
    implant("other", apex="flat")
    assert fitting(SEEN) == []


def test_the_filter_stands_beside_the_distance_so_that_the_index_can_be_used() -> None:
    rows = Embedding.objects.nearest([1.0] * DIMENSIONS, encoder=ENCODER, limit=30, seen=SEEN)
    with CaptureQueriesContext(connection) as queries:
        list(rows)
    (statement,) = [query["sql"] for query in queries]
    assert re.findall(r"<\S>", statement) == ["<=>", "<=>"]
    assert re.search(r"ORDER BY \S+ <=> \S+ ASC LIMIT 30$", statement)
    assert statement.count("SELECT") == 1


def test_a_rare_feature_is_found_among_many_that_do_not_fit() -> None:
    crowd = Implant.objects.create(manufacturer="Maker", name="crowd", apex="flat")
    references = ReferenceImage.objects.bulk_create(
        [ReferenceImage(implant=crowd, file="n.jpg", sha256=f"c{n:063}") for n in range(400)]
    )
    Embedding.objects.bulk_create(
        [
            Embedding(
                reference_image=reference,
                encoder=ENCODER,
                vector=[1.0, n / 1e6, *[0.0] * (DIMENSIONS - 2)],
            )
            for n, reference in enumerate(references)
        ]
    )
    implant("rare", -0.5, apex="narrow")
    assert fitting({"apex": "narrow"}) == ["rare"]


def test_not_sure_and_what_is_no_word_of_the_vocabulary_are_dropped() -> None:
    asked = {"connection": "morse_taper", "apex": "", "thread": "glue", "colour": "grey"}
    assert clean_seen(asked) == {"connection": "morse_taper"}


def test_differences_are_said_in_words_only_where_known_words_differ() -> None:
    first = implant("a", connection="morse_taper", collar="none", thread="v")
    second = implant("b", connection="external_hex", collar="none")
    third = implant("c", connection="morse_taper", thread="v", apex="flat")
    assert [one.feature for one in differences([first, second, third])] == ["connection"]
    (difference,) = differences([second, first, implant("unknown")])
    words = (second.get_connection_display(), first.get_connection_display(), "")
    label = str(Implant._meta.get_field("connection").verbose_name)
    assert difference == Difference("connection", label, words)


def pairs(*rows: tuple[str, float, dict[str, str]]) -> list[tuple[Implant, float]]:
    return [(Implant(name=name, **facts), score) for name, score, facts in rows]


def order(ranking: list[tuple[Implant, float]], seen: dict[str, str], **how: float) -> list[str]:
    again = reranked(
        ranking, seen, implant_of=lambda one: one[0], score_of=lambda one: one[1], **how
    )
    return [implant.name for implant, _score in again]


RANKING = pairs(
    ("flat", 0.9, {"apex": "flat"}),
    ("unknown", 0.8, {}),
    ("flat and hex", 0.79, {"apex": "flat", "connection": "external_hex"}),
    ("narrow", 0.7, {"apex": "narrow"}),
    ("last", 0.5, {}),
)


def test_one_contradiction_lowers_an_implant_and_two_more_so() -> None:
    softly = order(RANKING, SEEN, weight=0.5)
    assert softly == ["unknown", "flat", "narrow", "last", "flat and hex"]
    assert order(RANKING, SEEN) == ["unknown", "narrow", "flat", "last", "flat and hex"]


def test_with_more_than_full_weight_whatever_is_contradicted_stands_behind() -> None:
    assert order(RANKING, SEEN, weight=1.1)[-2:] == ["flat", "flat and hex"]


def test_one_wrong_tick_does_not_bury_an_implant_that_stands_far_before_the_others() -> None:
    clear = pairs(("clear", 0.9, {"apex": "flat"}), ("b", 0.4, {}), ("c", 0.39, {}))
    assert order(clear, {"apex": "narrow"})[0] == "clear"


@pytest.mark.parametrize("seen", [{}, {"apex": ""}, {"apex": "not sure", "colour": "grey"}])
def test_nothing_seen_changes_nothing(seen: dict[str, str]) -> None:
    assert order(RANKING, seen) == [implant.name for implant, _score in RANKING]


def test_only_the_first_twenty_change_places_and_nothing_is_lost() -> None:
    names = [f"{n}" for n in range(DEPTH + 5)]
    flat = {"apex": "flat"}
    ranking = pairs(*((name, 0.9 - int(name) / 100, flat if name == "0" else {}) for name in names))
    again = order(ranking, {"apex": "narrow"}, weight=2.0)
    assert again == [*names[1:DEPTH], "0", *names[DEPTH:]]


def test_an_empty_ranking_and_equal_scores_are_no_trouble() -> None:
    assert order([], SEEN) == []
    same = pairs(("a", 0.5, {"apex": "flat"}), ("b", 0.5, {}))
    assert order(same, SEEN) == ["a", "b"]
