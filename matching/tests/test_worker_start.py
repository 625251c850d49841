"""A task process has its encoder before it takes a task."""

import pytest
from django_q.signals import post_spawn

from matching.encoder import get_encoder, make_encoder

pytestmark = pytest.mark.django_db


def test_the_encoder_is_there_before_the_first_task(old: str) -> None:
    assert not get_encoder().is_loaded
    post_spawn.send(sender="django_q", proc_name="worker")
    assert get_encoder().is_loaded


def test_a_worker_whose_encoder_cannot_be_loaded_starts_nevertheless(
    old: str, settings: pytest.FixtureRequest
) -> None:
    settings.RAIOX_ENCODER = "raiox-fixture/missing.safetensors"  # type: ignore[attr-defined]
    post_spawn.send(sender="django_q", proc_name="worker")
    assert make_encoder("raiox-fixture/missing.safetensors").problem
