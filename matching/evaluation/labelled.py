"""Films of which it is known what they show."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum

from PIL import Image

from implants import filenames
from implants.catalogue import CatalogueFacts
from matching.boxes import Box


class EvaluationError(ValueError):
    """There is nothing that could be measured. `str()` is a sentence for people."""


class Part(StrEnum):
    """On which side a film stands; `ANY` leaves it to the split."""

    ANY = ""
    REFERENCE = "reference"
    QUERY = "query"


@dataclass(frozen=True)
class LabelledFilm:
    """One fixture on one film.

    `read` gives the uncropped film (mode L) and may raise RadiographError or OSError; `box` is
    where the fixture is known to lie, in pixels of that film. `label` is equal for all films of
    one implant. Films of one `group` (a patient, or the file itself) never stand on both sides.
    `name` is what people are shown, `digest` the sha256 of the file where it is known.
    """

    name: str
    label: str
    manufacturer: str
    line: str
    group: str
    read: Callable[[], Image.Image]
    connection: str = ""
    box: Box | None = None
    part: Part = Part.ANY
    digest: str = ""
    facts: CatalogueFacts | None = None


@dataclass(frozen=True)
class Skipped:
    """A film that could not be used, and why."""

    name: str
    reason: str


@dataclass(frozen=True)
class Collection:
    """Labelled films, in a fixed order, and what had to be left out."""

    films: list[LabelledFilm]
    skipped: list[Skipped]


def label_of(
    manufacturer: str, line: str, diameter_mm: Decimal | None, length_mm: Decimal | None
) -> str:
    """`Straumann BLX 4.5 × 12 mm`: the one name that all films of an implant share."""
    sizes = " × ".join(f"{size.normalize():f}" for size in (diameter_mm, length_mm) if size)
    return f"{manufacturer} {line} {sizes} mm" if sizes else f"{manufacturer} {line}"


class Spellings:
    """One spelling for each name, the first that is met: `blx` and `BLX` are one line."""

    def __init__(self, known: Iterable[str] = ()) -> None:
        self._known: dict[str, str] = {}
        for name in known:
            self.of(name)

    def of(self, name: str) -> str:
        return self._known.setdefault(filenames.key(name) or name, name)
