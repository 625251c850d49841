"""First candidates that reviewers rejected: what the comparison takes for what."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

from django.db.models import Count, Max

from cases.models import Case, HardNegative, Result
from implants.models import Implant, ReferenceImage
from matching.encoder import is_untrained


@dataclass(frozen=True)
class Confused:
    """How often `rejected` was the first candidate where `approved` was right, and when last."""

    approved: Implant
    rejected: Implant
    times: int
    last: datetime


def keep(case: Case) -> None:
    """Write down, of every fixture that was identified as another implant than the comparison
    put first, the pair of both. Fixtures whose first candidate is among the approved ones, or
    that were not identified, teach nothing; nor does an encoder without training.

    The caller holds the lock of the case, in the transaction of its decision.
    """
    take_back(case)
    results = Result.objects.filter(finding__case_image__case=case)
    approved: dict[int, list[int]] = {}
    for finding_id, implant_id in results.filter(approved=True).values_list(
        "finding_id", "implant_id"
    ):
        approved.setdefault(finding_id, []).append(implant_id)
    first = results.filter(rank=1, approved=False, finding__in=approved)
    HardNegative.objects.bulk_create(
        _pair(result, implant_id)
        for result in first
        if not is_untrained(result.encoder)
        for implant_id in approved[result.finding_id]
    )


def take_back(case: Case) -> None:
    """Forget what the decision of a case taught: it does not stand any more. The caller holds
    the lock of the case."""
    HardNegative.objects.filter(finding__case_image__case=case).delete()


def forget_fixtures(case: Case) -> None:
    """Keep the pairs of a case that is erased, without what leads back to it."""
    HardNegative.objects.filter(finding__case_image__case=case).update(finding=None)


def illustrate(*, finding_id: int, reference: ReferenceImage) -> None:
    """Say which reference became of a fixture, on the pairs that it taught."""
    pairs = HardNegative.objects.filter(finding_id=finding_id, approved=reference.implant_id)
    pairs.update(reference=reference)


def confused(*, encoder: str = "", limit: int | None = None) -> Iterator[Confused]:
    """Pairs of implants, the most frequent first; with an `encoder` id only what it confused."""
    pairs = HardNegative.objects.filter(encoder=encoder) if encoder else HardNegative.objects.all()
    counted = (
        pairs.order_by()
        .values_list("approved", "rejected")
        .annotate(times=Count("pk"), last=Max("created_at"))
        .order_by("-times", "-last", "approved", "rejected")
    )
    rows = list(counted[:limit])
    implants = Implant.objects.in_bulk({pk for row in rows for pk in row[:2]})
    for approved, rejected, times, last in rows:
        yield Confused(implants[approved], implants[rejected], times, last)


def _pair(result: Result, approved_id: int) -> HardNegative:
    return HardNegative(
        finding_id=result.finding_id,
        approved_id=approved_id,
        rejected_id=result.implant_id,
        rejected_reference_id=result.reference_image_id,
        similarity=result.similarity,
        encoder=result.encoder,
    )
