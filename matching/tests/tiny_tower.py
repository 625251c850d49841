"""An architecture of our own that is loaded and run in milliseconds."""

import json
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from matching.encoder import ClipEncoder, declare_torchvision_operators

ARCHITECTURE = "raiox-tiny"
SIDE = 32
CONFIG = {
    "embed_dim": 512,
    "vision_cfg": {"image_size": SIDE, "layers": 1, "width": 64, "patch_size": 8},
    "text_cfg": {"context_length": 8, "vocab_size": 8, "width": 64, "heads": 1, "layers": 1},
}


def write_config(folder: Path) -> None:
    (folder / f"{ARCHITECTURE}.json").write_text(json.dumps(CONFIG))


def encoder(weights: str, folder: Path, **options: Any) -> ClipEncoder:
    """Of the architecture whose configuration and weights lie in `folder`."""
    name = options.pop("name", f"{ARCHITECTURE}/{weights}")
    folders = {"base_dir": folder, "cache_dir": folder / "models", "bundled_dir": folder}
    return ClipEncoder(name, threads=1, **{**folders, **options})


def picture(seed: int = 0, size: tuple[int, int] = (SIDE, SIDE)) -> Image.Image:
    noise = np.random.default_rng(seed).integers(0, 255, (9, 7), dtype=np.uint8)
    return Image.fromarray(noise).resize(size, Image.Resampling.BILINEAR)


def clip(**options: Any) -> Any:
    """A CLIP model with weights of its own, as whoever trains one would have it. The
    architecture must be known to open_clip."""
    import torch

    declare_torchvision_operators()
    import open_clip

    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(7)
        # Rounded to half precision: the checkpoint on disk is then half as large.
        return open_clip.create_model(ARCHITECTURE, **options).half().float().eval()


def vectors_of(model: Any, images: list[Image.Image]) -> np.ndarray[Any, Any]:
    """What open_clip itself makes of square images of the model's size."""
    import open_clip
    import torch

    preprocess = open_clip.image_transform(
        model.visual.image_size,
        is_train=False,
        mean=model.visual.image_mean,
        std=model.visual.image_std,
    )
    with torch.inference_mode():
        batch = torch.stack([preprocess(image.convert("RGB")) for image in images])
        return np.asarray(model.encode_image(batch, normalize=True))
