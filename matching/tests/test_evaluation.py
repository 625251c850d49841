"""Films looked up among each other in memory: who is asked for, among whom, and the figures."""

from collections.abc import Sequence
from dataclasses import replace
from itertools import islice

import numpy as np
import pytest
from PIL import Image

from implants.catalogue import demo_catalogue
from matching import scoring
from matching.encoder import make_encoder
from matching.evaluation import measures
from matching.evaluation.embedding import NORMALISATIONS, SMALL, Place, Variant, embed
from matching.evaluation.encoders import opened
from matching.evaluation.experiment import Answers, answer, evaluate
from matching.evaluation.labelled import EvaluationError, LabelledFilm, Part
from matching.evaluation.phantoms import (
    FIRST_QUERY_SEED,
    Wanted,
    film_count,
    held_out_catalogue,
    phantom_films,
)
from matching.evaluation.split import split, with_same_films_joined
from matching.radiograph import UnreadableImage
from matching.tests.labelled_films import drawn, film, films

SMALL_ENCODER = "raiox-fixture/random"
PLACE = Place(None, None)


@pytest.fixture(scope="module")
def variant() -> Variant:
    return Variant(make_encoder(SMALL_ENCODER))


def labels(collection: Sequence[LabelledFilm], places: Sequence[int]) -> list[str]:
    return [collection[place].label for place in places]


def test_each_implant_keeps_at_least_one_film_to_be_asked_for() -> None:
    collection = films(lines=3, each=4)
    parts = split(collection, references=5)
    for number in range(3):
        label = f"Maker Line {number}"
        assert labels(collection, parts.references).count(label) == 3
        assert labels(collection, parts.queries).count(label) == 1


def test_no_more_references_than_asked_for_are_taken() -> None:
    collection = films(lines=2, each=6)
    parts = split(collection, references=2)
    assert (len(parts.references), len(parts.queries)) == (4, 8)
    assert sorted(parts.references + parts.queries) == list(range(12))


def test_the_same_seed_splits_the_same_and_another_one_otherwise() -> None:
    collection = films(lines=4, each=6)
    assert split(collection, references=3, seed=1) == split(collection, references=3, seed=1)
    assert split(collection, references=3, seed=1) != split(collection, references=3, seed=2)


def test_the_order_of_the_files_does_not_matter() -> None:
    collection = films(lines=3, each=5)
    turned = collection[::-1]
    names = {collection[place].name for place in split(collection, references=2).queries}
    assert {turned[place].name for place in split(turned, references=2).queries} == names


@pytest.mark.parametrize("seed", range(5))
def test_a_patient_is_never_on_both_sides(seed: int) -> None:
    collection = [
        film(line, number, group=f"patient {(line + number) % 5}")
        for line in range(4)
        for number in range(6)
    ]
    parts = split(collection, references=3, seed=seed)
    shown = {collection[place].group for place in parts.references}
    assert shown
    assert shown.isdisjoint(collection[place].group for place in parts.queries)


def test_an_implant_of_one_patient_stands_in_the_way_only() -> None:
    collection = [*films(lines=1, each=3), film(7, 0), film(7, 1, group="7-0")]
    parts = split(collection, references=5)
    assert labels(collection, parts.references).count("Maker Line 7") == 2
    assert "Maker Line 7" not in labels(collection, parts.queries)


def test_a_side_that_is_given_stays() -> None:
    collection = [
        film(0, 0, part=Part.QUERY),
        film(0, 1, part=Part.REFERENCE),
        film(0, 2, part=Part.REFERENCE),
        film(1, 0, part=Part.REFERENCE),
        film(1, 1, group="1-0", part=Part.QUERY),
    ]
    parts = split(collection, references=1)
    assert parts.references == [1, 2]
    # A patient who is said to stand on both sides is asked for.
    assert parts.queries == [0, 3, 4]


