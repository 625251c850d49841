import math
from collections.abc import Callable, Sequence
from dataclasses import replace
from itertools import count
from typing import Any

import numpy as np
import pytest
from django.db import DataError, IntegrityError, connection, transaction

from implants.models import Implant, ReferenceImage
from matching import calibration, radiograph
from matching.boxes import Box
from matching.calibration import Limits, Measured
from matching.encoder import get_encoder
from matching.growing import CERTAIN, WINDOW
from matching.matcher import (
    CatalogueEmpty,
    CatalogueNotSearchable,
    EncoderMismatch,
    Match,
    compare,
    look_up,
    match,
    nearest_implants,
)
from matching.models import DIMENSIONS, Embedding
from matching.normalisation import normalise

pytestmark = pytest.mark.django_db

ENCODER = "Test-1/by-hand@0/none"
# pgvector keeps single precision.
SAME = 1e-6
numbers = count()


@pytest.fixture(autouse=True)
def fresh_index(db: None) -> None:
    """Without the vectors that other tests have rolled back: a scan that meets them by the
    hundred finds less, and these tests ask for all."""
    with connection.cursor() as cursor:
        cursor.execute("REINDEX INDEX embedding_half_hnsw")


def vector(*leading: float) -> list[float]:
    """A vector whose first components are given; the others are 0."""
    return [*leading, *[0.0] * (DIMENSIONS - len(leading))]


def at_cosine(cosine: float) -> list[float]:
    """A vector of length 1 whose cosine to `vector(1)` is given."""
    return vector(cosine, math.sqrt(1 - cosine * cosine))


def implant(name: str, *cosines: float, is_active: bool = True) -> Implant:
    """An implant with a reference at each cosine to `vector(1)`."""
    row = Implant.objects.create(manufacturer="Maker", name=name, is_active=is_active)
    add_references(row, *map(at_cosine, cosines))
    return row


def add_references(
    row: Implant, *vectors: list[float], encoder: str = ENCODER, error: str = ""
) -> list[ReferenceImage]:
    return add_all([row] * len(vectors), vectors, encoder=encoder, error=error)


def add_all(
    rows: Sequence[Implant],
    vectors: Sequence[list[float]],
    *,
    encoder: str = ENCODER,
    error: str = "",
) -> list[ReferenceImage]:
    # In bulk, so that no task is queued: there are no files behind these.
    references = ReferenceImage.objects.bulk_create(
        [
            ReferenceImage(implant=row, file="none.jpg", sha256=f"{next(numbers):064}", error=error)
            for row in rows
        ]
    )
    Embedding.objects.bulk_create(
        [
            Embedding(reference_image=reference, encoder=encoder, vector=values)
            for reference, values in zip(references, vectors, strict=True)
        ]
    )
    return references


def found(limit: int = 3) -> list[tuple[str, float]]:
    return [
        (candidate.implant.name, round(candidate.similarity, 6))
        for candidate in nearest_implants(vector(1), encoder=ENCODER, limit=limit)
    ]


def test_three_distinct_implants_are_proposed_by_their_two_nearest_references() -> None:
    near = implant("near", 0.3, 0.9, 0.8)
    implant("far", -0.5)
    implant("middle", 0.6, 0.7)
    implant("fourth", -0.9)
    candidates = nearest_implants(vector(1), encoder=ENCODER)
    assert [(c.rank, c.implant.name) for c in candidates] == [
        (1, "near"),
        (2, "middle"),
        (3, "far"),
    ]
    assert [c.similarity for c in candidates] == pytest.approx([0.85, 0.65, -0.5], abs=SAME)
    assert candidates[0].reference == near.references.all()[1]
    assert {c.encoder for c in candidates} == {ENCODER}


def test_similarity_is_the_cosine_whatever_the_lengths_of_the_vectors() -> None:
    row = implant("long")
    add_references(row, vector(3, 4))
    (candidate,) = nearest_implants(vector(10), encoder=ENCODER)
    assert candidate.similarity == pytest.approx(0.6, abs=SAME)
    (turned,) = nearest_implants(vector(-2), encoder=ENCODER)
    assert turned.similarity == pytest.approx(-0.6, abs=SAME)


