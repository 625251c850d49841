"""Every sentence that a person reads has a Portuguese translation, and it is compiled."""

import io
import re
from collections.abc import Iterator
from pathlib import Path

import polib
from babel.messages.extract import DEFAULT_KEYWORDS, extract
from django.conf import settings
from django.utils.translation.template import templatize

PACKAGES = ["implants", "matching", "cases", "integrations", "raiox_site"]
KEYWORDS = {
    **DEFAULT_KEYWORDS,
    "gettext_lazy": None,
    "ngettext_lazy": (1, 2),
    "pgettext_lazy": ((1, "c"), 2),
}
CALL = re.compile(r"""n?gettext\((?:[^'"()]|'(?:[^'\\]|\\.)*'|"(?:[^"\\]|\\.)*")*\)""")
LOCALE = Path("raiox_site/locale/pt_BR/LC_MESSAGES")


def sources() -> Iterator[str]:
    for package in PACKAGES:
        for file in (settings.BASE_DIR / package).rglob("*.py"):
            if not {"tests", "migrations"} & set(file.parts):
                yield file.read_text()
    for file in (settings.BASE_DIR / "templates").rglob("*.html"):
        # What is between the calls is no Python: only the calls are kept.
        yield "\n".join(CALL.findall(templatize(file.read_text())))


def msgids(source: str) -> Iterator[str]:
    for _line, messages, _comments, _context in extract(
        "python", io.BytesIO(source.encode()), keywords=KEYWORDS
    ):
        yield messages if isinstance(messages, str) else messages[0]


def catalogue() -> polib.POFile:
    return polib.pofile(str(settings.BASE_DIR / LOCALE / "django.po"))


def test_every_sentence_is_translated() -> None:
    translated = {
        entry.msgid
        for entry in catalogue()
        if entry.translated() and not entry.obsolete and "fuzzy" not in entry.flags
    }
    used = {msgid for source in sources() for msgid in msgids(source)} - {""}
    assert len(used) > 200
    assert sorted(used - translated) == []


def test_placeholders_survive_the_translation() -> None:
    pattern = re.compile(r"%\(\w+\)[sd]|\{\w*\}")
    wrong = [
        entry.msgid
        for entry in catalogue()
        if not entry.obsolete
        and entry.msgstr
        and sorted(pattern.findall(entry.msgid)) != sorted(pattern.findall(entry.msgstr))
    ]
    assert wrong == []


def test_the_compiled_catalogue_is_that_of_the_text() -> None:
    compiled = polib.mofile(str(settings.BASE_DIR / LOCALE / "django.mo"))
    text = catalogue()
    assert {entry.msgid: entry.msgstr for entry in compiled} == {
        entry.msgid: entry.msgstr for entry in text if entry.translated() and not entry.obsolete
    }