def test_one_film_saved_twice_is_one_group() -> None:
    rng = np.random.default_rng(3)
    grain = rng.integers(0, 255, (2, SMALL * SMALL)).astype(np.float32)
    small = np.stack([grain[0], grain[1], grain[0] + 0.5])
    joined, count = with_same_films_joined([film(0, n) for n in range(3)], small)
    assert count == 1
    assert joined[0].group == joined[2].group != joined[1].group


def test_patients_who_share_a_film_are_one_group() -> None:
    rng = np.random.default_rng(3)
    grain = rng.integers(0, 255, (3, SMALL * SMALL)).astype(np.float32)
    small = np.stack([grain[0], grain[1], grain[1], grain[2]])
    collection = [
        film(0, 0, group="A"), film(0, 1, group="A"), film(0, 2, group="B"), film(0, 3, group="B")
    ]  # fmt: skip
    joined, _count = with_same_films_joined(collection, small)
    assert len({one.group for one in joined}) == 1


def looked_up(
    own: int, cosines: Sequence[float], lines: Sequence[int], families: dict[str, int] | None = None
):
    references = [film(line, 10 + number) for number, line in enumerate(lines)]
    known = {f"Maker Line {number}": number for number in range(9)} | (families or {})
    return answer(film(own, 0), PLACE, references, np.array(cosines), known)


def test_an_implant_is_ranked_by_the_mean_of_its_two_nearest_references() -> None:
    found = looked_up(1, [0.9, 0.5, 0.1, 0.8, 0.79], [0, 0, 0, 1, 1])
    assert [one.label for one in found.candidates] == ["Maker Line 1", "Maker Line 0"]
    assert found.rank == 1
    assert found.candidates[0].score == pytest.approx(0.795)
    assert found.candidates[0].reference.name == "1-13"
    assert found.known.gap == pytest.approx(0.795 - 0.7)


def test_the_unknown_side_is_the_same_film_without_its_implant_and_its_look_alikes() -> None:
    found = looked_up(1, [0.7, 0.9, 0.8, 0.6], [0, 1, 2, 3], {"Maker Line 2": 1})
    assert found.known == scoring.Standing(0.9, pytest.approx(0.1), pytest.approx(0.2))
    assert found.unknown is not None
    assert (found.unknown.similarity, found.unknown.lead) == (0.7, pytest.approx(0.1))


def test_a_film_whose_implant_has_no_reference_has_no_rank() -> None:
    found = looked_up(5, [0.7, 0.9], [0, 1])
    assert (found.rank, found.own) == (None, None)
    assert found.unknown == found.known


def test_one_other_family_alone_says_nothing_of_unknown_ones() -> None:
    assert looked_up(0, [0.9, 0.7], [0, 1]).unknown is None


def answers(*ranks: int | None, variant: Variant) -> Answers:
    made = []
    for rank in ranks:
        lines = list(range(1, 7))
        if rank:
            lines.insert(rank - 1, 0)
        cosines = [1.0 - n / 20 for n in range(len(lines))]
        made.append(looked_up(0, cosines, lines))
    return Answers(variant, made, 7, 7)


FAMILIES = {f"Maker Line {number}": number for number in range(9)} | {"Maker Line 1": 0}


def test_figures_are_shares_of_the_films_that_were_asked_for(variant: Variant) -> None:
    found = measures.figures(answers(1, 1, 2, 3, 4, 5, 6, 7, variant=variant), families=FAMILIES)
    total = found.total
    assert (total.queries, total.top1, total.top3, total.top5) == (8, 0.25, 0.5, 0.75)
    assert total.mrr == pytest.approx((2 + 1 / 2 + 1 / 3 + 1 / 4 + 1 / 5 + 1 / 6 + 1 / 7) / 8)
    assert (found.manufacturer_top1, found.line_top1) == (1.0, 0.25)
    assert found.by_line["Maker Line 0"].queries == 8
    assert found.by_connection["not known"].top1 == 0.25


