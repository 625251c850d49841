import io
import json
import re
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command

from implants import catalogue
from implants.models import Implant, ReferenceImage
from matching import demo, evaluation, radiograph
from matching import encoder as encoder_module
from matching.encoder import get_encoder
from matching.evaluation import FIRST_QUERY_SEED, Query, recall
from matching.models import Embedding
from matching.phantoms import DIFFICULTIES, phantom_jpeg

pytestmark = pytest.mark.django_db


@pytest.fixture
def two_lines(monkeypatch: pytest.MonkeyPatch) -> None:
    """The demo catalogue, cut down to two implants that look nothing like each other."""
    facts = catalogue.demo_catalogue()
    chosen = [facts[0], next(f for f in facts if f.connection == "external_spline")]
    monkeypatch.setattr(demo, "demo_catalogue", lambda: chosen)


@pytest.fixture
def rendered(two_lines: None) -> list[Implant]:
    list(demo.render_references(demo.missing_phantoms()))
    return list(Implant.objects.all())


def queries(*ranks: int | None) -> list[Query]:
    implant = Implant(manufacturer="Maker", name="Line")
    return [Query(implant, rank) for rank in ranks]


def evaluated(**options: Any) -> str:
    output = io.StringIO()
    call_command("evaluate", stdout=output, **options)
    return output.getvalue()


def test_recall_is_the_share_of_films_whose_implant_is_among_the_first() -> None:
    result = recall(queries(1, 1, 2, 3, 4, 5, None, None))
    assert (result.queries, result.top1, result.top3, result.top5) == (8, 0.25, 0.5, 0.75)
    assert result.mrr == pytest.approx((1 + 1 + 1 / 2 + 1 / 3 + 1 / 4 + 1 / 5) / 8)
    assert result.encoder == get_encoder().id


def test_recall_of_perfect_and_of_hopeless_answers() -> None:
    perfect, hopeless = recall(queries(1, 1)), recall(queries(None, None))
    assert (perfect.top1, perfect.top3, perfect.top5, perfect.mrr) == (1, 1, 1, 1)
    assert (hopeless.top1, hopeless.top3, hopeless.top5, hopeless.mrr) == (0, 0, 0, 0)


def test_there_is_no_recall_of_nothing() -> None:
    with pytest.raises(ValueError, match="nothing to evaluate"):
        recall([])


def test_the_demo_lacks_four_phantoms_of_each_implant_at_first(two_lines: None) -> None:
    due = demo.missing_phantoms()
    assert [(implant.name, seed) for implant, seed in due] == [
        (implant.name, seed)
        for implant in dict.fromkeys(implant for implant, _seed in due)
        for seed in range(4)
    ]
    assert Implant.objects.count() == 2
    assert not ReferenceImage.objects.exists()


def test_rendering_gives_every_phantom_a_row_a_film_and_a_vector(rendered: list[Implant]) -> None:
    references = list(ReferenceImage.objects.all())
    assert len(references) == 8
    assert {reference.provenance for reference in references} == {"phantom"}
    assert {reference.error for reference in references} == {""}
    assert {row.encoder for row in Embedding.objects.all()} == {get_encoder().id}
    assert Embedding.objects.count() == 8
    for reference in references:
        with reference.file.open("rb") as file:
            assert radiograph.digest(file.read()) == reference.sha256
        assert reference.thumbnail


def test_a_second_run_of_the_demo_finds_nothing_to_do(rendered: list[Implant]) -> None:
    before = list(ReferenceImage.objects.values("pk", "sha256"))
    assert demo.missing_phantoms() == []
    assert list(ReferenceImage.objects.values("pk", "sha256")) == before
    assert Implant.objects.count() == 2


@pytest.mark.parametrize("place", [0, 3])
def test_a_phantom_that_was_deleted_is_rendered_again(rendered: list[Implant], place: int) -> None:
    lost = rendered[1].references.all()[place]
    sha256 = lost.sha256
    lost.delete()
    due = demo.missing_phantoms()
    assert due == [(rendered[1], place)]
    list(demo.render_references(due))
    assert rendered[1].references.filter(sha256=sha256).exists()
    assert demo.missing_phantoms() == []


def test_films_of_patients_do_not_stand_in_for_phantoms(rendered: list[Implant]) -> None:
    ReferenceImage.objects.filter(implant=rendered[0]).update(provenance="clinic")
    assert len(demo.missing_phantoms()) == 4
    assert evaluation.demo_implants() == [rendered[1]]