@pytest.mark.parametrize(("limit", "names"), [(1, "a"), (2, "ab"), (5, "abcd")])
def test_as_many_as_asked_for_and_no_more_than_there_are(limit: int, names: str) -> None:
    for name, cosine in {"d": 0.2, "b": 0.6, "a": 0.8, "c": 0.4}.items():
        implant(name, cosine)
    assert [name for name, _similarity in found(limit)] == list(names)


def test_an_inactive_implant_is_never_proposed() -> None:
    implant("withdrawn", 1.0, is_active=False)
    implant("on the market", 0.1)
    assert found() == [("on the market", 0.1)]


def test_a_reference_with_an_error_is_never_compared() -> None:
    row = implant("half readable", 0.2)
    add_references(row, at_cosine(0.99), error="damaged")
    add_references(implant("unreadable"), at_cosine(0.98), error="damaged")
    assert found() == [("half readable", 0.2)]


@pytest.mark.parametrize("references", [60, 4 * WINDOW + 1])
def test_an_implant_with_many_near_references_hides_nobody(references: int) -> None:
    implant("crowd", *(0.99 - number / 10_000 for number in range(references)))
    implant("second", 0.5)
    implant("third", 0.4)
    assert found() == [("crowd", 0.98995), ("second", 0.5), ("third", 0.4)]


def test_fifty_references_do_not_beat_three_by_their_number() -> None:
    implant("many", *(0.80 - number / 1_000 for number in range(50)))
    implant("few", 0.82, 0.81, 0.1)
    assert [name for name, _score in found()] == ["few", "many"]


def test_one_odd_reference_does_not_make_an_implant_the_first() -> None:
    implant("odd", 0.97, 0.1)
    implant("two", 0.8, 0.8)
    assert found() == [("two", 0.8), ("odd", 0.535)]


def test_all_references_of_an_implant_count_though_only_one_is_near() -> None:
    """The window holds the near reference of each, and of none the far one."""
    implant("split", 0.999, -0.9)
    rows = Implant.objects.bulk_create(
        [Implant(manufacturer="Maker", name=f"line {number}") for number in range(2 * WINDOW)]
    )
    add_all(rows, [at_cosine(0.99 - number / 1_000) for number in range(2 * WINDOW)])
    implant("agreed", 0.98, 0.98)
    names = [name for name, _score in found(12)]
    assert "split" not in names
    assert names[:2] == ["line 0", "line 1"]
    assert "agreed" in names


def test_references_that_are_put_aside_are_not_scored_either() -> None:
    row = implant("one", 0.9, 0.5)
    row.references.filter(pk=row.references.all()[1].pk).update(is_active=False)
    add_references(row, at_cosine(0.4), error="damaged")
    add_references(row, at_cosine(0.3), encoder="Test-2/by-hand@0/none")
    assert found() == [("one", 0.9)]


def test_two_views_of_one_reference_are_one_reference() -> None:
    row = implant("one", 0.9, 0.3)
    Embedding.objects.create(
        reference_image=row.references.all()[0],
        encoder=ENCODER,
        view="mirrored",
        vector=at_cosine(0.88),
    )
    assert found() == [("one", 0.6)]


@pytest.mark.parametrize("limit", [1, 3, CERTAIN, 60])
def test_the_scores_are_those_of_an_exact_search(limit: int) -> None:
    random = np.random.default_rng(6)
    rows = Implant.objects.bulk_create(
        [Implant(manufacturer="Maker", name=f"Line {n}") for n in range(60)]
    )
    owners = [*range(60), *random.integers(0, 60, size=140).tolist()]
    centres = random.normal(size=(60, DIMENSIONS))
    vectors = centres[owners] + 1.5 * random.normal(size=(200, DIMENSIONS))
    add_all([rows[owner] for owner in owners], vectors.tolist())
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    for query in centres[:5] + random.normal(size=(5, DIMENSIONS)):
        cosines = vectors @ query / np.linalg.norm(query)
        scores = [np.sort(cosines[np.array(owners) == place])[-2:].mean() for place in range(60)]
        best = np.argsort(scores)[::-1][:limit]
        candidates = nearest_implants(query, encoder=ENCODER, limit=limit)
        assert [one.implant.name for one in candidates] == [f"Line {place}" for place in best]
        assert [one.similarity for one in candidates] == pytest.approx(
            [scores[place] for place in best], abs=1e-5
        )


