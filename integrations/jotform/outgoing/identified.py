"""What was identified in a decided case, and how sure that is."""

from collections.abc import Sequence
from dataclasses import dataclass

from django.db.models import TextChoices
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from cases.models import Case, Finding, Result
from cases.verdicts import in_order
from implants.models import Implant
from matching.encoder import is_untrained

FEW = 3


class Confidence(TextChoices):
    """How the person's choice and the comparison agree; no probability."""

    HIGH = "high", _("high (first proposal of the comparison)")
    MEDIUM = "medium", _("medium (among the first proposals of the comparison)")
    LOW = "low", _("low (far down in the comparison)")
    REVIEWER = "reviewer", _("chosen by the reviewer")


@dataclass(frozen=True)
class Identified:
    implant: Implant
    tooth: int | None
    confidence: Confidence
    similarity: float | None

    def __str__(self) -> str:
        implant = self.implant
        named = [implant.manufacturer, implant.name, implant.type, implant.size]
        tooth = [f"{gettext('tooth')} {self.tooth}"] if self.tooth else []
        confidence = f"{gettext('confidence')}: {self.confidence.label}"
        return "; ".join([", ".join(filter(None, named)), *tooth, confidence])


@dataclass(frozen=True)
class Fixture:
    """One fixture and what was decided about it: `implants` where it was identified (several:
    it is one of these), else why not. `place` is the film, and whether it is marked on it."""

    outcome: str
    reason: str
    tooth: int | None
    implants: tuple[Identified, ...]
    place: tuple[int, bool]

    @property
    def label(self) -> str:
        return str(Finding.Outcome(self.outcome).label)

    def shows_the_same(self, other: "Fixture") -> bool:
        """Whether this is likely the same fixture on another film."""
        said = (self.outcome, self.reason, self.tooth, self.implants)
        is_elsewhere = self.place[0] != other.place[0]
        return is_elsewhere and said == (other.outcome, other.reason, other.tooth, other.implants)


def fixtures(case: Case) -> list[Fixture]:
    """What was decided about each fixture, in the order in which people see them numbered. A
    fixture that several films show is there once."""
    found: list[Fixture] = []
    for finding in in_order(_decided(case)):
        one = _fixture(finding)
        if not any(one.shows_the_same(other) for other in found):
            found.append(one)
    return found


def _decided(case: Case) -> list[Finding]:
    findings = Finding.objects.filter(case_image__case=case)
    return [
        finding
        for finding in findings.prefetch_related("results__implant")
        if finding.outcome or any(result.approved for result in finding.results.all())
    ]


def _fixture(finding: Finding) -> Fixture:
    approved = [result for result in finding.results.all() if result.approved]
    return Fixture(
        outcome=Finding.Outcome.IDENTIFIED if approved else finding.outcome,
        reason=finding.reason,
        tooth=finding.tooth,
        implants=tuple(_identified(result, finding.tooth) for result in approved),
        place=(finding.case_image_id, bool(finding.box)),
    )


def are_from_left_to_right(found: Sequence[Fixture]) -> bool:
    """Whether only their order tells two fixtures of one film apart."""
    nameless = [one.place[0] for one in found if one.tooth is None and one.place[1]]
    return len(nameless) > len(set(nameless))


def identified(case: Case) -> list[Identified]:
    """The approved implants, each once for a tooth, in the order of the films."""
    results: dict[tuple[int, int | None], Result] = {}
    for result in case.approved_results:
        results.setdefault((result.implant_id, result.finding.tooth), result)
    # The sender's tooth says nothing about a second fixture on the same film.
    is_one = len(results) == 1 or len({one.finding_id for one in results.values()}) == 1
    only_tooth = case.tooth if is_one else None
    return [_identified(one, one.finding.tooth or only_tooth) for one in results.values()]


def _identified(result: Result, tooth: int | None) -> Identified:
    was_compared = result.rank is not None and not is_untrained(result.encoder)
    # Against the comparison, which held the implant to be one that the catalogue lacks.
    was_compared &= not result.finding.is_unknown
    return Identified(
        implant=result.implant,
        tooth=tooth,
        confidence=_confidence(result.rank) if was_compared else Confidence.REVIEWER,
        similarity=result.similarity if was_compared else None,
    )


def _confidence(rank: int | None) -> Confidence:
    if rank == 1:
        return Confidence.HIGH
    return Confidence.MEDIUM if rank and rank <= FEW else Confidence.LOW
