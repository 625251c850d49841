"""Which implants of the catalogue a file name speaks of."""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass

from django.utils.translation import gettext as _

from implants import filenames
from implants.filenames import NamedImplant, NameNotUnderstood
from implants.models import Implant

# A list that long helps nobody to choose.
MAX_CHOICES = 300


@dataclass(frozen=True)
class Assignment:
    """Where a file belongs: `implant` when its name leaves no doubt; otherwise `reason` says
    why not, and `choices` are the implants that come nearest."""

    path: str
    implant: Implant | None
    choices: list[Implant]
    reason: str = ""


def of_line(named: NamedImplant, implants: Iterable[Implant]) -> list[Implant]:
    """Those of the line that is named, in whatever size."""
    # NOBEL_ACTIVE is Nobel Biocare's line NobelActive.
    first_word = named.manufacturer.split()[0]
    wanted = {filenames.key(named.name), filenames.key(first_word + named.name)}
    return [one for one in implants if not wanted.isdisjoint(filenames.name_keys(one.name))]


def fitting(named: NamedImplant, line: Iterable[Implant]) -> list[Implant]:
    """Those of the line that have the named diameter (all of them where none is named); the
    one that is spelled alike where several have it."""
    found = [one for one in line if named.diameter_mm in (None, one.diameter_mm)]
    wanted = filenames.key(named.name)
    alike = [one for one in found if filenames.key(one.name) == wanted]
    return alike if len(found) > 1 and len(alike) == 1 else found


class Shelves:
    """The active implants by manufacturer, read once for many file names."""

    def __init__(self) -> None:
        self._by_key: dict[str, list[Implant]] = defaultdict(list)
        for implant in Implant.objects.active():
            self._by_key[filenames.key(implant.manufacturer)].append(implant)

    def assign(self, path: str) -> Assignment:
        try:
            named = filenames.parse(path, manufacturers=self._manufacturers())
        except NameNotUnderstood:
            return Assignment(path, None, self._all(), _("The name says no implant."))
        shelf = self._by_key.get(filenames.key(named.manufacturer), [])
        if not shelf:
            reason = _("The catalogue has no implant of %(name)s.") % {"name": named.manufacturer}
            return Assignment(path, None, self._all(), reason)
        return _assigned(path, named, shelf)

    def _manufacturers(self) -> list[str]:
        return [shelf[0].manufacturer for shelf in self._by_key.values()]

    def _all(self) -> list[Implant]:
        implants = [implant for shelf in self._by_key.values() for implant in shelf]
        return implants if len(implants) <= MAX_CHOICES else []


def _assigned(path: str, named: NamedImplant, shelf: list[Implant]) -> Assignment:
    line = of_line(named, shelf)
    found = fitting(named, line)
    if len(found) == 1:
        return Assignment(path, found[0], line)
    if found:
        return Assignment(path, None, found, _("The name fits several implants."))
    reason = _("The catalogue has no line %(name)s in this size.") % {"name": named.name}
    return Assignment(path, None, (line or shelf)[:MAX_CHOICES], reason)
