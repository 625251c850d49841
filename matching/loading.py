"""From the name of an encoder to the image tower it stands for.

torch and open_clip are imported inside functions, so that the web process starts light and
never forks after torch has started its threads.
"""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from PIL import Image

from matching import architectures
from matching.architectures import BUNDLED, declare_torchvision_operators

if TYPE_CHECKING:
    import torch

RANDOM = "random"
AUTO, CPU, CUDA = "auto", "cpu", "cuda"
# Where Linux shows NVIDIA's: to ask torch would mean to load it.
GPUS = "nvidia[0-9]*"
RANDOM_SEED = 20_240_229
DIMENSIONS = 512
DIGEST_LENGTH = 12


class EncoderError(RuntimeError):
    """The encoder named by RAIOX_ENCODER cannot be loaded. `str()` says why."""


@dataclass(frozen=True)
class Source:
    """Where an encoder comes from: `name` is `<architecture>/<weights>`, and weights are an
    open_clip pretrained tag (fetched once from the hub into `cache_dir`), the path of a
    checkpoint below `base_dir`, `bundled` (the file of that architecture in `bundled_dir`), or
    `random`."""

    name: str
    base_dir: Path
    cache_dir: Path
    bundled_dir: Path = architectures.WEIGHTS

    @property
    def architecture(self) -> str:
        return self.name.partition("/")[0]

    @property
    def weights(self) -> str:
        return self.name.partition("/")[2]

    @property
    def is_random(self) -> bool:
        return self.weights == RANDOM

    @property
    def checkpoint(self) -> Path | None:
        """The file that holds the weights; None where open_clip fetches or makes them."""
        if self.weights == BUNDLED:
            return self.bundled_dir / f"{self.architecture}.safetensors"
        if self.is_random or ("/" not in self.weights and "." not in self.weights):
            return None
        return (self.base_dir / self.weights).resolve()

    @property
    def digest(self) -> str:
        """That of the bundled file, known without loading it: so it is noticed at once that an
        update of the repository brought other weights. Empty for all others."""
        file = self.checkpoint
        if self.weights != BUNDLED or file is None or not file.is_file():
            return ""
        return digest_of(file)

    @property
    def version(self) -> str:
        """What changes when a file brings other weights; empty where no file is known."""
        file = self.checkpoint
        if file is None or not file.is_file():
            return ""
        return digest_of(file)

    @property
    def label(self) -> str:
        """The weights as they stand in the encoder's id: no folders of this machine."""
        is_file = self.checkpoint is not None and self.weights != BUNDLED
        # What tells encoders apart stands behind the label: a long one must not push it out.
        return (Path(self.weights).name if is_file else self.weights)[:60]


def digest_of(file: Path) -> str:
    """Raises OSError."""
    return _file_digest(file, file.stat().st_mtime_ns)


@cache
def _file_digest(file: Path, _changed: int) -> str:
    return hashlib.sha256(file.read_bytes()).hexdigest()[:DIGEST_LENGTH]