def test_only_active_implants_with_phantoms_are_evaluated_each_once(
    rendered: list[Implant],
) -> None:
    Implant.objects.create(manufacturer="Maker", name="Without films")
    assert evaluation.demo_implants() == rendered
    Implant.objects.filter(pk=rendered[0].pk).update(is_active=False)
    assert evaluation.demo_implants() == [rendered[1]]


def test_no_query_is_a_film_that_the_catalogue_holds(rendered: list[Implant]) -> None:
    assert demo.REFERENCES_PER_IMPLANT < FIRST_QUERY_SEED
    known = set(ReferenceImage.objects.values_list("sha256", flat=True))
    for implant in rendered:
        for seed in (0, FIRST_QUERY_SEED):
            content = phantom_jpeg(implant, seed=seed, difficulty=demo.REFERENCE_DIFFICULTY)
            # A film is the same whenever it is rendered, so the comparison means something.
            assert (radiograph.digest(content) in known) == (seed == 0)


def test_each_implant_is_looked_up_as_often_as_asked(rendered: list[Implant]) -> None:
    answers = list(evaluation.identify_phantoms(rendered, difficulty="easy", seeds=2))
    assert [answer.implant for answer in answers] == [rendered[0]] * 2 + [rendered[1]] * 2
    # With two implants in the catalogue each answer names both.
    assert {answer.rank for answer in answers} <= {1, 2}
    again = list(evaluation.identify_phantoms(rendered, difficulty="easy", seeds=2))
    assert again == answers


def test_an_implant_that_is_not_proposed_has_no_rank(rendered: list[Implant]) -> None:
    rendered[0].references.all().delete()
    (answer,) = evaluation.identify_phantoms([rendered[0]], difficulty="easy")
    assert answer.rank is None


def test_the_command_prints_the_encoder_and_the_numbers_and_claims_nothing(
    rendered: list[Implant],
) -> None:
    first, second, third, *rest = evaluated().splitlines()
    assert first == f"encoder {get_encoder().id}"
    assert second == "2 phantoms (easy) of 2 implants, seeds the references do not have"
    number = r"\d+\.\d%"
    assert re.fullmatch(
        rf"top 1 {number}   top 3 100\.0%   top 5 100\.0%   mean reciprocal rank [01]\.\d\d\d   "
        # Three of two implants are all of them, and not 150 %.
        r"\(chance: 50\.0% / 100\.0%\)",
        third,
    )
    assert any("Random weights" in line for line in rest)
    assert "Phantoms are not patients" in rest[-1]


def test_the_numbers_are_also_given_as_json(rendered: list[Implant]) -> None:
    difficulty = max(DIFFICULTIES)
    result = json.loads(evaluated(phantoms=difficulty, json=True))
    assert result["encoder"] == get_encoder().id
    assert (result["queries"], result["difficulty"]) == (2, difficulty)
    assert 0 <= result["top1"] <= result["top3"] == result["top5"] == 1


def test_the_numbers_printed_are_those_of_the_films(rendered: list[Implant]) -> None:
    expected = recall(evaluation.identify_phantoms(rendered, difficulty="easy", seeds=2))
    result = json.loads(evaluated(seeds=2, json=True))
    assert result["queries"] == 4
    assert (result["top1"], result["mrr"]) == (expected.top1, expected.mrr)


def test_without_phantoms_there_is_nothing_to_evaluate() -> None:
    with pytest.raises(CommandError, match="setup_demo"):
        evaluated()


def test_no_film_per_implant_is_nothing_to_evaluate(rendered: list[Implant]) -> None:
    with pytest.raises(CommandError, match="seeds"):
        evaluated(seeds=0)


def test_an_encoder_that_cannot_be_loaded_is_an_error_in_one_sentence(
    rendered: list[Implant], settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(encoder_module, "_encoder", get_encoder())
    settings.RAIOX_ENCODER = "ViT-B-32/absent.pt"
    with pytest.raises(CommandError, match=r"absent\.pt"):
        evaluated()


def test_a_phantom_is_rendered_into_a_file(tmp_path: Path) -> None:
    output = io.StringIO()
    call_command("make_phantom", tmp_path / "x.jpg", stdout=output)
    assert radiograph.load((tmp_path / "x.jpg").read_bytes()).width
    assert output.getvalue() == f"{tmp_path / 'x.jpg'}: Straumann BLX\n"


@pytest.mark.parametrize("place", ["absent/x.jpg", "."])
def test_a_place_that_cannot_be_written_is_an_error_in_one_sentence(
    tmp_path: Path, place: str
) -> None:
    with pytest.raises(CommandError, match="cannot be written: "):
        call_command("make_phantom", tmp_path / place)
