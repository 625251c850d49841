from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from django.core.files.base import ContentFile
from django.db import connection
from django.test.utils import CaptureQueriesContext
from PIL import Image

from implants.models import Implant, ReferenceImage
from matching import encoder as encoder_module
from matching import following, indexing
from matching.encoder import EncoderError, get_encoder, is_current, make_encoder, ready_encoder
from matching.matcher import look_up
from matching.models import EncoderChoice
from matching.training import network

pytestmark = pytest.mark.django_db


@pytest.fixture
def names(old: str, new: str) -> list[str]:
    return [old, new]


def choose(name: str, *, encoder: str = "", instead_of: str) -> None:
    values = {"name": name, "encoder": encoder or make_encoder(name).id, "instead_of": instead_of}
    EncoderChoice.objects.update_or_create(singleton=True, defaults=values)


def next_request() -> str:
    """The name of the encoder that a new request uses."""
    following.begin()
    return get_encoder().name


def wait_until_loaded() -> None:
    loading = following._process._loading
    assert loading is not None
    loading.join(60)


def test_without_a_switch_the_configured_encoder_is_used(names: list[str]) -> None:
    assert next_request() == names[0]
    assert following.note() == ""


def test_a_process_that_begins_after_the_switch_uses_the_new_encoder(names: list[str]) -> None:
    choose(names[1], instead_of=names[0])
    assert get_encoder().name == names[1]
    assert is_current(make_encoder(names[1]).id)
    assert not encoder_module._configured().is_loaded


def test_a_running_process_goes_on_with_the_old_one_until_the_new_one_is_loaded(
    names: list[str],
) -> None:
    get_encoder().load()
    choose(names[1], instead_of=names[0])
    assert next_request() == names[0]
    assert "is being loaded" in following.note()
    wait_until_loaded()
    assert next_request() == names[1]
    assert get_encoder().is_loaded
    assert following.note() == ""


def test_one_request_uses_one_encoder_from_its_beginning_to_its_end(names: list[str]) -> None:
    get_encoder().load()
    following.begin()
    first = get_encoder()
    choose(names[1], instead_of=names[0])
    following._process.encoder(first)
    with CaptureQueriesContext(connection) as queries:
        assert get_encoder() is first
    assert len(queries) == 0
    assert next_request() == names[0]
    wait_until_loaded()
    assert next_request() == names[1]


def test_what_was_loaded_before_gives_its_memory_back(names: list[str]) -> None:
    before = get_encoder()
    before.load()
    choose(names[1], instead_of=names[0])
    next_request()
    wait_until_loaded()
    next_request()
    assert encoder_module._configured() is not before
    assert not encoder_module._configured().is_loaded


def test_a_switch_back_is_followed_too(names: list[str]) -> None:
    choose(names[1], instead_of=names[0])
    get_encoder().load()
    choose(names[0], instead_of=names[0])
    assert next_request() == names[1]
    wait_until_loaded()
    assert next_request() == names[0]


def test_a_setting_that_was_changed_after_the_switch_wins(names: list[str]) -> None:
    choose(names[1], instead_of="ViT-B-32/random")
    assert next_request() == names[0]
    assert following.note() == ""


def test_a_machine_without_the_file_goes_on_with_the_configured_one_and_says_so(
    names: list[str], tmp_path: Path
) -> None:
    absent = f"raiox-fixture/{tmp_path}/absent.safetensors"
    choose(absent, encoder="raiox-fixture/absent@000000000000/fixture-v1x4", instead_of=names[0])
    assert next_request() == names[0]
    assert ready_encoder().name == names[0]
    assert "there is no file absent.safetensors" in following.note()
    assert f"compared with {names[0]}" in following.note()


def test_a_file_that_is_no_checkpoint_is_not_used_twice(names: list[str], tmp_path: Path) -> None:
    (tmp_path / "broken.safetensors").write_bytes(b"this is no checkpoint")
    broken = f"raiox-fixture/{tmp_path}/broken.safetensors"
    choose(broken, encoder="raiox-fixture/broken@000000000000/fixture-v1x4", instead_of=names[0])
    following.begin()
    assert ready_encoder().name == names[0]
    assert next_request() == names[0]
    assert "the weights cannot be loaded" in following.note()


def test_other_weights_under_the_same_name_are_not_used(names: list[str]) -> None:
    """Their vectors do not exist: every film would be compared with nothing."""
    choose(names[1], encoder="raiox-fixture/2@000000000000/fixture-v1x4", instead_of=names[0])
    following.begin()
    assert ready_encoder().name == names[0]
    assert "not those that were switched to" in following.note()


def test_new_weights_in_the_same_file_are_loaded(names: list[str], tmp_path: Path) -> None:
    file = tmp_path / "tuned.safetensors"
    network.save(network.new_model(seed=3), file, about={})
    name = f"raiox-fixture/{file}"
    choose(name, instead_of=names[0])
    first = ready_encoder().id
    network.save(network.new_model(seed=4), file, about={})
    choose(name, instead_of=names[0])
    next_request()
    wait_until_loaded()
    next_request()
    assert get_encoder().id != first
    assert get_encoder().id == EncoderChoice.objects.get().encoder


def test_neither_one_can_be_loaded(names: list[str], settings: Any, tmp_path: Path) -> None:
    settings.RAIOX_ENCODER = f"raiox-fixture/{tmp_path}/absent.safetensors"
    choose("raiox-fixture/x.safetensors", encoder="x@0/f", instead_of=settings.RAIOX_ENCODER)
    with pytest.raises(EncoderError, match=r"absent\.safetensors"):
        ready_encoder()


def test_a_database_that_does_not_say_it_changes_nothing(names: list[str]) -> None:
    choose(names[1], instead_of=names[0])
    get_encoder().load()
    following.begin()
    with connection.cursor() as cursor:
        cursor.execute("ALTER TABLE matching_encoderchoice RENAME TO elsewhere")
        assert get_encoder().name == names[1]
        # The transaction of whoever asked goes on.
        cursor.execute("ALTER TABLE elsewhere RENAME TO matching_encoderchoice")
    assert EncoderChoice.objects.exists()


def test_several_needs_within_some_seconds_look_once(names: list[str], settings: Any) -> None:
    settings.RAIOX_FOLLOW_SECONDS = 60.0
    with CaptureQueriesContext(connection) as queries:
        for _request in range(5):
            next_request()
    assert len([query for query in queries if "encoderchoice" in query["sql"]]) == 1


def test_a_film_is_compared_with_vectors_of_the_encoder_that_made_its_own(
    names: list[str], film: Callable[..., bytes]
) -> None:
    reference = ReferenceImage(implant=Implant.objects.create(manufacturer="M", name="Line"))
    reference.file.save("", ContentFile(film(seed=3)), save=False)
    reference.indexed_by_importer = True
    reference.save()
    encoders = [make_encoder(name) for name in names]
    for encoder in encoders:
        list(indexing.index_references([reference], encoder=encoder))
    picture = Image.new("L", (80, 200), 90)
    following.begin()
    before = look_up(picture)
    choose(names[1], instead_of=names[0])
    next_request()
    wait_until_loaded()
    following.begin()
    after = look_up(picture)
    assert [before.encoder, after.encoder] == [one.id for one in encoders]
    for match in (before, after):
        stored = reference.embeddings.get(encoder=match.encoder).vector
        cosine = sum(a * b for a, b in zip(match.vector.tolist(), stored, strict=True))
        assert match.candidates[0].similarity == pytest.approx(cosine, abs=1e-5)
