import json
import logging
import os
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from matching import finder
from matching.encoder import ClipEncoder, EncoderError
from matching.finding import refining
from matching.runtime import networks, prepared, session
from matching.runtime.names import NETWORK, Runtime
from matching.tests import tiny_tower
from matching.tests.other_renderer import film
from matching.tests.tiny_tower import picture
from matching.training import network

# Single precision, and another order of the sums; the same in eight bits.
SAME, NEAR = 1e-5, 5e-3


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("architecture")
    tiny_tower.write_config(made)
    return made


def tiny(folder: Path, runtime: Runtime, **options: Any) -> ClipEncoder:
    return tiny_tower.encoder("random", folder, runtime=runtime, **options)


def files(folder: Path) -> dict[str, int]:
    """Of all networks, with the times of their last change."""
    found = (folder / "models" / "networks").rglob(NETWORK)
    return {str(file): file.stat().st_mtime_ns for file in found}


@pytest.mark.parametrize(
    ("runtime", "tolerance"), [(Runtime.FLOAT32, SAME), (Runtime.INT8, NEAR)], ids=str
)
def test_an_exported_tower_sees_what_torch_sees_and_has_the_same_id(
    folder: Path, runtime: Runtime, tolerance: float
) -> None:
    pictures = [picture(1), picture(2, (100, 300)), picture(3, (300, 100))]
    exported, by_torch = tiny(folder, runtime), tiny(folder, Runtime.TORCH)

    vectors, truth = exported.encode(pictures), by_torch.encode(pictures)

    assert exported.precision == runtime
    assert exported.id == by_torch.id
    assert vectors.dtype == np.float32
    assert np.abs(np.linalg.norm(vectors, axis=1) - 1).max() < SAME
    assert (1 - (vectors * truth).sum(axis=1)).max() < tolerance


@pytest.mark.parametrize("runtime", [Runtime.FLOAT32, Runtime.INT8], ids=str)
def test_a_picture_is_seen_the_same_whatever_else_is_in_its_batch(
    folder: Path, runtime: Runtime
) -> None:
    encoder = tiny(folder, runtime, views=1)
    alone = encoder.encode([picture(1)])[0]
    for others in ([picture(2)], [picture(seed) for seed in range(2, 9)]):
        assert np.abs(encoder.encode([picture(1), *others])[0] - alone).max() < SAME


def test_a_tower_of_convolutions_is_exported_too(
    tmp_path: Path, checkpoints: list[str], caplog: pytest.LogCaptureFixture
) -> None:
    def encoder(runtime: Runtime) -> ClipEncoder:
        return ClipEncoder(
            checkpoints[0], base_dir=tmp_path, cache_dir=tmp_path / "m", threads=1, runtime=runtime
        )

    exported, by_torch = encoder(Runtime.AUTO), encoder(Runtime.TORCH)
    seen = [picture(seed, (320, 320)) for seed in range(3)]
    assert (1 - (exported.encode(seen) * by_torch.encode(seen)).sum(axis=1)).max() < 1e-4
    assert exported.id == by_torch.id
    assert "torch" not in caplog.text


def test_a_network_is_made_once_and_anew_where_its_weights_change(
    folder: Path, tmp_path: Path
) -> None:
    file = tmp_path / "own.safetensors"
    network.save(network.new_model(seed=1), file, about={})

    def load() -> ClipEncoder:
        encoder = ClipEncoder(
            "raiox-fixture/own.safetensors",
            base_dir=tmp_path,
            cache_dir=tmp_path / "models",
            threads=1,
            runtime=Runtime.FLOAT32,
        )
        encoder.load()
        return encoder

    first = load()
    made = files(tmp_path)
    assert len(made) == 1
    assert load().id == first.id
    assert files(tmp_path) == made

    # Two months ago: a release may go back to what was used lately.
    for old in files(tmp_path):
        os.utime(Path(old).parent, (time.time() - 60 * 86_400,) * 2)
    network.save(network.new_model(seed=2), file, about={})
    assert load().id != first.id
    assert len(files(tmp_path)) == 1
    assert files(tmp_path).keys() != made.keys()

    network.save(network.new_model(seed=3), file, about={})
    load()
    assert len(files(tmp_path)) == 2


