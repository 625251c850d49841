import math
from collections.abc import Callable
from itertools import count
from typing import Any

import numpy as np
import pytest
from django.db import DataError, IntegrityError, connection, transaction

from implants.models import Implant, ReferenceImage
from matching import radiograph
from matching.encoder import get_encoder
from matching.matcher import (
    WINDOW,
    CatalogueEmpty,
    CatalogueNotSearchable,
    EncoderMismatch,
    match,
    nearest_implants,
)
from matching.models import DIMENSIONS, Embedding

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
        cursor.execute("REINDEX INDEX embedding_vector_hnsw")


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
    # In bulk, so that no task is queued: there are no files behind these.
    references = ReferenceImage.objects.bulk_create(
        [
            ReferenceImage(implant=row, file="none.jpg", sha256=f"{next(numbers):064}", error=error)
            for _ in vectors
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


def test_three_distinct_implants_are_proposed_each_with_its_best_reference() -> None:
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
    assert [c.similarity for c in candidates] == pytest.approx([0.9, 0.7, -0.5], abs=SAME)
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
    assert found() == [("crowd", 0.99), ("second", 0.5), ("third", 0.4)]


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


def test_a_candidate_costs_no_further_query(django_assert_num_queries: Any) -> None:
    for name, cosine in {"a": 0.8, "b": 0.6, "c": 0.4}.items():
        implant(name, cosine)
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


def test_a_film_of_the_catalogue_is_its_own_best_match(catalogue: list[Implant]) -> None:
    for reference in ReferenceImage.objects.all():
        with reference.file.open("rb") as file:
            candidates = match(radiograph.load(file.read()))
        assert candidates[0].reference == reference
        assert candidates[0].similarity == pytest.approx(1.0, abs=1e-4)
        assert len({candidate.implant.pk for candidate in candidates}) == 3


def test_the_proposals_are_those_that_numpy_finds(
    catalogue: list[Implant], film: Callable[..., bytes]
) -> None:
    query = radiograph.load(film(seed=77, size=(150, 260)))
    wanted = get_encoder().encode([query.image])[0]
    best: dict[int, float] = {}
    for row in Embedding.objects.select_related("reference_image"):
        stored = np.asarray(row.vector, dtype=np.float64)
        cosine = float(stored @ wanted / np.linalg.norm(stored) / np.linalg.norm(wanted))
        owner = row.reference_image.implant_id
        best[owner] = max(cosine, best.get(owner, -1.0))
    expected = sorted(best.items(), key=lambda item: -item[1])
    candidates = match(query, limit=4)
    assert [c.implant.pk for c in candidates] == [owner for owner, _cosine in expected]
    assert [c.similarity for c in candidates] == pytest.approx(
        [cosine for _owner, cosine in expected], abs=SAME
    )
    assert {c.encoder for c in candidates} == {get_encoder().id}
    assert match(query) == candidates[:3]
