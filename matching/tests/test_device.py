"""Where the encoder computes."""

from typing import Any

import pytest
import torch

from matching import loading
from matching.encoder import make_encoder
from matching.loading import EncoderError


def has_gpu(monkeypatch: pytest.MonkeyPatch, is_there: bool) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: is_there)


@pytest.mark.parametrize(
    ("wanted", "is_there", "chosen"),
    [("auto", False, "cpu"), ("auto", True, "cuda"), ("cpu", True, "cpu"), ("cuda", True, "cuda")],
)
def test_the_setting_and_the_machine_choose(
    wanted: str, is_there: bool, chosen: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    has_gpu(monkeypatch, is_there)
    assert loading.chosen_device(wanted) == chosen


def test_a_gpu_that_is_asked_for_and_missing_is_said(
    settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    has_gpu(monkeypatch, False)
    settings.RAIOX_DEVICE = "cuda"
    encoder = make_encoder(settings.RAIOX_ENCODER)
    with pytest.raises(EncoderError, match="RAIOX_DEVICE=cuda"):
        encoder.load()
    assert encoder.problem


def test_vectors_of_a_gpu_are_in_full_precision(monkeypatch: pytest.MonkeyPatch) -> None:
    """By default cuDNN shortens numbers: vectors of two hosts would not be the same."""
    monkeypatch.setattr(torch.backends.cudnn, "allow_tf32", True)
    has_gpu(monkeypatch, True)
    loading.chosen_device("cuda")
    assert not torch.backends.cudnn.allow_tf32
