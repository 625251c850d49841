import os
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import ImageOps

from matching import encoder as encoder_module
from matching.encoder import (
    PREPROCESSING,
    ClipEncoder,
    EncoderError,
    configured_name,
    declare_torchvision_operators,
    get_encoder,
    has_random_weights,
    is_current,
    load_in_background,
    make_encoder,
)
from matching.normalisation import square, views
from matching.tests import tiny_tower
from matching.tests.tiny_tower import ARCHITECTURE, picture

# Single precision, and batches of other sizes that sum in another order.
SAME = 1e-5


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("architecture")
    tiny_tower.write_config(made)
    return made


@pytest.fixture(scope="module")
def tiny(folder: Path) -> ClipEncoder:
    """Loaded once: with the four views that are usual for our own architectures."""
    return tiny_tower.encoder("random", folder)


def test_a_picture_becomes_a_vector_of_512_numbers_of_length_one(tiny: ClipEncoder) -> None:
    vectors = tiny.encode([picture(1), picture(2, (100, 300)), picture(3, (300, 100))])
    assert vectors.shape == (3, 512)
    assert vectors.dtype == np.float32
    assert np.abs(np.linalg.norm(vectors, axis=1) - 1).max() < SAME


def test_no_picture_gives_no_vector(tiny: ClipEncoder) -> None:
    assert tiny.encode([]).shape == (0, 512)


def test_different_pictures_have_different_vectors(tiny: ClipEncoder) -> None:
    vectors = tiny.encode([picture(seed) for seed in range(4)])
    distances = 1 - vectors @ vectors.T
    assert distances[~np.eye(4, dtype=bool)].min() > 1e-4


def test_a_vector_does_not_depend_on_those_encoded_with_it(tiny: ClipEncoder) -> None:
    pictures = [picture(seed) for seed in range(encoder_module.BATCH + 1)]
    together = tiny.encode(pictures)
    alone = np.concatenate([tiny.encode([one]) for one in pictures])
    assert np.abs(together - alone).max() < SAME


def test_the_encoder_in_use_gives_such_vectors() -> None:
    vectors = get_encoder().encode([picture(1, (320, 320))])
    assert vectors.shape == (1, 512)
    assert abs(float(np.linalg.norm(vectors)) - 1) < SAME


def test_a_picture_is_padded_and_never_stretched(tiny: ClipEncoder) -> None:
    wide = picture(1, (200, 90))
    first, second, stretched = tiny.encode([wide, square(wide), wide.resize((200, 200))])
    assert np.abs(first - second).max() < SAME
    assert first @ stretched < 1 - 1e-3


@pytest.mark.parametrize("count", [1, 2, 4])
def test_a_vector_is_the_mean_over_the_views_of_a_picture(folder: Path, count: int) -> None:
    film = picture(1, (64, 64))
    single = tiny_tower.encoder("random", folder, views=1)
    mean = single.encode(views(film)[:count]).mean(axis=0)
    found = tiny_tower.encoder("random", folder, views=count).encode([film])[0]
    assert np.abs(found - mean / np.linalg.norm(mean)).max() < SAME


@pytest.mark.parametrize(("count", "is_same"), [(1, False), (2, True)])
def test_a_mirrored_picture_is_the_same_one_to_two_views(
    folder: Path, count: int, is_same: bool
) -> None:
    film = picture(1)
    both = [film, ImageOps.mirror(film)]
    one, other = tiny_tower.encoder("random", folder, views=count).encode(both)
    assert bool(np.abs(one - other).max() < SAME) is is_same


@pytest.mark.parametrize(
    ("name", "asked", "told"),
    [
        ("raiox-fixture/bundled", None, 4),
        ("raiox-fixture/bundled", 1, 1),
        ("ViT-B-32/openai", None, 1),
        ("ViT-B-32/openai", 4, 4),
    ],
)
def test_small_towers_of_our_own_look_at_four_views_unless_told_otherwise(
    settings: Any, name: str, asked: int | None, told: int
) -> None:
    settings.RAIOX_VIEWS = asked
    assert make_encoder(name).views == told
    assert make_encoder(name).id_without_digest[1] == f"/{PREPROCESSING}x{told}"
    assert make_encoder(name, views=2).views == 2


def test_two_encoders_with_random_weights_are_the_same_one(tiny: ClipEncoder, folder: Path) -> None:
    again = tiny_tower.encoder("random", folder)
    assert again.is_random
    assert not again.is_loaded
    assert again.id == tiny.id
    assert again.is_loaded
    assert np.array_equal(again.encode([picture(1)]), tiny.encode([picture(1)]))


def test_loading_leaves_the_random_numbers_of_the_process_alone(folder: Path) -> None:
    import torch

    torch.manual_seed(11)
    expected = torch.rand(3)
    torch.manual_seed(11)
    tiny_tower.encoder("random", folder).encode([picture()])
    assert torch.equal(torch.rand(3), expected)


def test_the_id_names_architecture_weights_digest_preprocessing_and_views(
    tiny: ClipEncoder,
) -> None:
    architecture, weights, preprocessing = tiny.id.split("/")
    label, _at, digest = weights.partition("@")
    assert (architecture, label, preprocessing) == (ARCHITECTURE, "random", f"{PREPROCESSING}x4")
    assert len(digest) == 12
    assert int(digest, 16)


