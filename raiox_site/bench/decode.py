"""What it costs that films are read in a process of their own."""

import io
import time
from collections.abc import Callable, Iterator

import numpy as np
import pillow_heif
import psutil
from django.conf import settings
from PIL import Image

from matching import radiograph
from matching.decoding.pool import decoders
from matching.decoding.reading import read

MEBIBYTE = 1024 * 1024


def lines(*, times: int) -> Iterator[str]:
    """One line for each film: the best of `times` readings through the door, the best without
    the other process, and the difference; then the memory of both processes."""
    yield f"{'film':<34} {'MB':>5} {'door':>9} {'inside':>9} {'apart':>9}"
    for name, content in _films().items():
        door = _best(lambda content=content: radiograph.load(content), times)  # type: ignore[misc]
        inside = _best(lambda content=content: _inside(content), times)  # type: ignore[misc]
        yield (
            f"{name:<34} {len(content) / 1e6:>5.2f} {door:>6.1f} ms {inside:>6.1f} ms"
            f" {door - inside:>6.1f} ms"
        )
    yield f"the first film starts a process: {_start():.0f} ms"
    yield from (
        f"memory of the process that reads: {_memory(pid):.0f} MB" for pid in decoders.pids()
    )


def _films() -> dict[str, bytes]:
    pillow_heif.register_heif_opener()
    small, photo, largest = _film(480, 720), _film(4032, 3024), _film(5000, 5000)
    deep = Image.fromarray(np.asarray(largest).astype(np.uint16) * 200)
    return {
        "480 × 720, JPEG": _encoded(small, "JPEG", quality=90),
        "4032 × 3024, colour, JPEG": _encoded(photo.convert("RGB"), "JPEG", quality=85),
        "4032 × 3024, colour, HEIC": _encoded(photo.convert("RGB"), "HEIF", quality=50),
        "5000 × 5000, progressive JPEG": _encoded(largest, "JPEG", quality=60, progressive=True),
        "5000 × 5000, WebP": _encoded(largest, "WEBP", quality=50),
        "5000 × 5000, 16 bits, PNG": _encoded(deep, "PNG"),
    }


def _film(width: int, height: int) -> Image.Image:
    """Soft shapes, which pack to a few megabytes at most."""
    across, down = np.linspace(0, 9, width), np.linspace(0, 7, height)[:, np.newaxis]
    return Image.fromarray((127 + 100 * np.sin(across) * np.cos(down)).astype(np.uint8))


def _encoded(image: Image.Image, kind: str, **options: object) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, kind, **options)
    return buffer.getvalue()


def _inside(content: bytes) -> None:
    read(content, most_pixels=settings.RAIOX_MAX_IMAGE_PIXELS)


def _best(work: Callable[[], object], times: int) -> float:
    """Milliseconds; one reading before, which may have to start the process."""
    work()
    return min(_milliseconds(work) for _ in range(times))


def _milliseconds(work: Callable[[], object]) -> float:
    start = time.perf_counter()
    work()
    return (time.perf_counter() - start) * 1000


def _start() -> float:
    decoders.close()
    content = _encoded(_film(480, 720), "JPEG")
    return _milliseconds(lambda: radiograph.load(content))


def _memory(pid: int) -> float:
    return float(psutil.Process(pid).memory_info().rss) / MEBIBYTE
