"""How an encoder's tower is run: exported, without torch, wherever that can be."""

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from PIL import Image

from matching import exported_tower, loading
from matching.loading import Source
from matching.runtime.names import Runtime

log = logging.getLogger(__name__)

Array = np.ndarray[Any, Any]


class AnyTower(Protocol):
    """`run` maps what `pixels` makes of pictures to vectors (n, 512), each of length 1."""

    @property
    def digest(self) -> str: ...

    @property
    def precision(self) -> str: ...

    def pixels(self, pictures: Sequence[Image.Image]) -> Array: ...

    def run(self, pixels: Array) -> Array: ...


@dataclass(frozen=True)
class How:
    """What RAIOX_RUNTIME, RAIOX_DEVICE and RAIOX_TORCH_THREADS say."""

    runtime: Runtime
    device: str
    threads: int


def load(source: Source, how: How) -> AnyTower:
    """Raises EncoderError where the name, its file or what lies in it is of no use, or where the
    device is missing. What cannot be exported, torch runs in this process: slower, not worse."""
    if how.runtime != Runtime.TORCH and not loading.may_compute_on_gpu(how.device):
        try:
            return exported_tower.load(source, runtime=how.runtime, threads=how.threads)
        except exported_tower.NotExported as error:
            log.warning("%s is run by torch: %s", source.name, error)
    return loading.load(source, threads=how.threads, device=how.device)
