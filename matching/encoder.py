"""The CLIP image encoder: one per process, loaded at first use, safe to call from threads.

torch and open_clip are imported inside functions, so that the web process starts light and
never forks after torch has started its threads.
"""

import atexit
import hashlib
import logging
import threading
from collections.abc import Sequence
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from django.conf import settings
from PIL import Image

if TYPE_CHECKING:
    import torch

log = logging.getLogger(__name__)

RANDOM = "random"
RANDOM_SEED = 20_240_229
# Version of everything between a decoded film and the tensor; part of the encoder id.
PREPROCESSING = "pad-v1"
BATCH = 8
DIMENSIONS = 512

Vector = np.ndarray[Any, np.dtype[np.float32]]


class EncoderError(RuntimeError):
    """The encoder named by RAIOX_ENCODER cannot be loaded. `str()` says why."""


class ClipEncoder:
    """An open_clip image tower whose vectors are L2-normalised float32 of shape (512,).

    `name` is `<architecture>/<weights>`: weights are an open_clip pretrained tag (fetched
    once from the hub into `cache_dir`), the path of a checkpoint, or `random`.
    """

    def __init__(self, name: str, *, base_dir: Path, cache_dir: Path, threads: int) -> None:
        self.name = name
        self._base_dir = base_dir
        self._cache_dir = cache_dir
        self._threads = threads
        self._lock = threading.Lock()
        self._loaded: tuple[Any, Any, str] | None = None
        self._failure = ""

    @property
    def architecture(self) -> str:
        return self.name.partition("/")[0]

    @property
    def weights(self) -> str:
        return self.name.partition("/")[2]

    @property
    def is_random(self) -> bool:
        """Seeded random weights: the same code and cost, no skill."""
        return self.weights == RANDOM

    @property
    def is_loaded(self) -> bool:
        return self._loaded is not None

    @cached_property
    def id(self) -> str:
        """Architecture, weights and their digest, preprocessing: stored with every vector."""
        _, _, weights_digest = self._load()
        prefix, suffix = self.id_without_digest
        return f"{prefix}{weights_digest}{suffix}"

    @property
    def id_without_digest(self) -> tuple[str, str]:
        """What stands in the id before and after the digest, known without loading."""
        label = self.weights if not self._checkpoint else self._checkpoint.name
        # What tells encoders apart stands behind the label: a long one must not push it out.
        return f"{self.architecture}/{label[:60]}@", f"/{PREPROCESSING}"

    def encode(self, images: Sequence[Image.Image]) -> Vector:
        """Vectors of greyscale images, shape (len(images), 512), each of length 1.

        Raises EncoderError when the model cannot be loaded.
        """
        import torch

        tower, preprocess, _ = self._load()
        vectors = [np.empty((0, DIMENSIONS), dtype=np.float32)]
        with torch.inference_mode():
            for start in range(0, len(images), BATCH):
                batch = torch.stack(
                    [preprocess(square(image)) for image in images[start : start + BATCH]]
                )
                features = tower(batch)
                vectors.append(torch.nn.functional.normalize(features.float(), dim=-1).numpy())
        return np.concatenate(vectors)

    @property
    def problem(self) -> str:
        """Why the encoder cannot work, as far as is known without loading it; else empty."""
        if self._failure or self.is_loaded:
            return self._failure
        checkpoint = self._checkpoint
        if checkpoint is not None and not checkpoint.is_file():
            return f"there is no file {checkpoint.name}"
        return ""

    def load(self) -> None:
        """Load the model now rather than at the first film. Raises EncoderError."""
        self._load()

    @property
    def _checkpoint(self) -> Path | None:
        if self.is_random or ("/" not in self.weights and "." not in self.weights):
            return None
        return (self._base_dir / self.weights).resolve()

    def _was_trained_with_quick_gelu(self) -> bool:
        import open_clip

        tag = open_clip.get_pretrained_cfg(self.architecture, self.weights)
        return bool(tag.get("quick_gelu", False))

    def _load(self) -> tuple[Any, Any, str]:
        if self._loaded is None:
            with self._lock:
                if self._loaded is None:
                    try:
                        self._loaded = self._build()
                    except EncoderError:
                        self._failure = "the weights cannot be loaded"
                        raise
                    self._failure = ""
        return self._loaded

    def _build(self) -> tuple[Any, Any, str]:
        import torch

        declare_torchvision_operators()
        import open_clip

        torch.set_num_threads(self._threads)
        if not self.weights:
            # open_clip would take random weights without a word.
            raise EncoderError(f"RAIOX_ENCODER={self.name}: expected <architecture>/<weights>")
        checkpoint = self._checkpoint
        if checkpoint is not None and not checkpoint.is_file():
            raise EncoderError(f"RAIOX_ENCODER={self.name}: there is no file {checkpoint}")
        try:
            with torch.random.fork_rng(devices=[]):
                torch.manual_seed(RANDOM_SEED)
                model = open_clip.create_model(
                    self.architecture,
                    pretrained=None if self.is_random else str(checkpoint or self.weights),
                    # open_clip only warns when weights trained with QuickGELU (OpenAI's own)
                    # meet an architecture without it, and the vectors lose much of their skill.
                    force_quick_gelu=self._was_trained_with_quick_gelu(),
                    cache_dir=str(self._cache_dir),
                )
        # The border to foreign loaders: a file that is no checkpoint, or a hub that cannot be
        # reached, makes them raise almost anything.
        except Exception as error:
            # The text alone may be a bare number.
            reason = ": ".join(filter(None, (type(error).__name__, str(error))))
            raise EncoderError(f"RAIOX_ENCODER={self.name} cannot be loaded: {reason}") from error
        tower = model.visual.eval()
        if tower.output_dim != DIMENSIONS:
            raise EncoderError(
                f"RAIOX_ENCODER={self.name} gives vectors of {tower.output_dim} dimensions; "
                f"the catalogue holds {DIMENSIONS}"
            )
        for parameter in tower.parameters():
            parameter.requires_grad_(False)
        size = tower.image_size[0] if isinstance(tower.image_size, tuple) else tower.image_size
        preprocess = _preprocessing(size, tower.image_mean, tower.image_std)
        return tower, preprocess, _weights_digest(tower)