def test_a_damaged_network_is_made_again(folder: Path, tmp_path: Path) -> None:
    whole = tiny(folder, Runtime.FLOAT32, cache_dir=tmp_path / "models")
    expected = whole.encode([picture(1)])
    (file,) = files(tmp_path)
    Path(file).write_bytes(Path(file).read_bytes()[:1000])

    again = tiny(folder, Runtime.FLOAT32, cache_dir=tmp_path / "models")
    assert np.abs(again.encode([picture(1)]) - expected).max() < SAME
    assert Path(file).stat().st_size > 1000


def test_where_nothing_can_be_written_torch_does_the_same(
    folder: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    no_folder = tmp_path / "models"
    no_folder.write_text("a file")
    encoder = tiny(folder, Runtime.INT8, cache_dir=no_folder)
    with caplog.at_level(logging.WARNING):
        vectors = encoder.encode([picture(1)])
    assert encoder.precision == Runtime.FLOAT32
    assert "is run by torch" in caplog.text
    assert np.abs(vectors - tiny(folder, Runtime.TORCH).encode([picture(1)])).max() < SAME


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("raiox-tiny/missing.pt", "there is no file"),
        ("raiox-tiny/broken.pt", "cannot be loaded"),
        ("no-such-tower/random", "cannot be loaded"),
        ("RN50/random", "1024 dimensions"),
    ],
)
def test_what_no_runtime_could_load_is_refused_as_by_torch(
    folder: Path, name: str, reason: str
) -> None:
    (folder / "broken.pt").write_bytes(b"no weights at all")
    encoder = tiny_tower.encoder("", folder, name=name, runtime=Runtime.AUTO)
    with pytest.raises(EncoderError, match=reason):
        encoder.load()


def test_several_who_need_it_at_once_make_it_once(folder: Path, tmp_path: Path) -> None:
    made = []

    def load() -> None:
        encoder = tiny(folder, Runtime.FLOAT32, cache_dir=tmp_path / "models")
        encoder.load()
        made.append(files(tmp_path))

    threads = [threading.Thread(target=load) for _thread in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(120)
    assert made == 3 * [files(tmp_path)]
    assert len(made[0]) == 1


PROGRAM = """
import sys
from django import setup
setup()
from PIL import Image
from matching import finder
from matching.encoder import get_encoder
film = Image.effect_noise((300, 400), 40)
finder.find(film)
print(get_encoder().encode([film]).shape, "torch" in sys.modules, "onnx" in sys.modules)
"""


def test_a_process_that_looks_at_films_needs_no_torch() -> None:
    ended = subprocess.run(
        [sys.executable, "-c", PROGRAM],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "DJANGO_SETTINGS_MODULE": "raiox_site.settings"},
    )
    assert ended.stdout.split("\n")[0] == "(1, 512) False False", ended.stderr[-800:]


@pytest.mark.parametrize("own", [finder, refining], ids=["finder", "refiner"])
def test_the_finders_networks_answer_as_in_torch(own: Any, settings: Any) -> None:
    exported = networks.Own(own.NETWORK.name, weights=own.WEIGHTS, in_torch=own.load)
    by_torch = networks.Own(own.NETWORK.name, weights=own.WEIGHTS, in_torch=own.load)
    random = np.random.default_rng(0)
    for shape in {
        finder: [(1, 2, 256, 192), (1, 2, 128, 1024)],
        refining: [(1, 1, 128, 96), (7, 1, 128, 96)],
    }[own]:
        values = random.normal(size=shape).astype(np.float32)
        settings.RAIOX_RUNTIME = "auto"
        answer = exported(values)
        settings.RAIOX_RUNTIME = "torch"
        assert np.abs(answer - by_torch(values)).max() < 1e-3


