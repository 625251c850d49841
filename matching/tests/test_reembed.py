import io
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from django.core.management import CommandError, call_command

from implants.models import Implant, ReferenceImage
from matching import architectures, indexing, radiograph
from matching import encoder as encoder_module
from matching.encoder import get_encoder, make_encoder
from matching.matcher import EncoderMismatch, match
from matching.models import Embedding
from matching.tests import tiny_tower
from matching.tests.test_indexing import saved, storage

__all__ = ["storage"]

pytestmark = pytest.mark.django_db

OTHER_ENCODER = f"{tiny_tower.ARCHITECTURE}/random"


@pytest.fixture(autouse=True, scope="module")
def another_architecture(tmp_path_factory: pytest.TempPathFactory) -> None:
    folder = tmp_path_factory.mktemp("architecture")
    tiny_tower.write_config(folder)
    architectures.register(folder)


@pytest.fixture(autouse=True)
def in_this_process(settings: Any) -> None:
    """No other one knows the architecture."""
    settings.RAIOX_RUNTIME = "torch"


@pytest.fixture
def other_encoder(settings: Any, monkeypatch: pytest.MonkeyPatch) -> Callable[[], None]:
    """Switch the process to another encoder; the first one is put back at the end."""
    monkeypatch.setattr(encoder_module, "_encoder", get_encoder())

    def switch() -> None:
        settings.RAIOX_ENCODER = OTHER_ENCODER

    return switch


def reembed(*options: str) -> str:
    output = io.StringIO()
    call_command("reembed", *options, quiet=True, stdout=output)
    return output.getvalue()


def vectors_by_encoder() -> dict[str, int]:
    rows = Embedding.objects.values_list("encoder", flat=True)
    return {name: list(rows).count(name) for name in set(rows)}


def test_reembed_fills_a_new_encoder_beside_the_old_one_and_forgets_that_when_told(
    catalogue: list[Implant], film: Callable[..., bytes], other_encoder: Callable[[], None]
) -> None:
    old = get_encoder().id
    query = radiograph.load(film(seed=5))
    before = match(query)
    other_encoder()
    new = get_encoder().id
    assert new != old
    with pytest.raises(EncoderMismatch):
        match(query)

    told = reembed().splitlines()
    assert told[0] == f"{new}: 8 embedded, 0 failed"
    assert set(told[1:]) == {f"8 vectors of {old}", f"8 vectors of {new} (in use)"}
    assert vectors_by_encoder() == {old: 8, new: 8}
    assert {candidate.encoder for candidate in match(query)} == {new}

    # Back and forth at no cost, until the old vectors are given up.
    assert reembed("--forget-others").splitlines() == [
        f"{new}: 0 embedded, 0 failed",
        "8 vectors of other encoders removed",
        f"8 vectors of {new} (in use)",
    ]
    assert vectors_by_encoder() == {new: 8}
    assert {candidate.encoder for candidate in before} == {old}


def test_reembed_does_only_what_is_missing_unless_told_to_do_all(
    catalogue: list[Implant],
) -> None:
    name = get_encoder().id
    removed, *_others = Embedding.objects.all()
    removed.delete()
    assert reembed().startswith(f"{name}: 1 embedded, 0 failed\n")
    wrong = Embedding.objects.exclude(reference_image=removed.reference_image_id)
    wrong.update(vector=[1.0] * 512)
    assert reembed().startswith(f"{name}: 0 embedded, 0 failed\n")
    assert reembed("--all").startswith(f"{name}: 8 embedded, 0 failed\n")
    assert not [row for row in Embedding.objects.all() if np.allclose(row.vector, 1.0)]
    assert Embedding.objects.count() == 8


def test_nothing_is_forgotten_while_a_reference_lacks_its_new_vector(
    storage: Any,
    catalogue: list[Implant],
    film: Callable[..., bytes],
    other_encoder: Callable[[], None],
) -> None:
    def upload() -> None:
        saved(film(seed=300, size=(130, 170)))

    old = get_encoder().id
    other_encoder()
    # Somebody adds a film while the command runs.
    storage.meanwhile = upload
    with pytest.raises(CommandError, match="Nothing forgotten: 1 "):
        reembed("--forget-others")
    assert vectors_by_encoder() == {old: 8, get_encoder().id: 8}
    reembed("--prune")  # As it was called before.
    assert vectors_by_encoder() == {get_encoder().id: 9}


def test_an_outage_of_the_storage_costs_neither_vectors_nor_references(
    storage: Any,
    catalogue: list[Implant],
    film: Callable[..., bytes],
    other_encoder: Callable[[], None],
    settings: Any,
) -> None:
    first = settings.RAIOX_ENCODER
    query = radiograph.load(film(seed=5))
    old = get_encoder().id
    other_encoder()
    storage.is_down = True
    with pytest.raises(CommandError, match="Nothing forgotten: 8 "):
        reembed("--forget-others")
    assert vectors_by_encoder() == {old: 8}
    assert not ReferenceImage.objects.exclude(error="").exists()
    settings.RAIOX_ENCODER = first
    assert len(match(query)) == 3


def test_reembed_names_the_films_that_failed(catalogue: list[Implant]) -> None:
    reference = ReferenceImage.objects.select_related("implant").earliest("pk")
    Path(reference.file.path).write_bytes(b"damaged")
    lines = reembed("--all").splitlines()
    assert lines[0].endswith(": 7 embedded, 1 failed")
    assert lines[1].startswith(f"  {reference}: ")
    assert list(indexing.without_vector(get_encoder().id)) == [reference]


def test_reembed_with_an_encoder_that_cannot_be_loaded_changes_nothing(
    catalogue: list[Implant], other_encoder: Callable[[], None], settings: Any
) -> None:
    settings.RAIOX_ENCODER = "ViT-B-32/absent.pt"
    with pytest.raises(CommandError, match=r"absent\.pt"):
        reembed("--forget-others")
    assert Embedding.objects.count() == 8


def test_another_encoder_is_filled_while_the_one_in_use_answers(
    catalogue: list[Implant], film: Callable[..., bytes]
) -> None:
    used, other = get_encoder().id, make_encoder(OTHER_ENCODER).id
    warnings = list(ReferenceImage.objects.values_list("warnings", "twin"))
    told = reembed("--encoder", OTHER_ENCODER).splitlines()
    assert told[0] == f"{other}: 8 embedded, 0 failed"
    assert set(told[1:]) == {f"8 vectors of {used} (in use)", f"8 vectors of {other}"}
    assert vectors_by_encoder() == {used: 8, other: 8}
    # What a film looks like is told by the encoder in use alone.
    assert list(ReferenceImage.objects.values_list("warnings", "twin")) == warnings
    assert {one.encoder for one in match(radiograph.load(film(seed=5)))} == {used}


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        (("--encoder", OTHER_ENCODER, "--forget-others"), "in use are never forgotten"),
        (("--encoder", "ViT-B-32/absent.pt"), r"absent\.pt"),
        (("--encoder", "nonsense"), "expected <architecture>/<weights>"),
    ],
)
def test_what_would_leave_nothing_to_search_is_refused(
    catalogue: list[Implant], options: tuple[str, ...], reason: str
) -> None:
    with pytest.raises(CommandError, match=reason):
        reembed(*options)
    assert vectors_by_encoder() == {get_encoder().id: 8}
