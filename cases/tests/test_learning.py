"""A new reference is tried on what was decided before. Vectors lie in the plane of the first two
axes, so that the cosine of two of them is that of the angle between them."""

import json
from collections.abc import Callable
from io import StringIO
from typing import Any

import numpy as np
import pytest
from django.core.management import CommandError, call_command

from cases import learning
from cases.learning import Added, Effect, Moved, Query, Table
from cases.models import Case, Finding, ReferenceProposal, Result
from cases.tests.making_cases import finding_of, make_case
from implants.models import Implant, ReferenceImage
from matching import scoring
from matching.encoder import ready_encoder
from matching.models import Embedding

ENCODER = "raiox-fixture/bundled@abc/fixture-v1"
pytestmark = pytest.mark.django_db


def at(degrees: float) -> np.ndarray:
    vector = np.zeros(512, dtype=np.float32)
    vector[:2] = np.cos(np.radians(degrees)), np.sin(np.radians(degrees))
    return vector


@pytest.fixture
def refer() -> Callable[..., ReferenceImage]:
    def refer(implant: Implant, degrees: float, encoder: str = ENCODER) -> ReferenceImage:
        name = f"{implant.pk}-{degrees}-{encoder}"
        made = ReferenceImage(implant=implant, file="x", sha256=name[:64])
        made.indexed_by_importer = True  # type: ignore[attr-defined]
        made.save()
        Embedding.objects.create(reference_image=made, encoder=encoder, vector=at(degrees).tolist())
        return made

    return refer


@pytest.fixture
def decide(implants: list[Implant]) -> Callable[..., Finding]:
    def decide(implant: Implant, degrees: float, encoder: str = ENCODER) -> Finding:
        made = make_case([implant], status=Case.Status.PENDING)
        Result.objects.filter(finding__case_image__case=made).update(
            approved=True, approved_at=made.created_at
        )
        Case.objects.filter(pk=made.pk).update(status="approved", decided_at=made.created_at)
        Finding.objects.filter(pk=finding_of(made).pk).update(
            outcome="identified", vector=at(degrees).tolist(), encoder=encoder
        )
        return finding_of(made)

    return decide


def effect(implant: Implant, degrees: float, **own: int) -> Effect:
    return learning.effect_of(Added(at(degrees), ENCODER, implant.pk, **own))


def test_a_reference_that_brings_the_right_implant_to_the_front_is_better(
    implants: list[Implant], refer: Any, decide: Any
) -> None:
    decide(implants[0], 0)
    refer(implants[1], 20)
    found = effect(implants[0], 1)
    assert (found.decisions, found.better, found.worse) == (1, 1, 0)


def test_a_reference_that_puts_another_implant_first_is_worse_and_says_where(
    implants: list[Implant], refer: Any, decide: Any
) -> None:
    finding = decide(implants[0], 0)
    refer(implants[0], 20)
    refer(implants[2], 80)
    found = effect(implants[1], 1)
    assert (found.decisions, found.better, found.worse) == (1, 0, 1)
    assert found.moved == [Moved("decision", finding.pk, implants[0].pk, 1, 2, implants[1].pk)]


def test_a_poor_reference_of_the_right_implant_is_worse_too(
    implants: list[Implant], refer: Any, decide: Any
) -> None:
    decide(implants[0], 0)
    refer(implants[0], 10)
    refer(implants[1], 20)
    assert effect(implants[0], 70).worse == 1


def test_what_moves_nothing_across_a_border_is_neither(
    implants: list[Implant], refer: Any, decide: Any
) -> None:
    decide(implants[0], 0)
    refer(implants[0], 5)
    found = effect(implants[1], 30)
    assert (found.decisions, found.better, found.worse) == (1, 0, 0)


def test_a_place_among_the_first_three_counts(
    implants: list[Implant], refer: Any, decide: Any
) -> None:
    far = Implant.objects.create(manufacturer="Outra Marca", name="Linha Rara")
    decide(implants[2], 0)
    for place, implant in enumerate(implants):
        refer(implant, 10 * (place + 1))
    assert effect(far, 25).worse == 1
    assert effect(far, 35).worse == 0


