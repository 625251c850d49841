"""One statement answers as comparing everything does, and says so where it cannot."""

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest
from django.db import connection

from implants.models import Implant, ReferenceImage
from matching import matcher, nearest
from matching.growing import CERTAIN
from matching.models import DIMENSIONS, Embedding

pytestmark = pytest.mark.django_db

ENCODER, OTHER = "Test-1/nearest@0/none", "Test-2/nearest@0/none"
Array = np.ndarray[Any, Any]


@pytest.fixture(autouse=True)
def fresh_index(db: None) -> None:
    with connection.cursor() as cursor:
        cursor.execute("REINDEX INDEX embedding_half_hnsw")


def noise(random: np.random.Generator, number: int) -> Array:
    return random.normal(size=(number, DIMENSIONS)) / math.sqrt(DIMENSIONS)


def catalogue(random: np.random.Generator, *, implants: int, most: int) -> Array:
    """Families of three implants that stand close together, each with 1…`most` references, some
    of which are not searched, were embedded twice or by another encoder too; their centres."""
    centres = np.repeat(noise(random, implants // 3 + 1), 3, axis=0)[:implants]
    centres = centres + 0.4 * noise(random, implants)
    rows = Implant.objects.bulk_create(
        Implant(manufacturer="Maker", name=f"Line {n}", is_active=n % 11 != 5)
        for n in range(implants)
    )
    owners = np.repeat(np.arange(implants), random.integers(1, most + 1, size=implants))
    references = ReferenceImage.objects.bulk_create(
        ReferenceImage(
            implant=rows[owner],
            file="none.jpg",
            sha256=f"{n:064}",
            is_active=n % 13 != 0,
            error="damaged" if n % 17 == 0 else "",
            width=n,
            warnings=["twin"],
        )
        for n, owner in enumerate(owners)
    )
    add(references, centres[owners] + 0.6 * noise(random, len(owners)))
    add(references[::5], centres[owners[::5]] + 0.6 * noise(random, len(owners[::5])), "mirrored")
    add(references[::2], centres[owners[::2]], encoder=OTHER)
    return centres


def add(
    references: Sequence[ReferenceImage],
    vectors: Array,
    view: str = "original",
    *,
    encoder: str = ENCODER,
) -> None:
    Embedding.objects.bulk_create(
        Embedding(reference_image=reference, encoder=encoder, view=view, vector=vector.tolist())
        for reference, vector in zip(references, vectors, strict=True)
    )


def exact(query: Array, limit: int) -> list[matcher.Candidate]:
    return matcher._Search(query.tolist(), ENCODER, {}, limit).run(is_exact=True)


def told(found: Sequence[matcher.Candidate]) -> list[tuple[Any, ...]]:
    return [
        (one.rank, one.implant, one.reference, one.similarity, one.encoder, one.family)
        for one in found
    ]


@pytest.mark.parametrize(
    ("seed", "implants", "most"), [(1, 4, 2), (2, 30, 1), (3, 40, 12), (4, 90, 4)]
)
def test_the_answers_are_those_of_an_exact_search(seed: int, implants: int, most: int) -> None:
    random = np.random.default_rng(seed)
    centres = catalogue(random, implants=implants, most=most)
    # In single precision, as encoders answer.
    queries = (centres[:6] + 0.6 * noise(random, len(centres[:6]))).astype(np.float32)
    for query in queries:
        for limit in (1, 3, CERTAIN):
            found = matcher.nearest_implants(query, encoder=ENCODER, limit=limit)
            assert told(found) == told(exact(query, limit))


def test_what_it_names_are_the_rows_as_they_are_stored() -> None:
    random = np.random.default_rng(5)
    query = catalogue(random, implants=12, most=3)[0]
    for one in matcher.nearest_implants(query, encoder=ENCODER):
        stored = ReferenceImage.objects.select_related("implant").get(pk=one.reference.pk)
        names = [field.attname for field in ReferenceImage._meta.concrete_fields]
        assert [getattr(one.reference, name) for name in names] == [
            getattr(stored, name) for name in names
        ]
        names = [field.attname for field in Implant._meta.concrete_fields]
        assert [getattr(one.implant, name) for name in names] == [
            getattr(stored.implant, name) for name in names
        ]
        assert one.reference._state.adding is False
        assert one.reference.implant is one.implant


def crowded(references_of_the_first: int) -> tuple[list[Implant], list[float]]:
    """Two implants, the first of which has so many references nearer than the second one's; and
    what is looked up."""
    random = np.random.default_rng(6)
    crowd, second = Implant.objects.bulk_create(
        [Implant(manufacturer="Maker", name=name) for name in ("crowd", "second")]
    )
    owners = [*([crowd] * references_of_the_first), second]
    references = ReferenceImage.objects.bulk_create(
        ReferenceImage(implant=owner, file="none.jpg", sha256=f"{n:064}")
        for n, owner in enumerate(owners)
    )
    vectors = 0.1 * noise(random, len(owners))
    vectors[:, 0] += 1
    vectors[-1, 1] += 1
    add(references, vectors)
    return [crowd, second], [1.0, *[0.0] * (DIMENSIONS - 1)]


def test_a_wider_window_is_read_only_where_the_first_does_not_tell(
    django_assert_num_queries: Any,
) -> None:
    both, query = crowded(nearest.WINDOWS[0] + 5)
    nearest.nearest(query, encoder=ENCODER, limit=2, using="default")
    for limit, statements in ((1, 1), (2, 2)):
        with django_assert_num_queries(statements):
            found = nearest.nearest(query, encoder=ENCODER, limit=limit, using="default")
        assert found is not None
        assert [one.reference.implant for one in found] == both[:limit]


def test_windows_full_of_one_implant_do_not_tell_who_comes_next() -> None:
    both, query = crowded(nearest.WINDOWS[-1] + 5)
    assert nearest.nearest(query, encoder=ENCODER, limit=2, using="default") is None
    found = matcher.nearest_implants(query, encoder=ENCODER, limit=2)
    assert [one.implant for one in found] == both


@pytest.mark.parametrize("window", nearest.WINDOWS)
def test_the_prepared_plan_scans_the_index_in_the_order_of_the_distance(window: int) -> None:
    random = np.random.default_rng(7)
    query = catalogue(random, implants=200, most=6)[0]
    matcher.nearest_implants(query, encoder=ENCODER)
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE matching_embedding; SET LOCAL enable_sort = off")
        nearest._prepare(cursor, window)
        name = nearest.NAME.format(window=window)
        cursor.execute(f"EXPLAIN EXECUTE {name} (%s, %s, %s)", [str(query.tolist()), ENCODER, 3])
        plan = "\n".join(line for (line,) in cursor.fetchall())
    scan = plan.partition("CTE near")[2].partition("CTE named")[0]
    assert "Index Scan using embedding_half_hnsw" in scan
    assert "Sort" not in scan
