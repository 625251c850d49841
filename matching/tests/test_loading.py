import json
import socket
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from matching import architectures
from matching.architectures import WEIGHTS
from matching.encoder import PREPROCESSING, ClipEncoder, EncoderError, make_encoder
from matching.tests import tiny_tower
from matching.tests.tiny_tower import ARCHITECTURE, clip, encoder, picture, vectors_of

# Single precision, and batches of other sizes that sum in another order.
SAME = 1e-5
MEBIBYTE = 1024 * 1024


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


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where configuration, bundled weights and checkpoints lie."""
    made = tmp_path_factory.mktemp("weights")
    tiny_tower.write_config(made)
    narrow = {**tiny_tower.CONFIG, "embed_dim": 64}
    (made / "raiox-narrow.json").write_text(json.dumps(narrow))
    architectures.register(made)
    return made


@pytest.fixture(scope="module")
def trained(folder: Path) -> Any:
    """A model whose weights lie in the folder twice: as a checkpoint, and as bundled ones."""
    import torch
    from safetensors.torch import save_file

    model = clip()
    weights = {name: value.half().contiguous() for name, value in model.state_dict().items()}
    torch.save(weights, folder / "dental-v3.pt")
    save_file(weights, folder / f"{ARCHITECTURE}.safetensors")
    return model


@pytest.fixture
def bundled(trained: Any, folder: Path) -> ClipEncoder:
    return encoder("bundled", folder, views=1)


@pytest.fixture
def from_checkpoint(trained: Any, folder: Path) -> ClipEncoder:
    return encoder("./dental-v3.pt", folder, views=1)


@pytest.mark.parametrize("weights", ["bundled", "./dental-v3.pt"])
def test_weights_and_preprocessing_are_those_that_open_clip_itself_uses(
    trained: Any, folder: Path, weights: str
) -> None:
    pictures = [picture(seed) for seed in range(3)]
    found = encoder(weights, folder, views=1).encode(pictures)
    assert np.abs(found - vectors_of(trained, pictures)).max() < SAME


def test_bundled_weights_need_no_network_and_have_an_id_of_their_own(
    bundled: ClipEncoder, from_checkpoint: ClipEncoder, connections: list[Any], folder: Path
) -> None:
    assert not bundled.is_random
    assert bundled.problem == ""
    assert bundled.id.startswith(f"{ARCHITECTURE}/bundled@")
    assert bundled.id.endswith(f"/{PREPROCESSING}x1")
    assert len(bundled.id) == len(from_checkpoint.id) - len("dental-v3.pt") + len("bundled")
    assert not connections


def test_of_bundled_weights_the_whole_id_is_known_before_anything_is_loaded(
    trained: Any, folder: Path
) -> None:
    from safetensors.torch import save_file

    waiting = encoder("bundled", folder)
    before = waiting.id_without_digest
    assert not waiting.is_loaded
    assert waiting.id == "".join(before)

    # An update of the repository brings other weights.
    own = folder / "updated"
    own.mkdir()
    tiny_tower.write_config(own)
    weights = {name: value + 1 for name, value in trained.state_dict().items()}
    save_file(weights, own / f"{ARCHITECTURE}.safetensors")
    assert encoder("bundled", own).id_without_digest != before


def test_a_checkpoint_has_an_id_of_its_own(folder: Path, from_checkpoint: ClipEncoder) -> None:
    assert not from_checkpoint.is_random
    assert from_checkpoint.id.startswith(f"{ARCHITECTURE}/dental-v3.pt@")
    assert from_checkpoint.id.endswith(f"/{PREPROCESSING}x1")
    assert str(folder) not in from_checkpoint.id
    random = encoder("random", folder, views=1)
    film = [picture(1)]
    assert float((from_checkpoint.encode(film) @ random.encode(film).T).item()) < 0.9


def test_a_long_file_name_does_not_push_the_digest_out_of_the_id(
    from_checkpoint: ClipEncoder, folder: Path
) -> None:
    long_name = "x" * 200 + ".pt"
    (folder / long_name).hardlink_to(folder / "dental-v3.pt")
    one = encoder(long_name, folder, views=1)
    assert len(one.id) <= 150
    assert one.id.partition("@")[2] == from_checkpoint.id.partition("@")[2]


@pytest.mark.parametrize(
    "weights", sorted(WEIGHTS.glob("raiox-*.safetensors")), ids=lambda path: path.stem
)
def test_the_weights_in_the_repository_load_and_are_small(
    weights: Path, connections: list[Any]
) -> None:
    if ".calibration" in weights.name or "finder" in weights.name:
        pytest.skip("no encoder")
    shipped = make_encoder(f"{weights.stem}/bundled")
    assert shipped.encode([picture(1)]).shape == (1, 512)
    assert weights.stat().st_size <= 25 * MEBIBYTE
    assert not connections


def test_weights_trained_with_quick_gelu_are_used_with_quick_gelu(
    trained: Any, folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As `ViT-B-32/openai` lies in the hub's cache after the first download. open_clip only
    warns when the activation does not fit, and then gives other vectors."""
    import open_clip
    from huggingface_hub import constants

    openai = open_clip.get_pretrained_cfg("ViT-B-32", "openai")
    assert openai["quick_gelu"] is True
    tags = {"openai": {**openai, "hf_hub": "raiox/tiny/"}}
    monkeypatch.setitem(open_clip.pretrained._PRETRAINED, ARCHITECTURE, tags)
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    repository = tmp_path / "models--raiox--tiny"
    (repository / "snapshots" / "abc").mkdir(parents=True)
    cached = repository / "snapshots" / "abc" / "open_clip_pytorch_model.bin"
    cached.symlink_to(folder / "dental-v3.pt")
    (repository / "refs").mkdir()
    (repository / "refs" / "main").write_text("abc")
    film = [picture(1)]

    with warnings.catch_warnings():
        warnings.filterwarnings("error", message=".*QuickGELU")
        fetched = encoder("openai", folder, cache_dir=tmp_path, views=1)
        found = fetched.encode(film)
    assert fetched.id.startswith(f"{ARCHITECTURE}/openai@")
    quick = clip(force_quick_gelu=True)
    quick.load_state_dict(trained.state_dict())
    assert np.abs(found - vectors_of(quick, film)).max() < SAME
    assert np.abs(found - vectors_of(trained, film)).max() > 10 * SAME