def test_the_other_references_are_asked_too_each_as_if_it_were_not_there(
    implants: list[Implant], refer: Any
) -> None:
    moved = refer(implants[0], 0)
    refer(implants[0], 10)
    found = effect(implants[1], -5)
    assert (found.decisions, found.references, found.worse) == (0, 2, 1)
    assert found.moved == [Moved("reference", moved.pk, implants[0].pk, 1, 2, implants[1].pk)]


def test_a_reference_that_stood_alone_is_found_by_a_second_one(
    implants: list[Implant], refer: Any
) -> None:
    refer(implants[0], 0)
    refer(implants[1], 40)
    assert effect(implants[0], 5).better == 1


def test_a_decision_is_not_compared_with_the_reference_that_was_made_of_it(
    implants: list[Implant], refer: Any, decide: Any
) -> None:
    finding = decide(implants[0], 0)
    taken = refer(implants[0], 0)
    refer(implants[0], 10)
    assert "decision" not in [one.kind for one in effect(implants[1], -8).moved]
    ReferenceProposal.objects.create(finding=finding, implant=implants[0], reference=taken)
    assert "decision" in [one.kind for one in effect(implants[1], -8).moved]


def test_only_what_stands_and_is_comparable_is_asked(
    implants: list[Implant], refer: Any, decide: Any
) -> None:
    refer(implants[1], 30, encoder="another@x")
    decide(implants[0], 0, encoder="another@x")
    own = decide(implants[0], 0)
    undone = decide(implants[0], 0)
    Finding.objects.filter(pk=undone.pk).update(outcome="")
    found = effect(implants[0], 0, case_id=own.case_image.case_id)
    assert found == Effect(ENCODER)


def test_only_the_nearest_are_asked(
    implants: list[Implant], refer: Any, decide: Any, monkeypatch: Any
) -> None:
    monkeypatch.setattr(learning, "NEAREST", 1)
    decide(implants[0], 90)
    near = decide(implants[0], 0)
    refer(implants[0], 20)
    found = effect(implants[1], 1)
    assert (found.decisions, found.references) == (1, 1)
    assert near.pk in [one.pk for one in found.moved]


def test_at_most_twenty_are_told(implants: list[Implant], refer: Any, decide: Any) -> None:
    for _number in range(21):
        decide(implants[0], 0)
    refer(implants[0], 20)
    found = effect(implants[1], 1)
    assert (found.worse, len(found.moved)) == (21, 20)
    assert Effect.of(found.as_json()) == found


def tried(reference_id: int, **options: bool) -> str:
    output = StringIO()
    call_command("test_reference", str(reference_id), stdout=output, **options)
    return output.getvalue()


def test_scores_are_those_of_the_search() -> None:
    dice = np.random.default_rng(7)
    vectors = dice.normal(size=(40, 512)).astype(np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    queries = [Query("decision", n, vectors[n], frozenset({0})) for n in range(5)]
    rows = [(int(dice.integers(8)), pk, vectors[pk]) for pk in range(5, 40)]
    table = Table(queries)
    table.add_all(rows)
    ids, scores = table.scores()
    for column, query in enumerate(queries):
        pairs = [(implant, float(query.vector @ vector)) for implant, _pk, vector in rows]
        expected = dict(scoring.ranked(pairs))
        assert {pk: pytest.approx(scores[row, column], abs=1e-6) for row, pk in enumerate(ids)} == (
            expected
        )


def test_the_command_says_what_a_reference_does(
    implants: list[Implant], refer: Any, decide: Any
) -> None:
    encoder = ready_encoder().id
    refer(implants[0], 20, encoder)
    decide(implants[0], 0, encoder)
    new = refer(implants[1], 1, encoder)
    said = tried(new.pk)
    assert f"{encoder}\ntried on 1 decisions" in said and "0 better, 1 worse" in said
    assert f"({implants[0]}): place 1 without it, 2 with it; first is {implants[1]}" in said
    assert json.loads(tried(new.pk, json=True))["moved"][0]["kind"] == "decision"


def test_the_command_refuses_what_it_cannot_try(
    implants: list[Implant], refer: Any, settings: Any
) -> None:
    with pytest.raises(CommandError, match="no reference"):
        tried(0)
    of_another = refer(implants[1], 1)
    with pytest.raises(CommandError, match="no vector"):
        tried(of_another.pk)
    settings.RAIOX_ENCODER = "ViT-B-32/random"
    with pytest.raises(CommandError, match="random weights"):
        tried(of_another.pk)