@pytest.mark.parametrize("weights", ["random", "bundled", "openai", "weights/dental-v3.pt"])
def test_the_id_is_known_but_for_the_digest_before_anything_is_loaded(
    folder: Path, weights: str
) -> None:
    encoder = tiny_tower.encoder(weights, folder, views=2)
    prefix, suffix = encoder.id_without_digest
    assert prefix == f"{ARCHITECTURE}/{Path(weights).name}@"
    assert suffix == f"/{PREPROCESSING}x2"
    assert not encoder.is_loaded


def test_the_id_is_what_is_known_ahead_around_the_digest(tiny: ClipEncoder) -> None:
    prefix, suffix = tiny.id_without_digest
    middle = tiny.id.removeprefix(prefix).removesuffix(suffix)
    assert len(middle) == 12


def test_eight_threads_load_a_fresh_encoder_once(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    declare_torchvision_operators()
    import open_clip

    create, calls = open_clip.create_model, []

    def counted(*args: Any, **options: Any) -> Any:
        calls.append(args)
        return create(*args, **options)

    monkeypatch.setattr(open_clip, "create_model", counted)
    encoder, start = tiny_tower.encoder("random", folder), threading.Barrier(8)
    found: dict[int, np.ndarray[Any, Any]] = {}

    def work(number: int) -> None:
        start.wait()
        found[number] = encoder.encode([picture(number % 2)])

    threads = [threading.Thread(target=work, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(calls) == 1
    assert len(found) == 8
    for number, vector in found.items():
        assert np.abs(vector - found[number % 2]).max() < SAME


def test_the_process_has_one_encoder_which_follows_the_setting(
    settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = get_encoder()
    # Put back at the end: other tests need not load it again.
    monkeypatch.setattr(encoder_module, "_encoder", first)
    assert first is get_encoder()
    settings.RAIOX_ENCODER = "ViT-B-32/nowhere.pt"
    assert configured_name() == get_encoder().name == "ViT-B-32/nowhere.pt"
    assert get_encoder() is not first
    with pytest.raises(EncoderError, match=r"nowhere\.pt"):
        get_encoder().encode([picture()])


@pytest.mark.parametrize(
    ("name", "is_random"),
    [("ViT-B-32/random", True), ("raiox-fixture/bundled", False), ("ViT-B-32/openai", False)],
)
def test_random_weights_are_known_without_loading_them(
    settings: Any, monkeypatch: pytest.MonkeyPatch, name: str, is_random: bool
) -> None:
    monkeypatch.setattr(encoder_module, "_encoder", None)
    settings.RAIOX_ENCODER = name
    assert has_random_weights() is is_random
    assert not get_encoder().is_loaded


def test_the_web_process_starts_without_torch() -> None:
    heavy = ("torch", "torchvision", "open_clip", "cv2", "timm")
    program = (
        "import django, sys; django.setup(); import raiox_site.urls, matching.tasks, matching.demo;"
        f"print([name for name in {heavy} if name in sys.modules])"
    )
    finished = subprocess.run(
        [sys.executable, "-c", program],
        env=dict(os.environ, DJANGO_SETTINGS_MODULE="raiox_site.settings"),
        cwd=Path(__file__).parents[2],
        capture_output=True,
        text=True,
        check=True,
    )
    assert finished.stdout.strip() == "[]"


@pytest.fixture
def waiting(folder: Path, settings: Any, monkeypatch: pytest.MonkeyPatch) -> ClipEncoder:
    """The process's encoder: of random weights, not loaded yet."""
    fresh = tiny_tower.encoder("random", folder)
    settings.RAIOX_ENCODER = fresh.name
    monkeypatch.setattr(encoder_module, "_encoder", fresh)
    monkeypatch.setattr(encoder_module, "_ahead", None)
    return fresh


def test_an_encoder_asked_for_ahead_is_loaded_in_a_thread_once(waiting: ClipEncoder) -> None:
    load_in_background()
    first = encoder_module._ahead
    assert first is not None
    load_in_background()
    assert encoder_module._ahead is first
    first.join()
    assert waiting.is_loaded
    load_in_background()
    assert encoder_module._ahead is first


def test_an_encoder_that_cannot_be_loaded_ahead_is_logged(
    settings: Any, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    settings.RAIOX_ENCODER = f"{ARCHITECTURE}/absent.pt"
    monkeypatch.setattr(encoder_module, "_encoder", None)
    monkeypatch.setattr(encoder_module, "_ahead", None)
    load_in_background()
    assert encoder_module._ahead is not None
    encoder_module._ahead.join()
    assert "absent.pt" in caplog.text


def test_a_stored_id_is_compared_with_the_encoder_s_before_and_after_loading(
    waiting: ClipEncoder, tiny: ClipEncoder
) -> None:
    stored = tiny.id
    assert is_current(stored)
    assert not is_current(stored.replace("random", "openai"))
    assert not is_current(stored.replace("x4", "x1"))
    assert not waiting.is_loaded
    waiting.load()
    assert is_current(stored)
    prefix, suffix = waiting.id_without_digest
    assert not is_current(f"{prefix}another{suffix}")
