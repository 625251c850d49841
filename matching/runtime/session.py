"""Running an exported network."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from matching.runtime.names import INPUT, OUTPUT

if TYPE_CHECKING:
    import onnxruntime

Array = np.ndarray[Any, Any]

ERRORS_ONLY = 3
# Joins a sum with the function after it, which then takes twice as long.
SLOWER = ["BiasGeluFusion"]


class SessionError(RuntimeError):
    """The file holds no network that can be run, or not with this input. `str()` says why."""


def opened(model: Path | bytes, *, threads: int) -> "onnxruntime.InferenceSession":
    """Raises SessionError."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads, options.inter_op_num_threads = threads, 1
    options.log_severity_level = ERRORS_ONLY
    # Threads that wait for work by turning in circles take the processor from the other requests.
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    try:
        return onnxruntime.InferenceSession(
            model if isinstance(model, bytes) else str(model),
            options,
            providers=["CPUExecutionProvider"],
            disabled_optimizers=SLOWER,
        )
    except _errors() as error:
        raise SessionError(str(error)) from error


def run(session: "onnxruntime.InferenceSession", values: Array) -> Array:
    """The answer of a network to one float32 tensor. Raises SessionError."""
    try:
        return np.asarray(session.run([OUTPUT], {INPUT: np.ascontiguousarray(values)})[0])
    except _errors() as error:
        raise SessionError(str(error)) from error


def _errors() -> tuple[type[Exception], ...]:
    """What ONNX Runtime raises has no class in common."""
    from onnxruntime.capi import onnxruntime_pybind11_state as state

    names = (
        "EngineError",
        "EPFail",
        "Fail",
        "InvalidArgument",
        "InvalidGraph",
        "InvalidProtobuf",
        "NoModel",
        "NoSuchFile",
        "NotImplemented",
        "RuntimeException",
    )
    return tuple(getattr(state, name) for name in names)
