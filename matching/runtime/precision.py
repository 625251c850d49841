"""Whether 8-bit whole numbers are quicker here and answer the same: measured, not assumed.

This module imports onnx: it is used by a child process (`matching.runtime.child`).
"""

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import onnx

from matching.runtime import session
from matching.runtime.names import Runtime
from matching.runtime.quantised import LARGEST, SAFE, rounded

if TYPE_CHECKING:
    import onnxruntime

Array = np.ndarray[Any, Any]

# Two precisions are the same encoder while their vectors lie this close: neighbouring places of
# a search are further apart (`manage.py bench encoder` prints how often they change).
LEAST_COSINE = 0.999
# What is gained must be worth the change.
LEAST_GAIN = 1.5
ROUNDS = 8


class Refused(RuntimeError):
    """int8 was asked for, and cannot be had or answers something else. `str()` says why."""


@dataclass(frozen=True)
class Chosen:
    """The network that is used, and what was measured: milliseconds for each picture, and the
    least cosine between the vectors of both precisions."""

    model: bytes
    precision: Runtime
    measured: dict[str, float]


def chosen(model: bytes, *, size: int, wanted: Runtime, threads: int) -> Chosen:
    """For a tower that takes greys (n, 1, size, size). Raises Refused, SessionError."""
    if wanted == Runtime.FLOAT32:
        return Chosen(model, Runtime.FLOAT32, {})
    pictures = examples(size)
    truth, exact = _tried(model, pictures, threads=threads)
    try:
        for largest in (LARGEST, SAFE):
            small = _rounded(model, largest=largest)
            answers, whole = _tried(small, pictures, threads=threads)
            cosine = least_cosine(truth, answers)
            if cosine >= LEAST_COSINE:
                break
    except session.SessionError as error:
        if wanted == Runtime.INT8:
            raise Refused(f"it cannot be run in int8: {error}") from error
        return Chosen(model, Runtime.FLOAT32, {"float32": exact})
    found = {"float32": exact, "int8": whole, "cosine": cosine}
    is_same = cosine >= LEAST_COSINE
    if wanted == Runtime.INT8 and not is_same:
        raise Refused(f"its vectors in int8 differ too much (cosine {cosine:.5f})")
    if is_same and (exact >= LEAST_GAIN * whole or wanted == Runtime.INT8):
        return Chosen(small, Runtime.INT8, found)
    return Chosen(model, Runtime.FLOAT32, found)


def _rounded(model: bytes, *, largest: int) -> bytes:
    read = onnx.load_from_string(model)
    rounded(read, largest=largest)
    return read.SerializeToString()


def _tried(model: bytes, pictures: Array, *, threads: int) -> tuple[Array, float]:
    """A network's answers, and its milliseconds for each picture."""
    opened = session.opened(model, threads=threads)
    return session.run(opened, pictures), _milliseconds(opened, pictures)


def examples(size: int, *, count: int = 4) -> Array:
    """Greys 0…1 of shape (count, 1, size, size) with shapes, shades and grain as on films."""
    rng = np.random.default_rng(0)
    down, right = np.mgrid[0:size, 0:size] / size
    made = []
    for _picture in range(count):
        x, width, bend = rng.uniform(0.3, 0.7), rng.uniform(0.05, 0.2), rng.uniform(0, 40)
        body = np.abs(right - x + 0.01 * np.sin(bend * down)) < width * (1 - 0.5 * down)
        ground = rng.uniform(0.1, 0.4) + rng.uniform(0, 0.3) * down
        grain = rng.normal(0, 0.03, (size, size))
        made.append(np.clip(ground + body * rng.uniform(0.3, 0.6) + grain, 0, 1))
    return np.stack(made)[:, None].astype(np.float32)


def least_cosine(one: Array, other: Array) -> float:
    """The least of the cosines between the rows of two arrays of the same shape."""
    lengths = np.linalg.norm(one, axis=1) * np.linalg.norm(other, axis=1)
    cosines = (one * other).sum(axis=1) / np.maximum(lengths, 1e-12)
    return float(np.nan_to_num(cosines, nan=-1.0).min())


def _milliseconds(opened: "onnxruntime.InferenceSession", pictures: Array) -> float:
    """The best of some rounds, alone and together: other work may run beside it."""
    times = []
    for batch in (pictures[:1], pictures):
        took = []
        for _round in range(ROUNDS):
            began = time.perf_counter()
            session.run(opened, batch)
            took.append((time.perf_counter() - began) / len(batch))
        times.append(min(took))
    return 1000 * sum(times) / len(times)
