"""An image tower that was exported once and runs without torch."""

import logging
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from PIL import Image

from matching import loading
from matching.loading import EncoderError, Source
from matching.runtime import prepared, session
from matching.runtime.names import Runtime
from matching.runtime.prepared import PreparationError, Prepared

if TYPE_CHECKING:
    import onnxruntime

log = logging.getLogger(__name__)

Array = np.ndarray[Any, Any]


# Run together: more of them are no quicker, and the runtime keeps the memory that they needed.
ROWS = 8
# To find out that weights are of no use takes a process seconds: not for every film anew.
REFUSED_SECONDS = 30.0
_refused: dict[tuple[str, str, Runtime], tuple[float, str]] = {}


class NotExported(RuntimeError):
    """It can only be run by torch. `str()` says why."""


@dataclass(frozen=True)
class ExportedTower:
    """`session` maps greys 0…1 of shape (n, 1, size, size) to features (n, 512)."""

    session: "onnxruntime.InferenceSession"
    size: int
    digest: str
    precision: str

    def pixels(self, pictures: Sequence[Image.Image]) -> Array:
        """Square greyscale pictures as the tower takes them, float32 (n, 1, size, size)."""
        to = (self.size, self.size)
        small = [np.asarray(one.resize(to, Image.Resampling.BICUBIC)) for one in pictures]
        return np.stack(small)[:, None].astype(np.float32) / np.float32(255)

    def run(self, pixels: Array) -> Array:
        """Vectors float32 of shape (n, 512), each of length 1."""
        parts = (pixels[start : start + ROWS] for start in range(0, len(pixels), ROWS))
        features = np.concatenate([session.run(self.session, part) for part in parts])
        return features / np.linalg.norm(features, axis=1, keepdims=True)  # type: ignore[no-any-return]


def load(source: Source, *, runtime: Runtime, threads: int) -> ExportedTower:
    """Raises EncoderError for what no runtime could load, NotExported."""
    loading.check(source)
    key = (source.name, source.version, runtime)
    until, refusal = _refused.get(key, (0.0, ""))
    if time.monotonic() < until:
        raise EncoderError(refusal)
    try:
        return _loaded(source, runtime=runtime, threads=threads)
    except EncoderError as error:
        _refused[key] = time.monotonic() + REFUSED_SECONDS, str(error)
        raise


def _loaded(source: Source, *, runtime: Runtime, threads: int) -> ExportedTower:
    for _attempt in range(2):
        found = _prepared(source, runtime=runtime, threads=threads)
        try:
            opened = session.opened(found.file, threads=threads)
        except session.SessionError as error:
            log.warning("the exported network of %s is damaged: %s", source.name, error)
            prepared.forget(found)
            continue
        about = found.about
        return ExportedTower(opened, about["size"], about["digest"], about["precision"])
    raise NotExported("what was exported cannot be run")


def _prepared(source: Source, *, runtime: Runtime, threads: int) -> Prepared:
    folders = (source.base_dir, source.cache_dir, source.bundled_dir)
    base, cached, bundled = (str(folder.resolve()) for folder in folders)
    asked = {"name": source.name, "base_dir": base, "cache_dir": cached, "bundled_dir": bundled}
    try:
        return prepared.prepared(
            models=source.cache_dir.resolve(),
            what="tower",
            named=f"{source.architecture}-{source.label}-{runtime}",
            asked={**asked, "runtime": runtime.value, "threads": threads},
            made_from={"name": source.name, "runtime": runtime.value, "weights": source.version},
        )
    except PreparationError as error:
        if error.kind == EncoderError.__name__:
            raise EncoderError(str(error)) from error
        raise NotExported(str(error)) from error