def test_a_film_of_an_absent_implant_counts_for_nothing_but_unknown(variant: Variant) -> None:
    found = measures.figures(answers(1, None, None, variant=variant), families=FAMILIES)
    assert (found.total.queries, found.total.top1) == (1, 1.0)
    assert found.unknown_auroc is not None


def test_there_are_no_figures_of_nothing(variant: Variant) -> None:
    with pytest.raises(ValueError, match="no film was asked for"):
        measures.figures(answers(None, variant=variant), families=FAMILIES)


def test_confusions_are_counted_and_look_alikes_named(variant: Variant) -> None:
    made = answers(2, 2, 1, variant=variant).answers
    (found,) = measures.confusions(made, FAMILIES)
    assert (found.label, found.taken_for, found.times) == ("Maker Line 0", "Maker Line 1", 2)
    assert found.are_alike
    assert not measures.confusions(made, FAMILIES | {"Maker Line 1": 8})[0].are_alike


def test_unknown_ones_are_told_by_how_well_films_stand(variant: Variant) -> None:
    sure = looked_up(0, [0.9, 0.1, 0.1], [0, 1, 2])
    unsure = looked_up(0, [0.2, 0.1, 0.1], [0, 1, 2])
    assert measures.unknown_auroc([sure, unsure], measures.certainty) == 1.0
    weak = replace(sure, known=scoring.Standing(0.05, 0.0, 0.0))
    assert measures.unknown_auroc([weak], measures.certainty) == 0.0
    assert measures.unknown_auroc([replace(sure, unknown=None)], measures.certainty) is None


def test_the_interval_is_wilsons() -> None:
    # R: prop.test(8, 10, correct = FALSE)
    assert measures.interval(0.8, 10) == pytest.approx((0.4902, 0.9433), abs=1e-3)
    assert measures.interval(1.0, 5)[1] == pytest.approx(1.0)
    assert measures.interval(0.0, 5)[0] == 0.0


def test_the_worst_mistakes_are_those_that_look_surest() -> None:
    near = looked_up(0, [0.9, 0.89], [1, 0])
    far = looked_up(0, [0.9, 0.2], [1, 0])
    assert measures.worst([near, far, looked_up(0, [0.9, 0.1], [0, 1])], 5) == [far, near]


def test_films_are_looked_up_among_each_other(variant: Variant) -> None:
    whole = replace(variant, normalisation="whole", steps=NORMALISATIONS["whole"])
    collection = films(lines=3, each=3)
    found = evaluate(collection, variants=[variant, whole], references=2, is_found=False)
    for one in found.results:
        assert (one.references, one.implants, len(one.answers)) == (6, 3, 3)
        assert all(each.rank in (1, 2, 3) for each in one.answers)
    again = evaluate(collection, variants=[variant], references=2, is_found=False)
    assert [each.rank for each in again.results[0].answers] == [
        each.rank for each in found.results[0].answers
    ]


def test_several_splits_ask_for_more_films_and_embed_once(variant: Variant) -> None:
    read: list[str] = []

    def counted(one: LabelledFilm) -> LabelledFilm:
        def read_it() -> Image.Image:
            read.append(one.name)
            return drawn(int(one.name[0]), int(one.name[2]))

        return replace(one, read=read_it)

    collection = [counted(one) for one in films(lines=2, each=4)]
    found = evaluate(collection, variants=[variant], references=2, seeds=3, is_found=False)
    assert len(found.results[0].answers) == 12
    assert len(read) == 8


def test_left_one_out_every_film_is_asked_for_among_those_of_others(variant: Variant) -> None:
    collection = [film(line, n, group=f"patient {n}") for line in range(2) for n in range(3)]
    found = evaluate(collection, variants=[variant], is_leave_one_out=True, is_found=False)
    assert len(found.results[0].answers) == 6
    for one in found.results[0].answers:
        assert all(each.reference.group != one.film.group for each in one.candidates)


