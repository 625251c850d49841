"""Films to send: phantoms of a wanted size, each with other pixels than any before."""

import io
import secrets
from collections.abc import Iterator
from itertools import count
from threading import Lock

import numpy as np
from PIL import Image

from implants.catalogue import demo_catalogue
from matching.phantoms import render_film
from raiox_site.bench.asking import Request

DRAWN = 4
QUALITY = 90
# Grey levels of grain: without it, an enlarged film is smaller in bytes than a real one.
GRAIN = 4.0
NEAR_ENOUGH, MOST_ROUNDS = 0.03, 8
BOUNDARY = "raiox-bench-7d1f9c2e4b"
# Steps of the finer part of the quantisation table: the film looks the same with each.
FIRST_STEP, STEPS = 12, 40
_TABLE = b"\xff\xdb"


class Films:
    """JPEGs of about `size` bytes; the same one again and again if `is_same`. Safe to call from
    threads."""

    def __init__(self, size: int, *, is_same: bool = False) -> None:
        self._drawn = [_sized(seed, size) for seed in range(1 if is_same else DRAWN)]
        self._is_same = is_same
        # Nothing that an earlier run has sent comes again.
        self._numbers = count(secrets.randbits(STEPS - 1))
        self._lock = Lock()

    @property
    def size(self) -> int:
        """Bytes of one, at the mean."""
        return sum(map(len, self._drawn)) // len(self._drawn)

    def __iter__(self) -> Iterator[bytes]:
        while True:
            yield self.next()[1]

    def next(self) -> tuple[int, bytes]:
        """A number that was not used before, and a film."""
        with self._lock:
            number = next(self._numbers)
        film = self._drawn[number % len(self._drawn)]
        return number, film if self._is_same else varied(film, number)

    def upload(self) -> Request:
        """As plain clients send it; each is a client of its own, so that each makes a case."""
        number, film = self.next()
        before = (
            f"--{BOUNDARY}\r\n"
            'Content-Disposition: form-data; name="client_id"\r\n\r\n'
            f"bench-{number}\r\n"
            f"--{BOUNDARY}\r\n"
            'Content-Disposition: form-data; name="file"; filename="film.jpg"\r\n'
            "Content-Type: image/jpeg\r\n\r\n"
        )
        body = b"".join((before.encode(), film, f"\r\n--{BOUNDARY}--\r\n".encode()))
        return Request("POST", "/upload", body, f"multipart/form-data; boundary={BOUNDARY}")


def varied(film: bytes, number: int) -> bytes:
    """The film with other pixels for each number below 2**40, at the cost of a copy: the number
    is written, bit by bit, into the steps that its greys are rounded to. Encoding every film anew
    would take the machine more time than reading it."""
    table = film.index(_TABLE) + 5 + FIRST_STEP
    changed = bytearray(film)
    for bit in range(STEPS):
        step = changed[table + bit]
        if number >> bit & 1:
            changed[table + bit] = step + 1 if step < 255 else step - 1
    return bytes(changed)


def _sized(seed: int, size: int) -> bytes:
    """A phantom, enlarged or reduced until its JPEG is about as large as wanted."""
    lines = demo_catalogue()
    film = render_film(lines[seed % len(lines)], seed=900_000 + seed, difficulty="clinic").image
    scale, content = 1.0, b""
    for _round in range(MOST_ROUNDS):
        content = _jpeg(film, scale, seed)
        if abs(len(content) / size - 1) < NEAR_ENOUGH:
            break
        scale *= (size / len(content)) ** 0.5
    return content


def _jpeg(film: Image.Image, scale: float, seed: int) -> bytes:
    width, height = (max(64, round(side * scale)) for side in film.size)
    grey = np.asarray(film.resize((width, height), Image.Resampling.BICUBIC), np.float32)
    grain = np.random.default_rng(seed).normal(0, GRAIN, grey.shape)
    buffer = io.BytesIO()
    picture = Image.fromarray(np.clip(grey + grain, 0, 255).astype(np.uint8))
    picture.save(buffer, "JPEG", quality=QUALITY)
    return buffer.getvalue()
