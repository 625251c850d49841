import math
import re
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from implants.models import Implant, ReferenceImage
from matching.growing import WINDOW
from matching.matcher import CANDIDATES, nearest_implants
from matching.models import DIMENSIONS, Embedding
from matching.nearest import MARGIN
from matching.scoring import ranked

ENCODER = "Test-1/clusters@0/none"
VECTORS = 2_000
CLUSTERS = 100
Array = np.ndarray[Any, Any]


def unit(vectors: Array) -> Array:
    return np.asarray(vectors / np.linalg.norm(vectors, axis=-1, keepdims=True))


def clustered() -> tuple[Array, Array]:
    """References in clusters, as films of one line stand together, and queries beside them."""
    random = np.random.default_rng(20)
    centres = unit(random.normal(size=(CLUSTERS, DIMENSIONS)))
    noise = random.normal(size=(VECTORS, DIMENSIONS)) / math.sqrt(DIMENSIONS)
    references = unit(centres[np.arange(VECTORS) % CLUSTERS] + 0.7 * noise)
    noise = random.normal(size=(CLUSTERS, DIMENSIONS)) / math.sqrt(DIMENSIONS)
    return references.astype(np.float32), unit(centres + 0.7 * noise).astype(np.float32)


@pytest.fixture(scope="module")
def indexed(django_db_setup: None, django_db_blocker: Any) -> Iterator[tuple[Array, Array]]:
    """2,000 clustered vectors in the database: one reference each, three to an implant."""
    references, queries = clustered()
    with django_db_blocker.unblock():
        # Rows that other tests rolled back still stand in the graph and lead searches astray.
        execute("REINDEX INDEX embedding_half_hnsw")
        implants = Implant.objects.bulk_create(
            [Implant(manufacturer="Maker", name=f"Line {n}") for n in range(VECTORS // 3 + 1)]
        )
        rows = ReferenceImage.objects.bulk_create(
            [
                ReferenceImage(implant=implants[n // 3], file=f"{n}.jpg", sha256=f"{n:064}")
                for n in range(VECTORS)
            ]
        )
        Embedding.objects.bulk_create(
            [
                Embedding(reference_image=row, encoder=ENCODER, vector=vector.tolist())
                for row, vector in zip(rows, references, strict=True)
            ]
        )
        analyze()
    try:
        yield references, queries
    finally:
        with django_db_blocker.unblock():
            Implant.objects.all().delete()
            execute("REINDEX INDEX embedding_half_hnsw")
            analyze()


def execute(statement: str) -> None:
    with connection.cursor() as cursor:
        cursor.execute(statement)


def analyze() -> None:
    execute("ANALYZE matching_embedding, implants_referenceimage, implants_implant")


def show(name: str) -> str:
    with connection.cursor() as cursor:
        cursor.execute(f"SHOW {name}")
        return str(cursor.fetchone()[0])


def without_sorting_all() -> None:
    """Which PostgreSQL prefers among so few vectors."""
    execute("SET LOCAL enable_seqscan = off; SET LOCAL enable_sort = off")


def exact_top(references: Array, query: Array) -> list[int]:
    return [int(place) for place in np.argsort(-(references @ query))[:CANDIDATES]]


@pytest.mark.django_db
def test_the_index_is_built_for_the_cosine() -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT indexdef FROM pg_indexes WHERE indexname = 'embedding_half_hnsw'")
        (definition,) = cursor.fetchone()
    assert "USING hnsw (((vector)::halfvec(512)) halfvec_cosine_ops)" in definition
    assert "m='16'" in definition
    assert "ef_construction='128'" in definition
    # A partial index would silently be left out of a query with another condition.
    assert "WHERE" not in definition


@pytest.mark.django_db
def test_the_query_orders_by_the_bare_cosine_distance_with_a_limit() -> None:
    rows = Embedding.objects.nearest([1.0] * DIMENSIONS, encoder=ENCODER, limit=WINDOW)
    with CaptureQueriesContext(connection) as queries:
        list(rows)
    (statement,) = [query["sql"] for query in queries]
    assert re.findall(r"<\S>", statement) == ["<=>", "<=>"]
    assert re.search(r'\("matching_embedding"\."vector" <=> \S+\) AS "distance"', statement)
    halves = r'\(\("matching_embedding"\."vector"\)::halfvec\(512\) <=> \S+\)'
    assert re.search(rf"ORDER BY {halves} ASC LIMIT {WINDOW}$", statement)


@pytest.mark.django_db
def test_the_search_settings_hold_after_a_vector_query() -> None:
    list(Embedding.objects.nearest([1.0] * DIMENSIONS, encoder=ENCODER, limit=3))
    # A misspelt name is ignored in silence; pgvector's own defaults are 40 and off.
    assert show("hnsw.ef_search") == "200"
    assert show("hnsw.iterative_scan") == "strict_order"


@pytest.mark.django_db
@pytest.mark.parametrize("limit", [CANDIDATES, WINDOW])
def test_the_matcher_s_own_query_uses_the_index(indexed: tuple[Array, Array], limit: int) -> None:
    without_sorting_all()
    query = indexed[1][0].tolist()
    plan = Embedding.objects.nearest(query, encoder=ENCODER, limit=limit).explain()
    assert "Index Scan using embedding_half_hnsw" in plan
    assert "Sort" not in plan


@pytest.mark.django_db
def test_ordering_by_another_distance_would_not_use_the_index(
    indexed: tuple[Array, Array],
) -> None:
    """The check above can fail: this is what it sees when the operator is the wrong one."""
    from pgvector.django import L2Distance

    without_sorting_all()
    rows = Embedding.objects.alias(far=L2Distance("vector", indexed[1][0].tolist()))
    assert "embedding_half_hnsw" not in rows.order_by("far")[:WINDOW].explain()


@pytest.mark.django_db
def test_the_index_finds_what_an_exact_search_finds(indexed: tuple[Array, Array]) -> None:
    references, queries = indexed
    without_sorting_all()
    keys = Embedding.objects.order_by("pk").values_list("pk", flat=True)
    places = {key: place for place, key in enumerate(keys)}
    hits = 0
    for query in queries:
        rows = Embedding.objects.nearest(query.tolist(), encoder=ENCODER, limit=WINDOW)
        nearest = [places[row.pk] for row in rows][:CANDIDATES]
        hits += len(set(nearest) & set(exact_top(references, query)))
    assert hits / (CANDIDATES * len(queries)) >= 0.99


@pytest.mark.django_db
def test_distances_from_the_index_are_in_order_and_those_of_numpy(
    indexed: tuple[Array, Array],
) -> None:
    references, queries = indexed
    without_sorting_all()
    rows = list(Embedding.objects.nearest(queries[1].tolist(), encoder=ENCODER, limit=WINDOW))
    distances = [float(row.distance) for row in rows]  # type: ignore[attr-defined]
    assert distances == pytest.approx(sorted(distances), abs=MARGIN)
    assert len(distances) == WINDOW
    exact = np.sort(1 - references @ queries[1])[:WINDOW]
    assert distances[0] == pytest.approx(float(exact[0]), abs=1e-5)


@pytest.mark.django_db
def test_what_is_filtered_out_does_not_leave_the_answer_short(
    indexed: tuple[Array, Array],
) -> None:
    """Nine of ten implants withdrawn, more than one pass over the index returns: the scan
    goes on until there are three."""
    references, queries = indexed
    withdrawn = Implant.objects.exclude(name__endswith="0")
    withdrawn.update(is_active=False)
    without_sorting_all()
    active = [n for n in range(VECTORS) if (n // 3) % 10 == 0]
    hits = 0
    for query in queries[:40]:
        plan = Embedding.objects.nearest(query.tolist(), encoder=ENCODER, limit=WINDOW)
        candidates = nearest_implants(query, encoder=ENCODER)
        assert len(candidates) == CANDIDATES
        assert all(candidate.implant.is_active for candidate in candidates)
        pairs = ((f"Line {n // 3}", float(references[n] @ query)) for n in active)
        hits += candidates[0].implant.name == ranked(pairs)[0][0]
    assert "embedding_half_hnsw" in plan.explain()
    assert hits >= 39
