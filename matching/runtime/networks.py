"""The networks that come with the repository, run without torch."""

import logging
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from django.conf import settings

from matching import loading
from matching.runtime import prepared, session
from matching.runtime.names import Runtime
from matching.runtime.prepared import PreparationError

log = logging.getLogger(__name__)

Array = np.ndarray[Any, Any]
Run = Callable[[Array], Array]


class Own:
    """A network of one tensor to one other, loaded at its first use, once in a process.

    `name` is what `matching.finding.exporting` knows it by, `weights` its file, and `in_torch`
    loads that as torch runs it.
    """

    def __init__(self, name: str, *, weights: Path, in_torch: Callable[[Path], Any]) -> None:
        self.name, self.weights, self._in_torch = name, weights, in_torch
        self._run: Run | None = None
        self._lock = threading.Lock()

    def __call__(self, values: Array) -> Array:
        """The answer to a float32 tensor. OSError or RuntimeError where there is no network."""
        return (self._run or self.load())(values)

    def load(self) -> Run:
        """Before its first use. OSError or RuntimeError where that fails."""
        with self._lock:
            if self._run is None:
                self._run = self._exported() or self._by_torch()
            return self._run

    def _exported(self) -> Run | None:
        # On a host with a GPU torch is loaded anyway.
        if settings.RAIOX_RUNTIME == Runtime.TORCH or loading.may_compute_on_gpu(
            settings.RAIOX_DEVICE
        ):
            return None
        for _attempt in range(2):
            try:
                found = prepared.prepared(
                    models=settings.RAIOX_MODELS_DIR,
                    what="network",
                    named=self.name,
                    asked={"network": self.name, "weights": str(self.weights.resolve())},
                    made_from={"weights": loading.digest_of(self.weights)},
                )
            except PreparationError as error:
                log.warning("the network %s is run by torch: %s", self.name, error)
                return None
            try:
                opened = session.opened(found.file, threads=settings.RAIOX_TORCH_THREADS)
            except session.SessionError as error:
                log.warning("the exported network %s is damaged: %s", self.name, error)
                prepared.forget(found)
            else:
                return lambda values: session.run(opened, values)
        return None

    def _by_torch(self) -> Run:
        import torch

        torch.set_num_threads(settings.RAIOX_TORCH_THREADS)
        network = self._in_torch(self.weights)

        def run(values: Array) -> Array:
            with torch.inference_mode():
                answer: Array = network(torch.from_numpy(values)).float().numpy()
            return answer

        return run