def test_candidates_of_one_line_share_a_family() -> None:
    implant("BLX", 0.9)
    implant("TLX", 0.8)
    other = Implant.objects.create(manufacturer="Maker", name="BLX", diameter_mm=4)
    add_references(other, at_cosine(0.7))
    families = [one.family for one in nearest_implants(vector(1), encoder=ENCODER)]
    assert families == [1, 2, 1]


def told(*, limits: Limits | None = None, doubts: Any = (), limit: int = 3) -> Match:
    if limits:
        calibration.save(Measured(ENCODER, limits))
    return compare(np.array(vector(1)), encoder=ENCODER, doubts=doubts, limit=limit)


def test_without_limits_nothing_is_unknown_and_the_band_is_by_the_ratio() -> None:
    implant("near", 0.97)
    implant("far", 0.9)
    found = told()
    assert (found.is_unknown, found.band) == (None, "high")
    assert [one.implant.name for one in found.candidates] == ["near", "far"]


def test_by_limits_the_first_is_accepted_only_when_score_and_gap_pass() -> None:
    implant("near", 0.9)
    implant("far", 0.7)
    limits = Limits(similarity=0.8, gap=0.1, high=0.15, medium=0.05)
    assert (told(limits=limits).is_unknown, told().band) == (False, "high")
    assert told(limits=replace(limits, similarity=0.95)).is_unknown is True
    found = told(limits=replace(limits, gap=0.3))
    assert (found.is_unknown, found.band) == (True, "low")


def test_the_gap_is_before_the_first_of_another_family_however_far_down() -> None:
    for size in range(5):
        row = Implant.objects.create(manufacturer="Maker", name="BLX", diameter_mm=3 + size)
        add_references(row, at_cosine(0.9 - size / 100))
    implant("TLX", 0.6)
    limits = Limits(similarity=0.8, gap=0.25, high=0.1, medium=0.05)
    found = told(limits=limits)
    assert len(found.candidates) == 3
    assert (found.is_unknown, found.band) == (False, "low")


def test_a_doubtful_film_has_a_lower_band() -> None:
    implant("near", 0.97)
    implant("far", 0.9)
    assert told(doubts=["tilted"]).band == "medium"


def test_vectors_of_another_encoder_are_never_compared() -> None:
    add_references(implant("new", 0.1), at_cosine(1.0), encoder="Test-2/by-hand@0/none")
    assert found() == [("new", 0.1)]


def test_a_catalogue_indexed_with_another_encoder_only_is_told_apart_from_an_empty_one() -> None:
    add_references(implant("old"), at_cosine(1.0), encoder="Test-2/by-hand@0/none")
    with pytest.raises(EncoderMismatch, match="reembed"):
        found()


def test_an_empty_catalogue_is_said_to_be_empty() -> None:
    with pytest.raises(CatalogueEmpty) as refusal:
        found()
    assert str(refusal.value).endswith(".")
    assert isinstance(refusal.value, CatalogueNotSearchable)


def test_implants_that_cannot_be_searched_are_as_good_as_none() -> None:
    implant("withdrawn", 1.0, is_active=False)
    add_references(implant("unreadable"), at_cosine(1.0), error="damaged")
    row = implant("old and withdrawn", is_active=False)
    add_references(row, at_cosine(1.0), encoder="Test-2/by-hand@0/none")
    with pytest.raises(CatalogueEmpty):
        found()


def test_candidates_cost_one_query_however_many_they_are(
    django_assert_num_queries: Any,
) -> None:
    for name, cosine in {"a": 0.8, "b": 0.6, "c": 0.4}.items():
        implant(name, cosine)
    nearest_implants(vector(1), encoder=ENCODER)
    with django_assert_num_queries(1):
        for candidate in nearest_implants(vector(1), encoder=ENCODER):
            assert str(candidate.implant)
            assert candidate.reference.implant_id == candidate.implant.pk


