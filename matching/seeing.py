"""What was seen on a film, the same for the same film, and its bytes in a cache.

The layout is fixed, and nothing in it is ever run: whoever can write into a cache can at most
make a film be compared with the wrong vectors.
"""

import hashlib
import struct
from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from functools import cache

import numpy as np
from PIL import Image

from implants.reference_state import Doubt
from matching import finder, measured, quality
from matching.boxes import Box
from matching.encoder import BATCH, DIMENSIONS, ClipEncoder, Vector
from matching.finder import Found
from matching.finding import refining
from matching.normalisation import normalise

# Changed with the layout, and with anything else that makes another thing be seen.
BEGINNING = b"raiox-film-1"
HEAD = struct.Struct("<32sHHB")
# Films of different requests, whose fixtures the encoder then takes together.
AT_ONCE = BATCH
FIXTURE = np.dtype("<f8"), 6


@dataclass(frozen=True)
class Seen:
    """The fixtures that the finder found, the surest first (none: the film was looked up as a
    whole), codes of what is doubtful, and the vectors of `encoder`, of shape (fixtures or 1,
    512)."""

    encoder: str
    found: list[Found]
    doubts: list[str]
    vectors: Sequence[Vector]
    # Not where the finder stumbled: another time it may find something.
    is_certain: bool = True

    def as_bytes(self) -> bytes:
        encoder, doubts = self.encoder.encode(), " ".join(self.doubts).encode()
        boxes = [
            (one.box.x, one.box.y, one.box.width, one.box.height, one.box.angle, one.score)
            for one in self.found
        ]
        return b"".join(
            (
                BEGINNING,
                HEAD.pack(_finder(), len(encoder), len(doubts), len(boxes)),
                encoder,
                doubts,
                np.asarray(boxes, FIXTURE[0]).tobytes(),
                np.asarray(self.vectors, "<f4").tobytes(),
            )
        )


def see(film: Image.Image, *, encoder: ClipEncoder) -> Seen:
    """What there is on a film (mode L). Asks no database: any thread may do it.

    Raises EncoderError.
    """
    looked = finder.look(film)
    found = looked or []
    doubts = _beside().submit(doubts_of, film, [one.box for one in found])
    boxes: list[Box | None] = [one.box for one in found]
    with measured.stage(measured.Stage.ENCODE):
        vectors = encoder.encode([normalise(film, box) for box in boxes or [None]])
    return Seen(encoder.id, found, doubts.result(), list(vectors), is_certain=looked is not None)


def begin(film: Image.Image, *, encoder: ClipEncoder) -> Future[Seen]:
    """As `see`, in another thread, beside whatever the caller does meanwhile."""
    return _threads().submit(see, film, encoder=encoder)


@cache
def _threads() -> ThreadPoolExecutor:
    """Of this process, made at its first need: never before a fork."""
    return ThreadPoolExecutor(AT_ONCE, thread_name_prefix="seeing")


@cache
def _beside() -> ThreadPoolExecutor:
    """For what others of these threads wait for: they must not wait for each other's places."""
    return ThreadPoolExecutor(AT_ONCE, thread_name_prefix="doubts")


def doubts_of(film: Image.Image, boxes: Sequence[Box]) -> list[str]:
    """What is doubtful about a film (mode L) with fixtures in these boxes, as codes. That there
    are several is no doubt here: each is compared by itself."""
    found = quality.film_doubts(film, boxes)
    return [code for code in found if code != Doubt.SEVERAL_FIXTURES]


def from_bytes(data: bytes) -> Seen | None:
    """None for what is not as `Seen.as_bytes` writes it, or was seen by another finder."""
    try:
        if not data.startswith(BEGINNING):
            return None
        finder_digest, *lengths = HEAD.unpack_from(data, len(BEGINNING))
        if finder_digest != _finder():
            return None
        return _parsed(data[len(BEGINNING) + HEAD.size :], *lengths)
    except (struct.error, ValueError):
        return None


def _parsed(data: bytes, encoder: int, doubts: int, fixtures: int) -> Seen:
    """Raises ValueError for another length."""
    kind, columns = FIXTURE
    begin = encoder + doubts
    middle = begin + fixtures * columns * kind.itemsize
    boxes = np.frombuffer(data[begin:middle], kind).reshape(fixtures, columns)
    vectors = np.frombuffer(data[middle:], "<f4").reshape(max(fixtures, 1), DIMENSIONS)
    if not (np.isfinite(boxes).all() and np.isfinite(vectors).all()):
        raise ValueError("not a number")
    return Seen(
        data[:encoder].decode(),
        [Found(Box(*row[:-1]), row[-1]) for row in boxes.tolist()],
        data[encoder:begin].decode().split(),
        list(vectors.astype(np.float32)),
    )


@cache
def _finder() -> bytes:
    """Digest of the weights by which fixtures are found."""
    digest = hashlib.sha256()
    for path in (finder.WEIGHTS, refining.WEIGHTS):
        digest.update(path.read_bytes())
    return digest.digest()
