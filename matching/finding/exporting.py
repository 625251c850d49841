"""The finder's networks as ONNX. Imports torch: used by a child process only."""

from pathlib import Path

import torch

from matching import finder
from matching.finding import picture, refining
from matching.finding.network import CHANNELS_IN
from matching.runtime import export


def exported(name: str, *, weights: Path) -> bytes:
    """The model of `finder`, or of `refiner`. KeyError for another name, else as their `load`."""
    return {"finder": _finder, "refiner": _refiner}[name](weights)


def _finder(weights: Path) -> bytes:
    """Films have many shapes."""
    example = torch.zeros(1, CHANNELS_IN, picture.SIDE, picture.SIDE - picture.MULTIPLE)
    return export.network(finder.load(weights), example, free=(2, 3))


def _refiner(weights: Path) -> bytes:
    """A film shows many fixtures."""
    example = torch.zeros(2, 1, refining.HEIGHT, refining.WIDTH)
    return export.network(refining.load(weights), example, free=(0,))