@pytest.mark.parametrize(
    ("values", "error"),
    [
        ([0.0] * DIMENSIONS, IntegrityError),
        ([math.nan] * DIMENSIONS, DataError),
        (vector(math.inf), DataError),
        ([1.0] * (DIMENSIONS - 1), DataError),
        ([1.0] * (DIMENSIONS + 1), DataError),
    ],
    ids=["zero", "nan", "infinite", "short", "long"],
)
def test_the_database_refuses_a_vector_that_has_no_cosine(
    values: list[float], error: type[Exception]
) -> None:
    row = implant("any")
    with pytest.raises(error), transaction.atomic():
        add_references(row, values)
    assert not Embedding.objects.exists()


def test_one_view_of_a_reference_has_one_vector_of_an_encoder() -> None:
    (reference,) = add_references(implant("any"), vector(1))
    other = {"reference_image": reference, "vector": vector(0, 1)}
    Embedding.objects.create(encoder=ENCODER, view="mirrored", **other)
    Embedding.objects.create(encoder="Test-2/by-hand@0/none", **other)
    with pytest.raises(IntegrityError, match="embedding_unique_view"), transaction.atomic():
        Embedding.objects.create(encoder=ENCODER, **other)


def test_deleting_a_reference_deletes_its_vectors() -> None:
    row = implant("any", 0.5, 0.4)
    row.references.all()[0].delete()
    assert Embedding.objects.count() == 1
    row.delete()
    assert not Embedding.objects.exists()


def test_a_film_of_the_catalogue_is_its_implant_s_nearest_reference(
    catalogue: list[Implant],
) -> None:
    for reference in ReferenceImage.objects.all():
        with reference.file.open("rb") as file:
            candidates = match(radiograph.load(file.read()), limit=4)
        (own,) = (one for one in candidates if one.implant == reference.implant)
        assert own.reference == reference
        assert len({candidate.implant.pk for candidate in candidates}) == 4


def test_the_proposals_are_those_that_numpy_finds(
    catalogue: list[Implant], film: Callable[..., bytes]
) -> None:
    query = radiograph.load(film(seed=77, size=(150, 260))).image
    box = Box(75, 130, 50, 150, 10)
    wanted = get_encoder().encode([normalise(query, box)])[0]
    cosines: dict[int, list[float]] = {}
    for row in Embedding.objects.select_related("reference_image"):
        stored = np.asarray(row.vector, dtype=np.float64)
        cosine = float(stored @ wanted / np.linalg.norm(stored) / np.linalg.norm(wanted))
        cosines.setdefault(row.reference_image.implant_id, []).append(cosine)
    means = {owner: (first + second) / 2 for owner, (first, second) in cosines.items()}
    expected = sorted(means.items(), key=lambda item: -item[1])
    calibration.save(Measured(get_encoder().id, Limits(similarity=2.0)))
    found = look_up(query, box=box, limit=4)
    assert [c.implant.pk for c in found.candidates] == [owner for owner, _cosine in expected]
    assert [c.similarity for c in found.candidates] == pytest.approx(
        [cosine for _owner, cosine in expected], abs=SAME
    )
    assert {c.encoder for c in found.candidates} == {found.encoder} == {get_encoder().id}
    assert found.vector == pytest.approx(wanted)
    assert (found.band, found.is_unknown) == ("low", True)
    assert look_up(query, box=box).candidates == found.candidates[:3]


def test_the_box_and_nothing_around_it_is_looked_up(
    catalogue: list[Implant], film: Callable[..., bytes]
) -> None:
    query = radiograph.load(film(seed=77, size=(150, 260))).image
    box = Box(75, 130, 30, 90)
    other = query.copy()
    other.paste(0, (0, 0, 150, 40))
    assert look_up(other, box=box).vector == pytest.approx(look_up(query, box=box).vector)
    assert look_up(other).vector != pytest.approx(look_up(query).vector)
