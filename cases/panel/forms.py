"""What the case page shows, and what comes back from it."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace

from django.http import QueryDict
from django.utils.translation import gettext as _

from cases.models import Case, CaseImage, Finding, Result
from cases.review import Choice, ReviewError
from implants.models import Implant, ReferenceImage

SEARCH_LIMIT = 12
_CHOICE = re.compile(r"([0-9]{1,18}):([0-9]{1,18})")


@dataclass(frozen=True)
class Decision:
    """What the reviewer ticked and typed, kept as sent, so that a refusal loses nothing, and
    the revision of the case that the page showed."""

    ticked: frozenset[str] = frozenset()
    reason: str = ""
    note: str = ""
    revision: int | None = None

    @classmethod
    def of(cls, data: QueryDict) -> "Decision":
        return cls(
            ticked=frozenset(data.getlist("choice")),
            reason=_typed(data.get("reason", "")),
            note=_typed(data.get("note", "")),
            revision=_revision(data.get("revision")),
        )

    def is_outdated(self, case: Case) -> bool:
        return self.revision not in (None, case.revision)

    def choices(self) -> list[Choice]:
        """Raises ReviewError when a tick box came back with another value than its own."""
        return [_choice(value) for value in sorted(self.ticked)]

    def readable_choices(self) -> list[Choice]:
        return [_choice(value) for value in sorted(self.ticked) if _CHOICE.fullmatch(value)]


def _typed(text: str) -> str:
    """A browser counts a line break as one character and sends it as two."""
    return text.replace("\x00", "").replace("\r\n", "\n")


def _revision(text: str | None) -> int | None:
    """None where the page sent none; what cannot be read is no revision that a case has."""
    if text is None:
        return None
    return int(text) if _is_id(text) else 0


def _choice(value: str) -> Choice:
    match = _CHOICE.fullmatch(value)
    if match is None:
        raise ReviewError(_("The choice could not be read. Please choose again."))
    return Choice(finding_id=int(match[1]), implant_id=int(match[2]))


@dataclass(frozen=True)
class Pick:
    """An implant that can be ticked for a finding: a candidate, or one that was searched."""

    finding: Finding
    implant: Implant
    result: Result | None = None
    is_ticked: bool = False

    @property
    def value(self) -> str:
        return f"{self.finding.pk}:{self.implant.pk}"

    @property
    def reference(self) -> ReferenceImage | None:
        """The reference that was compared; where none was or it is gone, the implant's picture."""
        compared = self.result.reference_image if self.result else None
        return compared or self.implant.picture

    @property
    def is_reference_gone(self) -> bool:
        result = self.result
        return result is not None and result.rank is not None and result.reference_image is None


@dataclass(frozen=True)
class FindingBlock:
    finding: Finding
    candidates: list[Pick]
    others: list[Pick] = field(default_factory=list)
    query: str = ""
    is_cut: bool = False

    @property
    def encoders(self) -> list[str]:
        return sorted({pick.result.encoder for pick in self.candidates if pick.result} - {""})

    @property
    def is_random(self) -> bool:
        """Candidates of an encoder without skill stay worthless after another is configured."""
        return any("/random@" in encoder for encoder in self.encoders)


@dataclass(frozen=True)
class FilmBlock:
    image: CaseImage
    findings: list[FindingBlock]


@dataclass(frozen=True)
class Searches:
    """What was typed into the search fields of the page, by finding (without JavaScript)."""

    texts: Mapping[int, str] = field(default_factory=dict)

    @classmethod
    def of(cls, data: QueryDict) -> "Searches":
        prefix = "q-"
        return cls(
            {
                int(name.removeprefix(prefix)): clean_query(data.get(name, ""))
                for name in data
                if name.startswith(prefix) and _is_id(name.removeprefix(prefix))
            }
        )


def finding_id(data: QueryDict) -> int | None:
    asked = data.get("finding", "")
    return int(asked) if _is_id(asked) else None


def _is_id(text: str) -> bool:
    return text.isascii() and text.isdecimal() and len(text) <= 18


def clean_query(text: str) -> str:
    return " ".join(text.replace("\x00", "").split())[:100]


def find_implants(text: str, *, leaving_out: Iterable[int] = ()) -> tuple[list[Implant], bool]:
    """Active implants that the search of the catalogue finds; whether more exist."""
    text = clean_query(text)
    if not text:
        return [], False
    found = Implant.objects.active().search(text).exclude(pk__in=list(leaving_out))
    implants = list(found.with_references()[: SEARCH_LIMIT + 1])
    return implants[:SEARCH_LIMIT], len(implants) > SEARCH_LIMIT


def film_blocks(case: Case, decision: Decision, searches: Searches) -> list[FilmBlock]:
    """The films of a case (from `for_review`) with their candidates, and what was ticked."""
    kept = _posted_implants(decision)
    return [
        FilmBlock(
            image,
            [_finding_block(finding, decision, searches, kept) for finding in image.findings.all()],
        )
        for image in case.images.all()
    ]


def _posted_implants(decision: Decision) -> dict[int, Implant]:
    ids = {choice.implant_id for choice in decision.readable_choices()}
    return Implant.objects.with_references().in_bulk(ids) if ids else {}


def _finding_block(
    finding: Finding, decision: Decision, searches: Searches, posted: dict[int, Implant]
) -> FindingBlock:
    results = list(finding.results.all())
    proposed = {result.implant_id for result in results}
    kept = [
        posted[choice.implant_id]
        for choice in decision.readable_choices()
        if choice.finding_id == finding.pk and choice.implant_id in posted
        if choice.implant_id not in proposed
    ]
    text = searches.texts.get(finding.pk, "")
    known = proposed | {implant.pk for implant in kept}
    found, is_cut = find_implants(text, leaving_out=known)
    return FindingBlock(
        finding=finding,
        candidates=[_pick(finding, result.implant, decision, result) for result in results],
        others=[_pick(finding, implant, decision) for implant in [*kept, *found]],
        query=text,
        is_cut=is_cut,
    )


def _pick(
    finding: Finding, implant: Implant, decision: Decision, result: Result | None = None
) -> Pick:
    pick = Pick(finding, implant, result)
    return replace(pick, is_ticked=pick.value in decision.ticked)


def searched_block(finding: Finding, text: str, decision: Decision) -> FindingBlock:
    """What the live search shows: implants of the catalogue that are no candidates already,
    and those that were ticked before."""
    searches = Searches({finding.pk: clean_query(text)})
    return _finding_block(finding, decision, searches, _posted_implants(decision))
