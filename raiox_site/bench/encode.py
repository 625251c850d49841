"""What it costs to turn a fixture on a film into a vector, on one core."""

import time
from collections.abc import Callable, Iterator

import numpy as np
from PIL import Image

from matching.boxes import Box
from matching.encoder import ClipEncoder, configured_name, make_encoder
from matching.normalisation import normalise

# What a machine without any model can load, and what others are measured by.
YARDSTICK = "ViT-B-32/random"
BATCHES = (1, 8)
# The box of a usual fixture on a film of usual size.
FILM = (744, 984)
BOX = Box(370, 480, 96, 280, 12)


def lines(*, times: int, names: list[str] | None = None) -> Iterator[str]:
    """Milliseconds per fixture, the median of `times` runs with one thread: of normalising it,
    and of encoding it alone and in batches of 8, by the yardstick and each of the encoders.

    Raises EncoderError.
    """
    import torch

    film = _film()
    yield f"{'normalise':<44} {_median(lambda: normalise(film, BOX), times):>7.1f} ms"
    pictures = [normalise(film, BOX)] * max(BATCHES)
    found: dict[str, list[float]] = {}
    for name in dict.fromkeys([YARDSTICK, *(names or [configured_name()])]):
        encoder = make_encoder(name)
        encoder.load()
        torch.set_num_threads(1)
        found[name] = [_per_picture(encoder, pictures[:count], times) for count in BATCHES]
        yield from _told(encoder, found[name], found[YARDSTICK])


def _told(encoder: ClipEncoder, found: list[float], yardstick: list[float]) -> Iterator[str]:
    yield f"{encoder.id}, {encoder.views} view(s)"
    for count, spent, usual in zip(BATCHES, found, yardstick, strict=True):
        label = f"  in batches of {count}"
        yield f"{label:<44} {spent:>7.1f} ms   {spent / usual:.2f} of {YARDSTICK}"


def _per_picture(encoder: ClipEncoder, pictures: list[Image.Image], times: int) -> float:
    return _median(lambda: encoder.encode(pictures), times) / len(pictures)


def _film() -> Image.Image:
    across, down = np.linspace(0, 9, FILM[0]), np.linspace(0, 7, FILM[1])[:, np.newaxis]
    grain = np.random.default_rng(0).normal(0, 4, (FILM[1], FILM[0]))
    return Image.fromarray((127 + 90 * np.sin(across) * np.cos(down) + grain).astype(np.uint8))


def _median(work: Callable[[], object], times: int) -> float:
    """Milliseconds; one run before, in which memory is fetched and kernels are chosen."""
    work()
    return float(np.median([_milliseconds(work) for _ in range(times)]))


def _milliseconds(work: Callable[[], object]) -> float:
    start = time.perf_counter()
    work()
    return (time.perf_counter() - start) * 1000
