"""The image encoder: one per process, loaded at first use, safe to call from threads.

Where the weights come from is `matching.loading`'s business, how they are run that of
`matching.towers`; nothing here imports torch.
"""

import atexit
import logging
import threading
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from django.conf import settings
from PIL import Image

from matching import architectures, loading, measured, towers
from matching.architectures import declare_torchvision_operators
from matching.batching import Batcher, Busy
from matching.loading import DIMENSIONS, RANDOM, EncoderError, Source
from matching.normalisation import PREPROCESSING, square, views
from matching.runtime.names import Runtime

__all__ = [
    "BATCH",
    "DIMENSIONS",
    "PREPROCESSING",
    "ClipEncoder",
    "EncoderBusy",
    "EncoderError",
    "Vector",
    "chosen_by",
    "configured_name",
    "declare_torchvision_operators",
    "get_encoder",
    "has_random_weights",
    "is_current",
    "is_untrained",
    "load_in_background",
    "load_now",
    "make_encoder",
    "ready_encoder",
    "release",
]

log = logging.getLogger(__name__)

# Pictures that are encoded together, each with all of its views.
BATCH = 8

Vector = np.ndarray[Any, np.dtype[np.float32]]


class EncoderBusy(EncoderError):
    """Too many pictures wait to be encoded: it can be tried again."""


@dataclass(frozen=True)
class _Loaded:
    tower: towers.AnyTower
    together: Batcher


class ClipEncoder:
    """An open_clip image tower whose vectors are L2-normalised float32 of shape (512,).

    `name` is `<architecture>/<weights>` (see `matching.loading.Source`). A vector is the mean
    over the first `views` views of a picture (see `matching.normalisation.views`).
    """

    def __init__(
        self,
        name: str,
        *,
        base_dir: Path,
        cache_dir: Path,
        threads: int,
        views: int | None = None,
        bundled_dir: Path = architectures.WEIGHTS,
        device: str = loading.CPU,
        runtime: Runtime = Runtime.TORCH,
        at_once: int = 1,
    ) -> None:
        self.name = name
        self.source = Source(name, base_dir, cache_dir, bundled_dir)
        self.views = views or architectures.usual_views(self.source.architecture)
        self._how = towers.How(runtime=runtime, device=device, threads=threads)
        self._at_once = at_once
        self._lock = threading.Lock()
        self._loaded: _Loaded | None = None
        self._failure = ""

    @property
    def is_random(self) -> bool:
        """Seeded random weights: the same code and cost, no skill."""
        return self.source.is_random

    @property
    def is_loaded(self) -> bool:
        return self._loaded is not None

    @cached_property
    def id(self) -> str:
        """Architecture, weights and their digest, preprocessing and number of views: stored
        with every vector. Raises EncoderError."""
        digest, (source, suffix) = self._load().tower.digest, self._id_parts
        return f"{source}@{digest}{suffix}"

    @property
    def id_without_digest(self) -> tuple[str, str]:
        """What is known of the id without loading: how it begins and how it ends. What stands
        between is the digest, or nothing where the weights are bundled."""
        source, suffix = self._id_parts
        return f"{source}@{self.source.digest}", suffix

    @property
    def _id_parts(self) -> tuple[str, str]:
        source = f"{self.source.architecture}/{self.source.label}"
        return source, f"/{PREPROCESSING}x{self.views}"

    def encode(self, pictures: Sequence[Image.Image]) -> Vector:
        """Vectors of normalised pictures (`matching.normalisation.normalise`: nothing of it is
        done again here), float32 of shape (len(pictures), 512), each of length 1.

        Pictures of several threads are encoded together. Raises EncoderError when the model
        cannot be loaded, EncoderBusy when too many wait for it.
        """
        loaded = self._load()
        vectors = [np.empty((0, DIMENSIONS), dtype=np.float32)]
        for start in range(0, len(pictures), BATCH):
            batch = pictures[start : start + BATCH]
            seen = [view for one in batch for view in views(square(one), self.views)]
            try:
                features = loaded.together(loaded.tower.pixels(seen))
            except Busy as error:
                raise EncoderBusy("too many films are being compared") from error
            means = features.reshape(len(batch), self.views, DIMENSIONS).mean(axis=1)
            vectors.append(means / np.linalg.norm(means, axis=1, keepdims=True))
        return np.concatenate(vectors)

    @property
    def precision(self) -> str:
        """`float32` or `int8`. Raises EncoderError."""
        return self._load().tower.precision

    @property
    def problem(self) -> str:
        """Why the encoder cannot work, as far as is known without loading it; else empty."""
        if self._failure or self.is_loaded:
            return self._failure
        checkpoint = self.source.checkpoint
        if checkpoint is not None and not checkpoint.is_file():
            return f"there is no file {checkpoint.name}"
        return ""

    def load(self) -> None:
        """Load the model now rather than at the first film. Raises EncoderError."""
        self._load()

    def _load(self) -> "_Loaded":
        if self._loaded is None:
            with self._lock:
                if self._loaded is None:
                    try:
                        tower = towers.load(self.source, self._how)
                    except EncoderError:
                        self._failure = "the weights cannot be loaded"
                        measured.failed(measured.Trouble.ENCODER)
                        raise
                    most = BATCH * self.views
                    together = Batcher(tower.run, most=most, at_once=self._at_once)
                    self._loaded, self._failure = _Loaded(tower, together), ""
                    measured.encoder_is_loaded()
        return self._loaded


