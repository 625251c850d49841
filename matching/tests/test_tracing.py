import sys
from typing import Any

import pytest
import torch
from torch import nn

from matching.tracing import traced


class Odd(nn.Module):
    """What a trace cannot follow: it depends on what is seen."""

    def forward(self, seen: Any) -> Any:
        return seen.mean((2, 3)) * (1.0 if len(seen) > 1 else 2.0)


@pytest.fixture
def tower() -> nn.Module:
    layers = [nn.Conv2d(3, 8, 3), nn.BatchNorm2d(8), nn.ReLU(), nn.AdaptiveAvgPool2d(1)]
    return nn.Sequential(*layers, nn.Flatten(), nn.Linear(8, 5)).eval()


@pytest.mark.parametrize("pictures", [1, 3, 32])
def test_a_traced_tower_gives_the_same_for_any_number_of_pictures(
    tower: nn.Module, pictures: int
) -> None:
    seen = torch.randn(pictures, 3, 16, 16)
    with torch.inference_mode():
        quick = traced(tower, size=16)
        assert (quick is tower) is (sys.version_info >= (3, 14))
        assert torch.allclose(quick(seen), tower(seen), atol=1e-5)


def test_a_tower_that_would_give_something_else_is_left_as_it_is() -> None:
    odd = Odd().eval()
    assert traced(odd, size=16) is odd


def test_a_tower_that_cannot_be_traced_is_left_as_it_is(
    tower: nn.Module, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*args: Any, **options: Any) -> None:
        raise RuntimeError("not supported")

    monkeypatch.setattr(torch.jit, "trace", refuse)
    assert traced(tower, size=16) is tower
