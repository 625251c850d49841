"""Whether the comparison's probability, and its word that an implant is unknown, held."""

from dataclasses import dataclass
from datetime import datetime

from django.db.models import Count, Q

from cases.models import Case, Finding, Result
from matching.calibration import LEAST_DECISIONS, Bin, of_current_encoder
from matching.encoder import is_current, is_untrained

# "Cannot be read" says nothing about the comparison.
SAYING = (Finding.Outcome.IDENTIFIED, Finding.Outcome.NOT_IN_CATALOGUE)
OVER = (Case.Status.APPROVED, Case.Status.REJECTED, Case.Status.ARCHIVED)


@dataclass(frozen=True)
class Unknown:
    """Of decided fixtures: `said` were held to be not in the catalogue, of which `right` were
    not; `absent` were not in it, said or not."""

    said: int = 0
    right: int = 0
    absent: int = 0


@dataclass(frozen=True)
class Reliability:
    """`decisions` so far for the encoder in use, and how its probability held on those that it
    was not fitted to: empty before there are enough of them and they were measured."""

    decisions: int = 0
    bins: tuple[Bin, ...] = ()

    @property
    def missing(self) -> int:
        """Decisions that are still missing before a probability may be told."""
        return max(LEAST_DECISIONS - self.decisions, 0)


def reliability() -> Reliability | None:
    """None where no decided fixture has candidates of a trained encoder."""
    counted = _by_encoder()
    if all(map(is_untrained, counted)):
        return None
    decisions = sum(number for encoder, number in counted.items() if is_current(encoder))
    measured = of_current_encoder()
    bins = measured.figures.get("reliability", []) if measured else []
    return Reliability(decisions, tuple(Bin(**one) for one in bins))


def unknown(*, since: datetime) -> Unknown:
    """Of fixtures decided since then; those for which nothing was measured are in no number."""
    is_absent = Q(outcome=Finding.Outcome.NOT_IN_CATALOGUE)
    decided = Finding.objects.filter(
        is_unknown__isnull=False,
        outcome__in=SAYING,
        case_image__case__status__in=OVER,
        case_image__case__decided_at__gte=since,
    )
    found = decided.aggregate(
        said=Count("pk", filter=Q(is_unknown=True)),
        right=Count("pk", filter=Q(is_unknown=True) & is_absent),
        absent=Count("pk", filter=is_absent),
    )
    return Unknown(**found)


def _by_encoder() -> dict[str, int]:
    """Decided fixtures by the encoder of their candidates."""
    firsts = Result.objects.filter(
        rank=1,
        finding__outcome__in=SAYING,
        finding__case_image__case__status__in=OVER,
    )
    counted = firsts.order_by().values_list("encoder").annotate(number=Count("pk"))
    return dict(counted)
