"""What is tuned: a projection behind the tower, or the tower's own last layers."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray
from PIL import Image, ImageOps

from matching import loading
from matching.normalisation import views

if TYPE_CHECKING:
    import torch

Pictures = Sequence[NDArray[np.uint8]]
AT_ONCE = 16
LAST_BLOCKS = 2
TURN_DEGREES = 6.0
# How strongly a head is drawn back to leaving everything as it was.
TETHER = 1e-3


class Learner(Protocol):
    """Learns from a fixed list of pictures, which it names by their place."""

    def parameters(self) -> list["torch.nn.Parameter"]: ...

    def vectors(self, places: NDArray[np.int64], rng: Generator) -> "torch.Tensor":
        """Of length 1, shape (n, 512), each of a view that is drawn anew."""

    def penalty(self) -> "torch.Tensor": ...

    def known(self) -> NDArray[np.float32]:
        """The vectors of all pictures as they are, of length 1."""

    def finish(self) -> None:
        """Write what was learnt into the model itself."""


class Head:
    """A linear map behind the frozen tower, whose features are made once. It is folded into the
    tower's own projection in the end: the checkpoint is one like any other."""

    def __init__(self, visual: Any, pictures: Pictures) -> None:
        import torch

        self._visual = visual.eval()
        self._features = torch.cat([_features(visual, [one]) for one in pictures])
        size = self._features.shape[-1]
        self._map = torch.nn.Parameter(torch.eye(size))
        self._eye = torch.eye(size)

    def parameters(self) -> list["torch.nn.Parameter"]:
        return [self._map]

    def vectors(self, places: NDArray[np.int64], rng: Generator) -> "torch.Tensor":
        seen = rng.integers(0, self._features.shape[1], len(places))
        return self._mapped(self._features[places, seen])

    def penalty(self) -> "torch.Tensor":
        return TETHER * (self._map - self._eye).square().sum()

    def known(self) -> NDArray[np.float32]:
        import torch

        with torch.inference_mode():
            return np.asarray(self._mapped(self._features[:, 0]).numpy())

    def finish(self) -> None:
        fold(self._visual, self._map.detach())

    def _mapped(self, features: "torch.Tensor") -> "torch.Tensor":
        import torch

        return torch.nn.functional.normalize(features @ self._map.T, dim=-1)


class Tower:
    """The last blocks of a transformer; all of any other tower. Statistics of batches stay."""

    def __init__(self, visual: Any, pictures: Pictures) -> None:
        self._visual = visual.eval()
        self._pictures = [Image.fromarray(one) for one in pictures]
        self._tuned = _last(visual)

    def parameters(self) -> list["torch.nn.Parameter"]:
        return self._tuned

    def vectors(self, places: NDArray[np.int64], rng: Generator) -> "torch.Tensor":
        import torch

        seen = [_varied(self._pictures[place], rng) for place in places]
        return torch.nn.functional.normalize(self._visual(_tensor(self._visual, seen)), dim=-1)

    def penalty(self) -> "torch.Tensor":
        import torch

        return torch.zeros(())

    def known(self) -> NDArray[np.float32]:
        import torch

        found = []
        with torch.inference_mode():
            for start in range(0, len(self._pictures), AT_ONCE):
                part = _tensor(self._visual, self._pictures[start : start + AT_ONCE])
                found.append(torch.nn.functional.normalize(self._visual(part), dim=-1))
        return np.asarray(torch.cat(found).numpy())

    def finish(self) -> None:
        """It was tuned in place."""


def fold(visual: Any, matrix: "torch.Tensor") -> None:
    """Have the tower give `matrix` (512, 512) @ what it gave before. Raises ValueError for one
    that does not end in a linear projection."""
    import torch

    with torch.no_grad():
        if isinstance(getattr(visual, "proj", None), torch.nn.Parameter):
            visual.proj.copy_(visual.proj @ matrix.T)
            return
        end = getattr(visual, "head", None) or getattr(visual, "attnpool", None)
        linear = [one for one in end.modules() if isinstance(one, torch.nn.Linear)] if end else []
        if not linear or linear[-1].out_features != len(matrix):
            raise ValueError("this architecture has no linear projection that a head fits behind")
        linear[-1].weight.copy_(matrix @ linear[-1].weight)
        if linear[-1].bias is not None:
            linear[-1].bias.copy_(matrix @ linear[-1].bias)


def _features(visual: Any, pictures: Pictures) -> "torch.Tensor":
    """(pictures, views, 512), as the tower gives them."""
    import torch

    seen = [view for one in pictures for view in views(Image.fromarray(one))]
    with torch.inference_mode():
        found = visual(_tensor(visual, seen)).float()
    # A tensor of inference mode cannot be learnt from.
    return found.clone().reshape(len(pictures), -1, found.shape[-1])


def _tensor(visual: Any, seen: Sequence[Image.Image]) -> "torch.Tensor":
    size = visual.image_size[0] if isinstance(visual.image_size, tuple) else visual.image_size
    return loading.tensor(seen, size=size, mean=visual.image_mean, std=visual.image_std)


def _last(visual: Any) -> list["torch.nn.Parameter"]:
    visual.requires_grad_(False)
    if not hasattr(visual, "transformer"):
        visual.requires_grad_(True)
        return list(visual.parameters())
    blocks = visual.transformer.resblocks[-LAST_BLOCKS:]
    tuned = [*blocks.parameters(), *visual.ln_post.parameters(), visual.proj]
    for parameter in tuned:
        parameter.requires_grad_(True)
    return tuned


def _varied(picture: Image.Image, rng: Generator) -> Image.Image:
    if rng.random() < 0.5:
        picture = ImageOps.mirror(picture)
    picture = picture.rotate(rng.uniform(-TURN_DEGREES, TURN_DEGREES), Image.Resampling.BILINEAR)
    gain = float(rng.uniform(0.85, 1.15))
    return picture.point(lambda value: min(value * gain, 255))