_encoder: ClipEncoder | None = None
_encoder_lock = threading.Lock()
_chooser: Callable[[ClipEncoder], ClipEncoder] | None = None


def chosen_by(chooser: Callable[[ClipEncoder], ClipEncoder]) -> None:
    """Let `chooser` say which encoder is used; it gets the configured one."""
    global _chooser
    _chooser = chooser


def get_encoder() -> ClipEncoder:
    """The encoder that this process compares films with: the one that was switched to
    (`matching.following`), else the configured one. The same for all of a request or task."""
    configured = _configured()
    return _chooser(configured) if _chooser else configured


def ready_encoder() -> ClipEncoder:
    """The same, loaded: the configured one where the one that was switched to cannot be.

    Raises EncoderError when neither can.
    """
    encoder = get_encoder()
    with suppress(EncoderError):
        encoder.load()
    encoder = get_encoder()
    encoder.load()
    return encoder


def configured_name() -> str:
    """What RAIOX_ENCODER says; another encoder may have been switched to since."""
    return str(settings.RAIOX_ENCODER)


def _configured() -> ClipEncoder:
    """A change of the setting is followed."""
    global _encoder
    with _encoder_lock:
        if _encoder is None or _encoder.name != configured_name():
            _encoder = make_encoder(configured_name())
        return _encoder


def make_encoder(name: str, *, views: int | None = None) -> ClipEncoder:
    """An encoder as this installation would use it, not loaded yet; with another number of
    views only to compare them."""
    return ClipEncoder(
        name,
        base_dir=settings.BASE_DIR,
        cache_dir=settings.RAIOX_MODELS_DIR,
        threads=settings.RAIOX_TORCH_THREADS,
        views=views or settings.RAIOX_VIEWS,
        device=settings.RAIOX_DEVICE,
        runtime=Runtime(settings.RAIOX_RUNTIME),
        at_once=settings.RAIOX_ENCODERS_AT_ONCE,
    )


def release(encoder: ClipEncoder) -> None:
    """Give the memory of the configured encoder back: another one is used in its place."""
    global _encoder
    with _encoder_lock:
        if _encoder is encoder:
            _encoder = None


EXIT_WAIT_SECONDS = 10.0
_ahead: threading.Thread | None = None


def load_in_background() -> None:
    """Begin to load the encoder, which takes seconds, in a thread; nothing happens while it
    is loading or when it is loaded. A failure is logged, and explained at the first use.

    Never before a fork: a child of a process in which torch has started its threads hangs.
    """
    global _ahead
    encoder = get_encoder()
    with _encoder_lock:
        if not encoder.is_loaded and (_ahead is None or not _ahead.is_alive()):
            _ahead = threading.Thread(target=load_now, name="encoder", daemon=True)
            _ahead.start()
            # A process that ends while torch starts its threads is aborted, with a core dump.
            atexit.register(_ahead.join, EXIT_WAIT_SECONDS)


def load_now() -> None:
    """Load the encoder, so that no task pays for it: on a busy machine that takes longer than a
    task may. A failure is logged, and explained at the first use."""
    try:
        ready_encoder()
    except EncoderError as error:
        log.error("%s", error)


def is_current(encoder: str) -> bool:
    """Whether this is the id of the configured encoder, as far as that is known without
    loading it: the digest of its weights is compared once they are loaded."""
    current = get_encoder()
    if current.is_loaded:
        return encoder == current.id
    prefix, suffix = current.id_without_digest
    return encoder.startswith(prefix) and encoder.endswith(suffix)


def is_untrained(encoder: str) -> bool:
    """Whether this is the id of an encoder with random weights."""
    return f"/{RANDOM}@" in encoder


def has_random_weights() -> bool:
    """Whether the encoder has no skill, known without loading it."""
    return get_encoder().is_random
