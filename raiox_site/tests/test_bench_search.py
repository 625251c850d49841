import re
from typing import Any

import numpy as np
import pytest
from django.core.management import CommandError, call_command

from matching.models import Embedding
from raiox_site.bench import search, vector_index
from raiox_site.bench.clusters import FAMILY, Clusters
from raiox_site.bench.exact import Nearest, recall
from raiox_site.bench.search_filling import ENCODER, catalogue, copy

SMALL = {
    "vectors": 400,
    "references": 4,
    "queries": 12,
    "halfvec": True,
    "shuffled": True,
    "index_options": "m=8,ef_construction=32",
    "ef_search": None,
    "memory": None,
}


def test_references_stand_around_their_implant_and_implants_in_families() -> None:
    clusters = Clusters(implants=40, references=5)
    [(first, vectors)] = clusters.chunks()
    assert first == 0 and vectors.shape == (40, 5, 512)
    np.testing.assert_allclose(np.linalg.norm(vectors, axis=2), 1, atol=1e-5)
    same = np.einsum("ird,isd->irs", vectors, vectors).mean()
    centres = vectors.mean(axis=1)
    family = (centres[:FAMILY] @ centres[:FAMILY].T).mean()
    others = (centres[:FAMILY] @ centres[FAMILY:].T).mean()
    assert same > family > 0.85 > 0.4 > others


def test_the_same_vectors_come_again_in_pieces_and_no_film_is_among_them() -> None:
    whole, again = Clusters(30, 3), Clusters(30, 3)
    [(_first, vectors)] = whole.chunks()
    np.testing.assert_array_equal(vectors, next(iter(again.chunks()))[1])
    films = whole.films(20)
    cosines = films @ vectors.reshape(-1, 512).T
    assert 0.85 < cosines.max(axis=1).mean() < 0.99
    assert cosines.max() < 0.9999


def test_what_is_nearest_is_found_piece_by_piece() -> None:
    clusters = Clusters(25, 4)
    [(_first, vectors)] = clusters.chunks()
    films = clusters.films(6)
    whole, pieces = Nearest(films), Nearest(films)
    whole.add(0, vectors)
    for first in (0, 10, 20):
        pieces.add(first, vectors[first : first + 10])
    np.testing.assert_array_equal(whole.implants, pieces.implants)
    np.testing.assert_array_equal(whole.references, pieces.references)
    cosines = films @ vectors.reshape(-1, 512).T
    np.testing.assert_array_equal(pieces.references, np.argsort(-cosines)[:, :3])
    scores = np.sort(cosines.reshape(6, 25, 4))[:, :, -2:].mean(axis=2)
    np.testing.assert_array_equal(pieces.implants, np.argsort(-scores)[:, :3])


def test_recall_is_the_share_of_the_exact_three_that_was_found() -> None:
    exact = np.array([[1, 2, 3], [4, 5, -1]])
    assert recall([[3, 1, 9], [5, 4]], exact) == pytest.approx(4 / 5)
    assert recall([[1, 2, 3], [4, 5, 6]], exact) == 1.0


def test_the_target_is_that_of_the_number_of_vectors() -> None:
    assert [search.target_ms(number) for number in (10, 100_000, 100_001, 2_000_000)] == [
        3,
        3,
        10,
        10,
    ]


def test_what_is_copied_is_what_the_model_reads(db: None) -> None:
    clusters = Clusters(2, 3)
    _implants, references = catalogue(clusters)
    [(_first, vectors)] = clusters.chunks()
    copy(references + 1, vectors.reshape(-1, 512))
    rows = Embedding.objects.searchable().of_encoder(ENCODER).order_by("reference_image_id")
    assert [row.view for row in rows] == ["original"] * 6
    read = np.array([row.vector for row in rows], np.float32)
    np.testing.assert_array_equal(read, vectors.reshape(-1, 512))
    lines = [row.reference_image.implant for row in rows]
    assert [str(one) for one in lines[2:4]] == [
        "Bench Line 0 3 × 10 mm",
        "Bench Line 0 3,25 × 10 mm",
    ]


def test_a_search_is_measured_whole_and_by_the_index_alone(db: None) -> None:
    before = vector_index.indexes()
    other = before[0].of_other_precision()
    assert {before[0].kind, other.kind} == {"vector", "halfvec"}
    printed = "\n".join(search.lines(**SMALL))
    assert "400 vectors of 100 implants in 13 families, 4 references each" in printed
    assert re.search(r"^loaded by COPY in \d+\.\d s \(\d+ vectors/s\), \d+ MB$", printed, re.M)
    assert re.search(r"^maintenance_work_mem \d+ MB, \d+ parallel", printed, re.M)
    for name in (before[0].name, other.name):
        assert re.search(
            rf"^{name} \(m=8, ef_construction=32\) built in \d+\.\d s \(\d+ vectors/s\), \d+ MB$",
            printed,
            re.M,
        )
    rows = re.findall(
        r"^(\S+).* \d+\.\d\d ms +\d+\.\d\d ms +\d+% +(\d\.\d+) +(\d+)$", printed, re.M
    )
    assert [name for name, _recall, _queries in rows] == [
        "the",
        before[0].name,
        other.name,
    ]
    # So few are found by whichever way PostgreSQL takes.
    assert all(float(found) > 0.9 for _name, found, _queries in rows)
    assert all(int(queries) >= 1 for _name, _found, queries in rows)
    assert re.search(
        rf"^{other.name} / \S+: median \d+\.\d\d, p95 \d+\.\d\d, size \d\.\d\d$", printed, re.M
    )
    after = vector_index.indexes()
    assert [one.name for one in after] == sorted([other.name, before[0].name])


@pytest.mark.parametrize("arguments", [["--vectors=0"], ["--vectors=5"], ["--inside"]])
def test_the_command_refuses_what_cannot_be_measured(db: Any, arguments: list[str]) -> None:
    with pytest.raises(CommandError):
        call_command("bench", "search", *arguments)
    assert not Embedding.objects.exists()
