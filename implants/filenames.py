"""What the name of a reference file says about the implant on it.

Two conventions: `<MANUFACTURER>_<LINE>_<DIAMETER>mm[_nn].jpg`, for example
`STRAUMANN_BLX_4.5mm_11.jpg`, and one folder per manufacturer,
`straumann/bone_level_tapered_01.jpg` (a diameter may stand there too).
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal
from pathlib import PurePosixPath

SUFFIXES = frozenset({".jpg", ".jpeg", ".png", ".webp", ".heic", ".heif", ".dcm"})
ALIASES = {
    "nobel": "Nobel Biocare",
    "nobelbiocare": "Nobel Biocare",
    "straumann": "Straumann",
    "neodent": "Neodent",
    "zimmer": "Zimmer",
    "zimmerbiomet": "Zimmer",
    "zimvie": "Zimmer",
}
# What the catalogue can hold.
MAX_MANUFACTURER = 100
MAX_LINE = 150
MAX_DIAMETER_MM = 20

_DIAMETER = re.compile(r"(?P<line>.+?)[_ -]+(?P<mm>\d{1,2}(?:[.,]\d{1,2})?)\s*mm", re.IGNORECASE)
_NUMBER = re.compile(r"[_ -]+\d{1,4}$")
_MILLIMETRES = re.compile(r"\d[\s_-]*mm(?![^\W\d_])", re.IGNORECASE)
_MILLIMETRES_AT_ONCE = re.compile(r"\dmm(?![^\W\d_])", re.IGNORECASE)
_BRACKETS = re.compile(r"\((.*?)\)")


class NameNotUnderstood(ValueError):
    """The file name follows neither convention."""


@dataclass(frozen=True)
class NamedImplant:
    manufacturer: str
    name: str
    diameter_mm: Decimal | None


def key(text: str) -> str:
    """What two spellings of one name have in common: letters and digits, in lower case."""
    return "".join(character for character in text.casefold() if character.isalnum())


def name_keys(name: str) -> set[str]:
    """The keys a line answers to: `BLX (RB)` is also found as `BLX`, and
    `Tapered Screw-Vent (TSV)` by its initials too."""
    plain = _BRACKETS.sub("", name)
    initials = "".join(word[0] for word in re.findall(r"[^\W_]+", plain)).casefold()
    keys = {key(name), key(plain)}
    # One letter in brackets is a variant: `BLX (B)`.
    if len(initials) > 1 and initials in map(key, _BRACKETS.findall(name)):
        keys.add(initials)
    return keys - {""}


def parse(path: str, *, manufacturers: Iterable[str] = ()) -> NamedImplant:
    """The implant that a path below the reference folder names.

    `manufacturers` are names the catalogue knows already. Raises NameNotUnderstood.
    """
    try:
        path.encode()
    except UnicodeEncodeError:
        raise NameNotUnderstood("the name is not UTF-8") from None
    file = PurePosixPath(path)
    if file.suffix.lower() not in SUFFIXES:
        raise NameNotUnderstood(f"{file.suffix or 'no extension'} is not an image name")
    known = ALIASES | {key(name): name for name in manufacturers}
    folder = _manufacturer_folder(file.parent, known)
    stem = file.stem.strip()
    # A file may repeat its manufacturer inside the manufacturer's folder.
    manufacturer, rest = _split_manufacturer(stem, known)
    if folder and not manufacturer:
        manufacturer = known.get(key(folder)) or _words(folder)
    elif not manufacturer:
        manufacturer, _separator, rest = stem.partition("_")
        manufacturer = _words(manufacturer)
        if not _DIAMETER.match(rest):
            raise NameNotUnderstood("expected <MANUFACTURER>_<LINE>_<DIAMETER>mm[_nn]")
    line, diameter = _line_and_diameter(rest)
    if not key(manufacturer) or not key(line) or key(line).isdecimal():
        raise NameNotUnderstood("the manufacturer or the line is missing")
    # With a diameter after it, `SHORT 4 MM` is a part of the line's name.
    if (_MILLIMETRES if diameter is None else _MILLIMETRES_AT_ONCE).search(line):
        raise NameNotUnderstood("the number before mm is not a diameter")
    if len(manufacturer) > MAX_MANUFACTURER or len(line) > MAX_LINE:
        raise NameNotUnderstood("the manufacturer or the line is too long")
    if diameter is not None and not 0 < diameter < MAX_DIAMETER_MM:
        raise NameNotUnderstood(f"{diameter} mm is not that of an implant")
    return NamedImplant(manufacturer, _words(line), diameter)


def _manufacturer_folder(folder: PurePosixPath, known: dict[str, str]) -> str:
    """The first folder that is a known manufacturer, otherwise the first that may be one."""
    # Folders by year stand around those of the manufacturers.
    names = [name for name in folder.parts if not key(name).isdecimal()]
    return next((name for name in names if key(name) in known), names[0] if names else "")


def _split_manufacturer(stem: str, known: dict[str, str]) -> tuple[str, str]:
    """The longest known manufacturer that the name begins with, and what follows it."""
    parts = stem.split("_")
    for count in range(len(parts) - 1, 0, -1):
        name = known.get(key("_".join(parts[:count])))
        if name:
            return name, "_".join(parts[count:])
    return "", stem


def _line_and_diameter(rest: str) -> tuple[str, Decimal | None]:
    found = _DIAMETER.match(rest)
    if found:
        return found["line"], Decimal(found["mm"].replace(",", "."))
    return _NUMBER.sub("", rest), None


def _words(text: str) -> str:
    """`BONE_LEVEL_TAPERED` → `Bone Level Tapered`; short words are abbreviations (`BLX`)."""
    words = re.split(r"[_\s]+", text.strip("_ -"))
    return " ".join(
        word.upper() if len(word) <= 3 else word[:1].upper() + word[1:].lower()
        for word in words
        if word
    )
