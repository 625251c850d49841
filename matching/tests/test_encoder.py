import os
import shutil
import socket
import subprocess
import sys
import threading
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from matching import encoder as encoder_module
from matching.encoder import (
    PREPROCESSING,
    ClipEncoder,
    EncoderError,
    declare_torchvision_operators,
    get_encoder,
    has_random_weights,
    is_current,
    load_in_background,
    square,
)

ARCHITECTURE = "ViT-B-32"
# Single precision, and batches of other sizes that sum in another order.
SAME = 1e-5


@pytest.fixture(autouse=True)
def connections(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """No test here reaches a network; the addresses that one tried are kept."""
    tried: list[Any] = []

    def refuse(_socket: socket.socket, address: Any) -> None:
        tried.append(address)
        raise OSError("no network in tests")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    return tried


def fresh(weights: str, folder: Path, architecture: str = ARCHITECTURE) -> ClipEncoder:
    return ClipEncoder(
        f"{architecture}/{weights}", base_dir=folder, cache_dir=folder / "models", threads=1
    )


def picture(seed: int = 0, size: tuple[int, int] = (224, 224)) -> Image.Image:
    noise = np.random.default_rng(seed).integers(0, 255, (9, 7), dtype=np.uint8)
    return Image.fromarray(noise).resize(size, Image.Resampling.BILINEAR)


def clip(**options: Any) -> Any:
    """A CLIP model with weights of its own, as whoever trains one would have it."""
    import torch

    declare_torchvision_operators()
    import open_clip

    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(7)
        # Rounded to half precision: the checkpoint on disk is then half as large.
        return open_clip.create_model(ARCHITECTURE, **options).half().float().eval()


def vectors_of(model: Any, images: list[Image.Image]) -> np.ndarray[Any, Any]:
    """What open_clip itself makes of square images of the model's size."""
    import open_clip
    import torch

    preprocess = open_clip.image_transform(
        model.visual.image_size,
        is_train=False,
        mean=model.visual.image_mean,
        std=model.visual.image_std,
    )
    with torch.inference_mode():
        batch = torch.stack([preprocess(image.convert("RGB")) for image in images])
        return np.asarray(model.encode_image(batch, normalize=True))


@pytest.fixture(scope="module")
def trained() -> Any:
    return clip()


@pytest.fixture(scope="module")
def checkpoint(trained: Any, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    import torch

    folder = tmp_path_factory.mktemp("checkpoint")
    path = folder / "dental-v3.pt"
    torch.save({name: value.half() for name, value in trained.state_dict().items()}, path)
    yield path
    # pytest keeps the folders of the last runs, and this file is large.
    shutil.rmtree(folder)


@pytest.fixture(scope="module")
def from_checkpoint(checkpoint: Path) -> ClipEncoder:
    return fresh("./" + checkpoint.name, checkpoint.parent)


def test_a_film_becomes_a_vector_of_512_numbers_of_length_one() -> None:
    vectors = get_encoder().encode([picture(1), picture(2, (100, 300)), picture(3, (300, 100))])
    assert vectors.shape == (3, 512)
    assert vectors.dtype == np.float32
    assert np.abs(np.linalg.norm(vectors, axis=1) - 1).max() < SAME


def test_no_film_gives_no_vector() -> None:
    assert get_encoder().encode([]).shape == (0, 512)


def test_different_films_have_different_vectors() -> None:
    vectors = get_encoder().encode([picture(seed) for seed in range(4)])
    distances = 1 - vectors @ vectors.T
    assert distances[~np.eye(4, dtype=bool)].min() > 1e-4


def test_a_film_s_vector_does_not_depend_on_those_encoded_with_it() -> None:
    images = [picture(seed) for seed in range(9)]
    together = get_encoder().encode(images)
    alone = np.concatenate([get_encoder().encode([image]) for image in images])
    assert np.abs(together - alone).max() < SAME


def test_two_encoders_with_random_weights_are_the_same_one(
    tmp_path: Path, connections: list[Any]
) -> None:
    again = fresh("random", tmp_path)
    assert again.is_random
    assert not again.is_loaded
    assert again.id == get_encoder().id
    assert again.is_loaded
    assert np.array_equal(again.encode([picture(1)]), get_encoder().encode([picture(1)]))
    # Nothing was fetched for it either.
    assert not connections
    assert not (tmp_path / "models").exists()


def test_loading_leaves_the_random_numbers_of_the_process_alone(tmp_path: Path) -> None:
    import torch

    torch.manual_seed(11)
    expected = torch.rand(3)
    torch.manual_seed(11)
    fresh("random", tmp_path).encode([picture()])
    assert torch.equal(torch.rand(3), expected)


def test_the_id_names_architecture_weights_digest_and_preprocessing() -> None:
    architecture, weights, preprocessing = get_encoder().id.split("/")
    label, _at, digest = weights.partition("@")
    assert (architecture, label, preprocessing) == (ARCHITECTURE, "random", PREPROCESSING)
    assert len(digest) == 12
    assert int(digest, 16)


@pytest.mark.parametrize("weights", ["random", "openai", "weights/dental-v3.pt"])
def test_the_id_is_known_but_for_the_digest_before_anything_is_loaded(
    tmp_path: Path, weights: str
) -> None:
    encoder = fresh(weights, tmp_path)
    prefix, suffix = encoder.id_without_digest
    assert prefix == f"{ARCHITECTURE}/{Path(weights).name}@"
    assert suffix == f"/{PREPROCESSING}"
    assert not encoder.is_loaded


def test_the_id_is_what_is_known_ahead_around_the_digest() -> None:
    prefix, suffix = get_encoder().id_without_digest
    middle = get_encoder().id.removeprefix(prefix).removesuffix(suffix)
    assert len(middle) == 12


def test_a_film_is_padded_and_never_stretched() -> None:
    wide = picture(1, (200, 90))
    padded = Image.new("L", (200, 200), 0)
    padded.paste(wide, (0, 55))
    first, second, stretched = get_encoder().encode([wide, padded, wide.resize((200, 200))])
    assert np.abs(first - second).max() < SAME
    assert first @ stretched < 1 - 1e-3


@pytest.mark.parametrize("size", [(40, 90), (90, 40), (41, 90), (90, 90)])
def test_a_padded_film_stands_in_the_middle_of_a_black_square(size: tuple[int, int]) -> None:
    film = Image.new("L", size, 200)
    values = np.asarray(square(film))
    assert values.shape == (90, 90)
    assert int(values.sum()) == 200 * size[0] * size[1]
    left, top = (90 - size[0]) // 2, (90 - size[1]) // 2
    assert (values[top : top + size[1], left : left + size[0]] == 200).all()


def test_weights_and_preprocessing_are_those_that_open_clip_itself_uses(
    trained: Any, from_checkpoint: ClipEncoder
) -> None:
    images = [picture(seed) for seed in range(3)]
    assert np.abs(from_checkpoint.encode(images) - vectors_of(trained, images)).max() < SAME


def test_a_checkpoint_has_an_id_of_its_own(checkpoint: Path, from_checkpoint: ClipEncoder) -> None:
    encoder = from_checkpoint
    assert not encoder.is_random
    assert encoder.id.startswith(f"{ARCHITECTURE}/dental-v3.pt@")
    assert encoder.id.endswith(f"/{PREPROCESSING}")
    assert str(checkpoint.parent) not in encoder.id
    assert encoder.id.partition("@")[2] != get_encoder().id.partition("@")[2]
    film = [picture(1)]
    assert float((encoder.encode(film) @ get_encoder().encode(film).T).item()) < 0.9


def test_a_long_file_name_does_not_push_the_digest_out_of_the_id(
    checkpoint: Path, from_checkpoint: ClipEncoder
) -> None:
    long_name = checkpoint.with_name("x" * 200 + ".pt")
    long_name.hardlink_to(checkpoint)
    encoder = fresh(long_name.name, checkpoint.parent)
    assert len(encoder.id) <= 150
    assert encoder.id.partition("@")[2] == from_checkpoint.id.partition("@")[2]


def test_weights_trained_with_quick_gelu_are_used_with_quick_gelu(
    trained: Any, checkpoint: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`ViT-B-32/openai` as it lies in the hub's cache after the first download. open_clip only
    warns when the activation does not fit, and then gives other vectors."""
    from huggingface_hub import constants

    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    repository = tmp_path / "models" / "models--timm--vit_base_patch32_clip_224.openai"
    (repository / "snapshots" / "abc").mkdir(parents=True)
    (repository / "snapshots" / "abc" / "open_clip_pytorch_model.bin").symlink_to(checkpoint)
    (repository / "refs").mkdir()
    (repository / "refs" / "main").write_text("abc")

    with warnings.catch_warnings():
        warnings.filterwarnings("error", message=".*QuickGELU")
        encoder = fresh("openai", tmp_path)
        found = encoder.encode([picture(1)])
    assert encoder.id.startswith(f"{ARCHITECTURE}/openai@")
    quick = clip(force_quick_gelu=True)
    quick.load_state_dict(trained.state_dict())
    assert np.abs(found - vectors_of(quick, [picture(1)])).max() < SAME
    assert np.abs(found - vectors_of(trained, [picture(1)])).max() > 100 * SAME


def test_a_missing_checkpoint_is_named(tmp_path: Path) -> None:
    with pytest.raises(EncoderError, match=r"weights/absent\.pt") as refusal:
        fresh("weights/absent.pt", tmp_path).encode([picture()])
    assert f"RAIOX_ENCODER={ARCHITECTURE}/weights/absent.pt" in str(refusal.value)


@pytest.mark.parametrize(
    "content",
    [b"", b"this is no checkpoint", b"\x80", b"PK\x03\x04"],
    ids=["0", "text", "1", "zip"],
)
def test_a_file_that_is_no_checkpoint_is_refused(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "broken.pt").write_bytes(content)
    with pytest.raises(EncoderError, match=r"broken\.pt cannot be loaded: \w+Error\b"):
        fresh("broken.pt", tmp_path).encode([picture()])


def test_the_weights_of_another_architecture_are_refused(tmp_path: Path) -> None:
    import torch

    torch.save({"visual.proj": torch.zeros(2, 2)}, tmp_path / "other.pt")
    with pytest.raises(EncoderError, match="cannot be loaded"):
        fresh("other.pt", tmp_path).encode([picture()])


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("Nonsense-99/random", "Nonsense-99"),
        ("Nonsense-99/openai", "Nonsense-99"),
        ("ViT-B-32/nonsense", "nonsense"),
        ("ViT-B-32", "expected <architecture>/<weights>"),
        ("ViT-B-32/", "expected <architecture>/<weights>"),
        ("", "expected <architecture>/<weights>"),
        ("RN50/random", "1024 dimensions"),
    ],
)
def test_a_name_that_cannot_be_loaded_is_refused_and_nothing_takes_its_place(
    tmp_path: Path, name: str, reason: str
) -> None:
    encoder = ClipEncoder(name, base_dir=tmp_path, cache_dir=tmp_path, threads=1)
    with pytest.raises(EncoderError, match=reason):
        encoder.encode([picture()])
    with pytest.raises(EncoderError, match=reason):
        _ = encoder.id
    assert not encoder.is_loaded


def test_weights_that_cannot_be_fetched_are_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from huggingface_hub import constants

    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    with pytest.raises(EncoderError, match="openai cannot be loaded"):
        fresh("openai", tmp_path).encode([picture()])


def test_eight_threads_load_a_fresh_encoder_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    declare_torchvision_operators()
    import open_clip

    create, calls = open_clip.create_model, []

    def counted(*args: Any, **options: Any) -> Any:
        calls.append(args)
        return create(*args, **options)

    monkeypatch.setattr(open_clip, "create_model", counted)
    encoder, start = fresh("random", tmp_path), threading.Barrier(8)
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
    assert has_random_weights()
    settings.RAIOX_ENCODER = "ViT-B-32/nowhere.pt"
    assert not has_random_weights()
    assert get_encoder() is not first
    with pytest.raises(EncoderError, match=r"nowhere\.pt"):
        get_encoder().encode([picture()])


def test_the_web_process_starts_without_torch() -> None:
    program = (
        "import django, sys; django.setup(); import raiox_site.urls, matching.tasks, matching.demo;"
        "print([name for name in ('torch', 'torchvision', 'open_clip') if name in sys.modules])"
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


def test_an_encoder_asked_for_ahead_is_loaded_in_a_thread_once(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    waiting = fresh("random", tmp_path)
    monkeypatch.setattr(waiting, "name", get_encoder().name)
    monkeypatch.setattr(encoder_module, "_encoder", waiting)
    monkeypatch.setattr(encoder_module, "_ahead", None)
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
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    broken = fresh("no-such-tag", tmp_path)
    monkeypatch.setattr(broken, "name", get_encoder().name)
    monkeypatch.setattr(encoder_module, "_encoder", broken)
    monkeypatch.setattr(ClipEncoder, "weights", "absent.pt")
    monkeypatch.setattr(encoder_module, "_ahead", None)
    load_in_background()
    assert encoder_module._ahead is not None
    encoder_module._ahead.join()
    assert "absent.pt" in caplog.text or "there is no file" in caplog.text


def test_a_stored_id_is_compared_with_the_encoder_s_before_and_after_loading(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    current = get_encoder()
    stored = current.id
    assert is_current(stored)
    assert not is_current(stored.replace("random", "openai"))
    prefix, suffix = current.id_without_digest
    assert not is_current(f"{prefix}another{suffix}")
    waiting = fresh("random", tmp_path)
    monkeypatch.setattr(encoder_module, "_encoder", waiting)
    assert is_current(stored)
    assert not is_current(stored.replace("random", "openai"))
    assert not waiting.is_loaded
