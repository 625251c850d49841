"""What was identified in an approved case, and how sure that is."""

from dataclasses import dataclass

from django.db.models import TextChoices
from django.utils.translation import gettext_lazy as _

from cases.models import Case, Result
from implants.models import Implant

UNTRAINED = "/random@"
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


def identified(case: Case) -> list[Identified]:
    """The approved implants, each once for a tooth, in the order of the films."""
    results: dict[tuple[int, int | None], Result] = {}
    for result in case.approved_results:
        results.setdefault((result.implant_id, result.finding.tooth), result)
    # The sender's tooth says nothing about a second implant on the same film.
    only_tooth = case.tooth if len(results) == 1 else None
    return [_identified(result, only_tooth) for result in results.values()]


def _identified(result: Result, only_tooth: int | None) -> Identified:
    was_compared = result.rank is not None and UNTRAINED not in result.encoder
    return Identified(
        implant=result.implant,
        tooth=result.finding.tooth or only_tooth,
        confidence=_confidence(result.rank) if was_compared else Confidence.REVIEWER,
        similarity=result.similarity if was_compared else None,
    )


def _confidence(rank: int | None) -> Confidence:
    if rank == 1:
        return Confidence.HIGH
    return Confidence.MEDIUM if rank and rank <= FEW else Confidence.LOW
