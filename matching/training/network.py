"""The network that is trained: an image tower of open_clip, and its file."""

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from matching import architectures
from matching.loading import declare_torchvision_operators

if TYPE_CHECKING:
    import torch

ARCHITECTURE = "raiox-fixture"


def new_model(architecture: str = ARCHITECTURE, *, seed: int) -> Any:
    """An open_clip model with seeded random weights."""
    import torch

    declare_torchvision_operators()
    import open_clip

    architectures.register()
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return open_clip.create_model(architecture, pretrained=None)


def side_of(model: Any) -> int:
    size = model.visual.image_size
    return int(size[0] if isinstance(size, tuple) else size)


def as_input(pictures: "torch.Tensor", model: Any) -> "torch.Tensor":
    """Grey bytes (n, side, side) as the tower takes them: (n, 3, side, side), the tower's own
    mean and deviation."""
    import torch

    grey = pictures.float().div(255.0)[:, None].expand(-1, 3, -1, -1)
    mean = torch.tensor(model.visual.image_mean, device=grey.device).view(3, 1, 1)
    std = torch.tensor(model.visual.image_std, device=grey.device).view(3, 1, 1)
    return ((grey - mean) / std).contiguous(memory_format=torch.channels_last)


def vectors_of(
    pictures: NDArray[np.uint8], model: Any, *, at_once: int = 64
) -> NDArray[np.float32]:
    """Vectors (n, 512) of length 1 of grey pictures (n, side, side)."""
    import torch

    device = next(model.parameters()).device
    was_training = model.visual.training
    model.visual.eval()
    found = []
    with torch.inference_mode():
        for start in range(0, len(pictures), at_once):
            part = torch.from_numpy(pictures[start : start + at_once]).to(device)
            features = model.visual(as_input(part, model)).float()
            found.append(torch.nn.functional.normalize(features, dim=-1).cpu().numpy())
    model.visual.train(was_training)
    return np.concatenate(found)


def has_bfloat16(device: str) -> bool:
    """Whether bfloat16 is computed rather than emulated here."""
    import torch

    if device == "cuda":
        return bool(torch.cuda.is_bf16_supported())
    return bool(torch.ops.mkldnn._is_mkldnn_bf16_supported())


def save(model: Any, path: Path, *, about: Mapping[str, Any]) -> str:
    """Write the whole model as half-precision safetensors, `about` as its metadata; returns
    the hex sha256 of the file."""
    import safetensors.torch

    halves = {
        name: (values.half() if values.is_floating_point() else values).cpu().contiguous()
        for name, values in model.state_dict().items()
    }
    about_it = {"raiox": json.dumps(about, sort_keys=True)}
    content = safetensors.torch.save(halves, metadata=about_it)
    replace(path, content)
    return hashlib.sha256(content).hexdigest()


def replace(path: Path, content: bytes) -> None:
    """Write a file of the usual mode in one step, so that nobody ever loads half of it; its
    folder is made if need be. (The file that safetensors writes is only its owner's to read.)"""
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(f"{path.name}.partial")
    partial.write_bytes(content)
    partial.replace(path)