@pytest.mark.parametrize(
    ("weights", "file"), [("weights/absent.pt", "weights/absent.pt"), ("bundled", ".safetensors")]
)
def test_a_missing_file_is_named(tmp_path: Path, weights: str, file: str) -> None:
    tiny_tower.write_config(tmp_path)
    absent = encoder(weights, tmp_path)
    assert absent.problem == f"there is no file {Path(absent.source.checkpoint or '').name}"
    with pytest.raises(EncoderError, match="there is no file") as refusal:
        absent.encode([picture()])
    assert str(refusal.value).startswith(f"RAIOX_ENCODER={ARCHITECTURE}/{weights}: ")
    assert str(refusal.value).endswith(file)


@pytest.mark.parametrize(
    "content",
    [b"", b"this is no checkpoint", b"\x80", b"PK\x03\x04"],
    ids=["0", "text", "1", "zip"],
)
@pytest.mark.parametrize("weights", ["broken.pt", "bundled"])
def test_a_file_that_is_no_checkpoint_is_refused(
    tmp_path: Path, weights: str, content: bytes
) -> None:
    tiny_tower.write_config(tmp_path)
    for file in ("broken.pt", f"{ARCHITECTURE}.safetensors"):
        (tmp_path / file).write_bytes(content)
    with pytest.raises(EncoderError, match=rf"{weights} cannot be loaded: \w+Error\b"):
        encoder(weights, tmp_path).encode([picture()])


def test_the_weights_of_another_architecture_are_refused(folder: Path) -> None:
    import torch

    torch.save({"visual.proj": torch.zeros(2, 2)}, folder / "other.pt")
    with pytest.raises(EncoderError, match="cannot be loaded"):
        encoder("other.pt", folder).encode([picture()])


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("Nonsense-99/random", "Nonsense-99"),
        ("Nonsense-99/openai", "Nonsense-99"),
        ("Nonsense-99/bundled", "there is no file"),
        (f"{ARCHITECTURE}/nonsense", "nonsense"),
        (ARCHITECTURE, "expected <architecture>/<weights>"),
        (f"{ARCHITECTURE}/", "expected <architecture>/<weights>"),
        ("", "expected <architecture>/<weights>"),
        ("raiox-narrow/random", "64 dimensions"),
    ],
)
def test_a_name_that_cannot_be_loaded_is_refused_and_nothing_takes_its_place(
    folder: Path, name: str, reason: str
) -> None:
    refused = encoder("", folder, name=name)
    with pytest.raises(EncoderError, match=reason):
        refused.encode([picture()])
    with pytest.raises(EncoderError, match=reason):
        _ = refused.id
    assert not refused.is_loaded


def test_weights_that_cannot_be_fetched_are_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from huggingface_hub import constants

    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    with pytest.raises(EncoderError, match="openai cannot be loaded"):
        encoder("", tmp_path, name="ViT-B-32/openai").encode([picture()])
