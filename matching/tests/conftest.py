"""Two small encoders, one of them configured, for the tests about switching between them."""

from typing import Any

import pytest

from matching import encoder as encoder_module
from matching import following
from matching.following import Following
from matching.training import network


@pytest.fixture(scope="session")
def checkpoints(tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    """The names of two encoders: the same tower with different weights."""
    folder = tmp_path_factory.mktemp("encoders")
    for seed in (1, 2):
        network.save(network.new_model(seed=seed), folder / f"{seed}.safetensors", about={})
    return [f"raiox-fixture/{folder}/{seed}.safetensors" for seed in (1, 2)]


@pytest.fixture
def old(checkpoints: list[str], settings: Any, monkeypatch: pytest.MonkeyPatch) -> Any:
    """The encoder that is configured, in a process that has just begun and looks at every need
    which one was switched to."""
    monkeypatch.setattr(encoder_module, "_encoder", None)
    monkeypatch.setattr(following, "_process", Following())
    settings.RAIOX_FOLLOW_SECONDS = 0.0
    settings.RAIOX_ENCODER = checkpoints[0]
    yield checkpoints[0]
    following.end()


@pytest.fixture
def new(checkpoints: list[str]) -> str:
    """Another one."""
    return checkpoints[1]