@dataclass(frozen=True)
class Tower:
    """A loaded image tower: `net` maps pictures (n, 3, size, size) to features (n, 512) where it
    was loaded to (`device`)."""

    net: Any
    size: int
    mean: Sequence[float]
    std: Sequence[float]
    digest: str
    device: str = CPU

    @property
    def precision(self) -> str:
        return "float32"

    def pixels(self, pictures: Sequence[Image.Image]) -> np.ndarray[Any, Any]:
        """Square greyscale pictures as the tower takes them, float32 (n, 3, size, size)."""
        return tensor(pictures, size=self.size, mean=self.mean, std=self.std).numpy()

    def run(self, pixels: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
        """Vectors float32 of shape (n, 512), each of length 1."""
        import torch

        with torch.inference_mode():
            batch = torch.from_numpy(np.ascontiguousarray(pixels))
            features = self.net(batch.to(self.device)).float()
            found = torch.nn.functional.normalize(features, dim=-1)
        return np.asarray(found.cpu().numpy())


def tensor(
    pictures: Sequence[Image.Image], *, size: int, mean: Sequence[float], std: Sequence[float]
) -> "torch.Tensor":
    """Square greyscale pictures as the tower takes them, float32 of shape (n, 3, size, size)."""
    import torch

    small = [one.resize((size, size), Image.Resampling.BICUBIC) for one in pictures]
    grey = torch.from_numpy(np.stack([np.asarray(one, dtype=np.float32) for one in small]) / 255.0)
    pixels = grey[:, None].expand(-1, 3, -1, -1)
    return (pixels - torch.tensor(mean).view(3, 1, 1)) / torch.tensor(std).view(3, 1, 1)


def may_compute_on_gpu(wanted: str) -> bool:
    """Whether RAIOX_DEVICE and this host leave that open, found out without torch."""
    return wanted == CUDA or (wanted == AUTO and any(Path("/dev").glob(GPUS)))


def chosen_device(wanted: str) -> str:
    """`cpu` or `cuda`, of RAIOX_DEVICE. Raises EncoderError where a GPU is asked for and torch
    finds none."""
    import torch

    if wanted == CPU or (wanted == AUTO and not torch.cuda.is_available()):
        return CPU
    if not torch.cuda.is_available():
        raise EncoderError("RAIOX_DEVICE=cuda: torch finds no GPU that it can use")
    # Vectors of hosts with and without a GPU are compared: in full precision they are the same.
    torch.backends.cuda.matmul.allow_tf32 = torch.backends.cudnn.allow_tf32 = False
    return CUDA


def check(source: Source) -> None:
    """Raise EncoderError for a name that can be seen to be of no use without loading anything."""
    named = f"RAIOX_ENCODER={source.name}"
    if not source.weights:
        # open_clip would take random weights without a word.
        raise EncoderError(f"{named}: expected <architecture>/<weights>")
    if source.checkpoint is not None and not source.checkpoint.is_file():
        raise EncoderError(f"{named}: there is no file {source.checkpoint}")


def load(source: Source, *, threads: int, device: str = CPU) -> Tower:
    """`device` is what RAIOX_DEVICE says. Raises EncoderError where the name, its file or what
    lies in it is of no use, or where that device is missing."""
    import torch

    declare_torchvision_operators()
    import open_clip

    torch.set_num_threads(threads)
    check(source)
    named = f"RAIOX_ENCODER={source.name}"
    try:
        net = whole_model(source).visual.eval()
    # The border to foreign loaders: a file that is no checkpoint, or a hub that cannot be
    # reached, makes them raise almost anything.
    except Exception as error:
        # The text alone may be a bare number.
        reason = ": ".join(filter(None, (type(error).__name__, str(error))))
        raise EncoderError(f"{named} cannot be loaded: {reason}") from error
    # Towers of timm do not say it themselves.
    dimensions = open_clip.get_model_config(source.architecture)["embed_dim"]
    if dimensions != DIMENSIONS:
        raise EncoderError(
            f"{named} gives vectors of {dimensions} dimensions; the catalogue holds {DIMENSIONS}"
        )
    return _tower(net, source, chosen_device(device))


def whole_model(source: Source) -> Any:
    """The open_clip model with both towers, as its loaders give it: they raise what they will."""
    import open_clip
    import torch

    architectures.register(source.bundled_dir)
    tag = open_clip.get_pretrained_cfg(source.architecture, source.weights)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(RANDOM_SEED)
        return open_clip.create_model(
            source.architecture,
            pretrained=None if source.is_random else str(source.checkpoint or source.weights),
            # open_clip only warns when weights trained with QuickGELU (OpenAI's own) meet an
            # architecture without it, and the vectors lose much of their skill.
            force_quick_gelu=bool(tag.get("quick_gelu", False)),
            cache_dir=str(source.cache_dir),
        )


def _tower(net: Any, source: Source, device: str) -> Tower:
    for parameter in net.parameters():
        parameter.requires_grad_(False)
    size = net.image_size[0] if isinstance(net.image_size, tuple) else net.image_size
    digest = source.digest or _digest(net)
    return Tower(net.to(device), size, net.image_mean, net.image_std, digest, device)


def _digest(net: "torch.nn.Module") -> str:
    digest = hashlib.sha256()
    for name, values in sorted(net.state_dict().items()):
        digest.update(name.encode())
        digest.update(values.contiguous().numpy().tobytes())
    return digest.hexdigest()[:DIGEST_LENGTH]
