"""The image towers that come with the repository, beside those that open_clip knows."""

import threading
from pathlib import Path
from typing import Any

from matching.normalisation import VIEWS

# `<architecture>.json` is a configuration as open_clip writes them, and
# `<architecture>.safetensors` the weights that RAIOX_ENCODER=<architecture>/bundled loads.
WEIGHTS = Path(__file__).parent / "weights"
BUNDLED = "bundled"
OWN = "raiox-"

_registered: set[Path] = set()
_lock = threading.Lock()


def register(folder: Path = WEIGHTS) -> None:
    """Make the architectures in `folder` known to open_clip; a second call does nothing."""
    declare_torchvision_operators()
    import open_clip

    with _lock:
        if folder not in _registered:
            open_clip.add_model_config(folder)
            _registered.add(folder)


def usual_views(architecture: str) -> int:
    """How many views of a fixture are looked at where RAIOX_VIEWS does not say: all of them by
    our own small towers, one by those that take many times as long."""
    return VIEWS if architecture.startswith(OWN) else 1


_declared: list[Any] = []


def declare_torchvision_operators() -> None:
    """Declare the two operators whose absence breaks the import of torchvision.

    torch's CPU wheel beside torchvision's index wheel fails with `operator torchvision::nms
    does not exist`. Where the operators exist (matching builds) nothing is declared.
    """
    import torch

    if _declared:
        return
    try:
        import torchvision  # noqa: F401
    except RuntimeError:
        library = torch.library.Library("torchvision", "DEF")
        for operator in ("nms", "qnms"):
            library.define(f"{operator}(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")
        _declared.append(library)
