"""From a torch network to the bytes of an ONNX model.

This module imports torch and onnx: it is used by a child process (`matching.runtime.child`).
"""

import io
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn

from matching.runtime.names import INPUT, OUTPUT
from matching.runtime.vision_transformer import GreyVisionTransformer

# Of ONNX: the newest that torch's exporter writes.
OPSET = 17
# Single precision; another order of the sums.
SAME = 1e-4
PICTURES = 4


class Grey(nn.Module):
    """(n, 1, size, size) greys 0…1 to what `net` answers for three equal channels, each less
    `mean` and divided by `std`."""

    mean: Tensor
    std: Tensor

    def __init__(self, net: Any, *, mean: Sequence[float], std: Sequence[float]) -> None:
        super().__init__()
        self.net = net
        self.register_buffer("mean", torch.tensor(mean).view(1, 3, 1, 1))
        self.register_buffer("std", torch.tensor(std).view(1, 3, 1, 1))

    def forward(self, grey: Tensor) -> Tensor:
        answer: Tensor = self.net((grey - self.mean) / self.std)
        return answer


def tower(net: Any, *, size: int) -> bytes:
    """The image tower `net` of open_clip, for greys of shape (n, 1, size, size)."""
    random = torch.Generator().manual_seed(0)
    example = torch.rand(PICTURES, 1, size, size, generator=random)
    whole = Grey(net, mean=net.image_mean, std=net.image_std).eval()
    return network(_quicker(net, whole, example), example, free=(0,))


def _quicker(net: Any, whole: Grey, example: Tensor) -> nn.Module:
    """The same answers in fewer steps, where `net` is of a kind that this is known for."""
    try:
        quick = GreyVisionTransformer(net, mean=net.image_mean, std=net.image_std).eval()
        with torch.no_grad():
            is_same = torch.allclose(quick(example), whole(example), atol=SAME)
    except (AttributeError, IndexError, RuntimeError, TypeError):
        return whole
    return quick if is_same else whole


def network(net: nn.Module, example: Tensor, *, free: Sequence[int]) -> bytes:
    """A network of one tensor to one other; the sizes of its input's axes `free` may change."""
    file = io.BytesIO()
    axes = {axis: f"axis{axis}" for axis in free}
    with _written_out(), torch.no_grad(), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        # The newer exporter needs onnxscript and gives the same steps.
        torch.onnx.export(
            net,
            (example,),
            file,  # type: ignore[arg-type]  # it takes any binary file
            dynamo=False,
            opset_version=OPSET,
            input_names=[INPUT],
            output_names=[OUTPUT],
            dynamic_axes={INPUT: axes, OUTPUT: axes},
        )
    return file.getvalue()


@contextmanager
def _written_out() -> Iterator[None]:
    """torch's own step for attention in one piece has no counterpart in ONNX."""
    was_enabled = torch.backends.mha.get_fastpath_enabled()
    torch.backends.mha.set_fastpath_enabled(False)
    try:
        yield
    finally:
        torch.backends.mha.set_fastpath_enabled(was_enabled)