def square(image: Image.Image) -> Image.Image:
    """Pad with black to a square, the film centred. Shape is the main cue: never stretch."""
    side = max(image.size)
    if image.size == (side, side):
        return image
    canvas = Image.new("L", (side, side), 0)
    canvas.paste(image, ((side - image.width) // 2, (side - image.height) // 2))
    return canvas


def _preprocessing(size: int, mean: Sequence[float], std: Sequence[float]) -> Any:
    """From a square greyscale image to a (3, size, size) tensor with the model's own
    mean and standard deviation."""
    import torch

    means = torch.tensor(mean).view(3, 1, 1)
    stds = torch.tensor(std).view(3, 1, 1)

    def preprocess(image: Image.Image) -> "torch.Tensor":
        small = image.resize((size, size), Image.Resampling.BICUBIC)
        pixels = torch.from_numpy(np.asarray(small, dtype=np.float32) / 255.0)
        return (pixels.expand(3, size, size) - means) / stds

    return preprocess


def _weights_digest(tower: "torch.nn.Module") -> str:
    digest = hashlib.sha256()
    for name, tensor in sorted(tower.state_dict().items()):
        digest.update(name.encode())
        digest.update(tensor.contiguous().numpy().tobytes())
    return digest.hexdigest()[:12]


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


_encoder: ClipEncoder | None = None
_encoder_lock = threading.Lock()


def get_encoder() -> ClipEncoder:
    """The process's encoder, as RAIOX_ENCODER names it (a change of the setting is followed)."""
    global _encoder
    with _encoder_lock:
        if _encoder is None or _encoder.name != settings.RAIOX_ENCODER:
            _encoder = ClipEncoder(
                settings.RAIOX_ENCODER,
                base_dir=settings.BASE_DIR,
                cache_dir=settings.VAR_DIR / "models",
                threads=settings.RAIOX_TORCH_THREADS,
            )
        return _encoder


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
            _ahead = threading.Thread(target=_load_now, name="encoder", daemon=True)
            _ahead.start()
            # A process that ends while torch starts its threads is aborted, with a core dump.
            atexit.register(_ahead.join, EXIT_WAIT_SECONDS)


def _load_now() -> None:
    try:
        get_encoder().load()
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
    """Whether the configured encoder has no skill, known without loading it."""
    return settings.RAIOX_ENCODER.endswith(f"/{RANDOM}")