def test_no_file_that_can_be_run_is_said_so(tmp_path: Path) -> None:
    file = tmp_path / "network.onnx"
    file.write_bytes(b"no network")
    with pytest.raises(session.SessionError):
        session.opened(file, threads=1)
    with pytest.raises(session.SessionError):
        session.opened(tmp_path / "none.onnx", threads=1)


def test_what_the_child_process_says_of_a_network_is_kept(folder: Path, tmp_path: Path) -> None:
    tiny(folder, Runtime.AUTO, cache_dir=tmp_path / "models").load()
    (about,) = (json.loads(file.read_text()) for file in tmp_path.rglob("about.json"))
    assert about["size"] == tiny_tower.SIDE
    assert about["precision"] in ("float32", "int8")
    assert about["measured"].keys() == {"float32", "int8", "cosine"}
    assert about["measured"]["cosine"] > 0.99


def test_an_unknown_request_is_answered_with_what_is_wrong(tmp_path: Path) -> None:
    with pytest.raises(prepared.PreparationError, match="nothing") as caught:
        prepared.prepared(
            models=tmp_path,
            what="network",
            named="nothing",
            asked={"network": "nothing", "weights": ""},
            made_from={},
        )
    assert caught.value.kind == "KeyError"
    assert not list(tmp_path.rglob(NETWORK))


def test_a_film_is_found_the_same_in_both_runtimes(settings: Any) -> None:
    image = film(3, kinds=("bands",)).image
    exported = finder.find(image)
    assert exported
    with pytest.MonkeyPatch.context() as patch:
        settings.RAIOX_RUNTIME = "torch"
        for own in (finder, refining):
            patch.setattr(
                own,
                "NETWORK",
                networks.Own(own.NETWORK.name, weights=own.WEIGHTS, in_torch=own.load),
            )
        by_torch = finder.find(image)
    for one, other in zip(exported, by_torch, strict=True):
        assert abs(one.box.x - other.box.x) < 0.5
        assert abs(one.box.height - other.box.height) < 0.5
        assert abs(one.score - other.score) < 0.01


def test_weights_of_no_use_are_not_tried_anew_for_every_film(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (folder / "broken.pt").write_bytes(b"no weights either")
    tries = []

    def count(*args: Any, **kwargs: Any) -> Any:
        tries.append(args)
        raise prepared.PreparationError("they cannot be loaded", kind="EncoderError")

    monkeypatch.setattr(prepared, "prepared", count)
    encoder = tiny_tower.encoder("", folder, name="raiox-tiny/broken.pt", runtime=Runtime.AUTO)
    for _film in range(3):
        with pytest.raises(EncoderError, match="cannot be loaded"):
            encoder.load()
    assert len(tries) == 1
    (folder / "broken.pt").write_bytes(b"other weights, as bad")
    with pytest.raises(EncoderError, match="cannot be loaded"):
        encoder.load()
    assert len(tries) == 2


def test_where_int8_cannot_be_run_the_encoder_is_used_in_single_precision(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    from matching.runtime import precision

    def refuse(*args: Any, **kwargs: Any) -> Any:
        raise session.SessionError("no kernel for this processor")

    first = iter([(np.ones((4, 8), np.float32), 1.0)])
    monkeypatch.setattr(precision, "_rounded", lambda model, largest: b"")
    monkeypatch.setattr(precision, "_tried", lambda *a, **k: next(first, None) or refuse())
    found = precision.chosen(b"model", size=32, wanted=Runtime.AUTO, threads=1)
    assert (found.model, found.precision) == (b"model", Runtime.FLOAT32)
    first = iter([(np.ones((4, 8), np.float32), 1.0)])
    with pytest.raises(precision.Refused, match="no kernel"):
        precision.chosen(b"model", size=32, wanted=Runtime.INT8, threads=1)
