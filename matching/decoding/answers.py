"""What a decoder may find, and the frames that carry it between the two processes."""

import enum
import struct
from dataclasses import dataclass
from typing import NoReturn

# Bytes of the file that follow, most pixels, seconds for the work.
REQUEST = struct.Struct("!QQd")
# Outcome, width, height; for a film as many bytes of grey follow.
ANSWER = struct.Struct("!III")

MIN_SIDE = 32
# A fixture is at most about six times as long as wide; an image far thinner than that shows
# none, and padded to a square it would cost memory with the square of its length.
MAX_ASPECT = 8


class Outcome(enum.IntEnum):
    FILM = 0
    NOT_AN_IMAGE = 1
    DAMAGED = 2
    TOO_MANY_PIXELS = 3
    TOO_SMALL = 4
    TOO_ELONGATED = 5
    NO_PICTURE = 6
    TOO_DEMANDING = 7


class Refused(Exception):
    """The file is no usable film: `outcome` says why."""

    def __init__(self, outcome: Outcome) -> None:
        super().__init__(outcome.name)
        self.outcome = outcome


@dataclass(frozen=True)
class Grey:
    """A film: one byte of grey for each pixel, row by row from the top."""

    width: int
    height: int
    pixels: bytes | bytearray


def check_dimensions(width: int, height: int, *, most_pixels: int) -> None:
    """Raise Refused for a size that no film has."""
    if width * height > most_pixels:
        _refuse(Outcome.TOO_MANY_PIXELS)
    if min(width, height) < MIN_SIDE:
        _refuse(Outcome.TOO_SMALL)
    if max(width, height) > MAX_ASPECT * min(width, height):
        _refuse(Outcome.TOO_ELONGATED)


def _refuse(outcome: Outcome) -> NoReturn:
    raise Refused(outcome)