def test_a_film_that_cannot_be_read_is_left_out_and_said(variant: Variant) -> None:
    def unreadable() -> Image.Image:
        raise UnreadableImage("The image is damaged.")

    def gone() -> Image.Image:
        raise FileNotFoundError(2, "No such file or directory")

    collection = [*films(lines=2, each=3), film(0, 8, read=unreadable), film(0, 9, read=gone)]
    found = evaluate(collection, variants=[variant], references=2, is_found=False)
    assert [(one.name, one.reason) for one in found.skipped] == [
        ("0-8", "The image is damaged."),
        ("0-9", "There is no such file."),
    ]


@pytest.mark.parametrize(
    ("collection", "reason"),
    [
        ([], "No film could be read"),
        (films(lines=1, each=4), "at least two implants"),
        (films(lines=3, each=1), "films of two patients"),
        ([film(n, m, group=str(n)) for n in range(2) for m in range(3)], "films of two patients"),
    ],
    ids=["nothing", "one implant", "one film each", "one patient each"],
)
def test_what_cannot_be_measured_is_refused(
    variant: Variant, collection: list[LabelledFilm], reason: str
) -> None:
    with pytest.raises(EvaluationError, match=reason):
        evaluate(collection, variants=[variant], is_found=False)


def test_the_finder_is_asked_and_its_success_counted(variant: Variant) -> None:
    wanted = Wanted("clean", references=0, queries=1, pixels_per_mm=10)
    (query,) = [one for one in phantom_films(wanted) if one.line == "NobelActive"]
    far = replace(query.box, x=query.box.x + 1000)
    found = embed([query, replace(query, box=far), replace(query, box=None)], [variant])
    assert [place.is_found for place in found.places] == [True, False, True]
    as_reference = embed([replace(query, part=Part.REFERENCE)], [variant])
    assert as_reference.places == [Place(query.box, None)]


def test_phantoms_are_drawn_for_references_and_queries_with_other_seeds() -> None:
    wanted = Wanted("clinic", references=2, queries=1, pixels_per_mm=3)
    assert film_count(wanted) == 32 * 3
    first, second = islice(phantom_films(wanted), 2)
    assert (first.part, first.label) == (Part.REFERENCE, second.label)
    assert first.group != second.group
    (query,) = islice(phantom_films(replace(wanted, references=0)), 1)
    assert (query.part, query.label) == (Part.QUERY, first.label)
    assert query.name.endswith(str(FIRST_QUERY_SEED))
    # The film is drawn anew, and is the same.
    assert np.array_equal(np.asarray(query.read()), np.asarray(query.read()))


def test_held_out_lines_are_asked_for_among_all_others() -> None:
    wanted = Wanted("clean", references=1, queries=1, is_held_out=True, pixels_per_mm=3)
    assert film_count(wanted) == 40 + 8
    collection = list(phantom_films(replace(wanted, references=0)))
    assert [one.line for one in collection] == [facts.name for facts in held_out_catalogue()]
    demo = {one.name for one in demo_catalogue()}
    assert demo.isdisjoint(one.line for one in collection)


def test_an_unknown_level_is_refused() -> None:
    with pytest.raises(ValueError, match="impossible"):
        list(phantom_films(Wanted("impossible")))


def test_encoders_that_cannot_be_had_are_left_out_and_said(tmp_path, settings) -> None:
    names = [SMALL_ENCODER, "ViT-B-32/openai", "ViT-B-32/absent.pt", "Nothing/random", "x"]
    found = opened([*names, SMALL_ENCODER], may_fetch=False)
    assert [one.name for one in found.encoders] == [SMALL_ENCODER]
    assert [one.name for one in found.skipped] == names[1:]
    assert "--fetch" in found.skipped[0].reason
    assert "absent.pt" in found.skipped[1].reason
