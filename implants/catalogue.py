"""The packaged demonstration catalogue: 32 implants, as facts, without a database."""

import csv
from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from importlib import resources

from implants.vocabulary import FEATURES

VOCABULARIES: dict[str, frozenset[str]] = {
    feature: frozenset(words.values) for feature, words in FEATURES.items()
}
REQUIRED = ("manufacturer", "name", "type", "source")


class CatalogueError(ValueError):
    """A line of the catalogue holds something that is not a fact we can use."""


@dataclass(frozen=True)
class CatalogueFacts:
    """One implant as the catalogue states it, sizes in mm.

    Not known is None for a number and "" for a word, never a guess. `thread_pitch_mm` is from
    crest to crest, whatever the number of leads; `source` also says what is to be verified.
    """

    manufacturer: str
    name: str
    type: str
    diameter_mm: Decimal
    length_mm: Decimal
    platform_diameter_mm: Decimal | None
    body_shape: str
    connection: str
    level: str
    collar: str
    collar_height_mm: Decimal | None
    thread: str
    thread_pitch_mm: Decimal | None
    thread_leads: int | None
    apex: str
    platform_switching: str
    source: str


def demo_catalogue() -> list[CatalogueFacts]:
    """The packaged catalogue, in file order."""
    packaged = resources.files("implants") / "data" / "demo_catalogue.csv"
    return read_catalogue(packaged.read_text(encoding="utf-8").splitlines())


def read_catalogue(lines: Iterable[str]) -> list[CatalogueFacts]:
    """Parse catalogue text; CatalogueError names the line (the header is line 1)."""
    reader = csv.DictReader(lines, strict=True)
    try:
        return [_facts(row) for row in reader]
    except (CatalogueError, KeyError, AttributeError, csv.Error) as error:
        raise CatalogueError(f"line {reader.line_num}: {error}") from error


def _facts(row: dict[str, str]) -> CatalogueFacts:
    texts = {column: _text(row, column) for column in REQUIRED}
    words = {column: _word(row, column) for column in VOCABULARIES}
    return CatalogueFacts(
        **texts,
        **words,
        diameter_mm=_required_mm(row, "diameter_mm"),
        length_mm=_required_mm(row, "length_mm"),
        platform_diameter_mm=_mm(row, "platform_diameter_mm"),
        collar_height_mm=_mm(row, "collar_height_mm"),
        thread_pitch_mm=_mm(row, "thread_pitch_mm"),
        thread_leads=_count(row, "thread_leads"),
    )


def _text(row: dict[str, str], column: str) -> str:
    if text := row[column].strip():
        return text
    raise CatalogueError(f"{column} is empty")


def _word(row: dict[str, str], column: str) -> str:
    word = row[column].strip()
    if word and word not in VOCABULARIES[column]:
        raise CatalogueError(f"{column}: {word!r} is not in the vocabulary")
    return word


def _mm(row: dict[str, str], column: str) -> Decimal | None:
    text = row[column].strip()
    if not text:
        return None
    try:
        value = Decimal(text)
    except InvalidOperation as error:
        raise CatalogueError(f"{column}: {text!r} is not a number") from error
    if value.is_finite() and value > 0:
        return value
    raise CatalogueError(f"{column}: {text!r} is not a size in mm")


def _required_mm(row: dict[str, str], column: str) -> Decimal:
    value = _mm(row, column)
    if value is not None:
        return value
    raise CatalogueError(f"{column} is empty")


def _count(row: dict[str, str], column: str) -> int | None:
    text = row[column].strip()
    if text and text not in {"1", "2", "3", "4"}:
        raise CatalogueError(f"{column}: {text!r} is not a number of leads")
    return int(text) if text else None
