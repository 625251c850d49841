"""How often the matcher had proposed what the reviewer approved."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import TypeVar

from django.db.models import Count, Exists, F, OuterRef, Q, QuerySet, Subquery, Value
from django.db.models.functions import Coalesce, NullIf, TruncWeek
from django.utils import timezone

from cases.models import Case, Result
from matching.encoder import is_untrained
from raiox_site.dashboard.desk import midnight
from raiox_site.dashboard.reliability import Unknown, unknown
from raiox_site.percent import whole

WEEKS = 12
FEW = 3
# After every rank that there is.
NO_RANK = 32767
Key = TypeVar("Key")


@dataclass(frozen=True)
class Agreement:
    """Of `n` fixtures that a reviewer identified, how many had the approved implant as the
    `first` candidate, and how many among the `top` three. Where the comparison said that it is
    probably not in the catalogue, it had proposed none."""

    n: int = 0
    first: int = 0
    top: int = 0

    def __add__(self, other: "Agreement") -> "Agreement":
        return Agreement(self.n + other.n, self.first + other.first, self.top + other.top)

    @property
    def first_share(self) -> float | None:
        """0…100; None of nothing."""
        return 100 * self.first / self.n if self.n else None

    @property
    def top_share(self) -> float | None:
        return 100 * self.top / self.n if self.n else None

    @property
    def first_percent(self) -> int | None:
        return None if self.first_share is None else whole(self.first_share)

    @property
    def top_percent(self) -> int | None:
        return None if self.top_share is None else whole(self.top_share)


@dataclass(frozen=True)
class Report:
    """The last twelve weeks. `untrained` fixtures had candidates of an encoder with random
    weights: their ranks say nothing, and are in no number here. `unknown` is of all fixtures
    that were identified or are not in the catalogue."""

    total: Agreement
    untrained: int
    by_manufacturer: tuple[tuple[str, Agreement], ...]
    by_week: tuple[tuple[date, Agreement], ...]
    unknown: Unknown


@dataclass(frozen=True)
class _Row:
    week: date
    manufacturer: str
    encoder: str
    counted: Agreement


def report(*, at: datetime) -> Report:
    """In two queries. Fixtures that never had a candidate say nothing of the matcher."""
    weeks = _mondays(timezone.localdate(at))
    rows = list(_rows(midnight(weeks[0])))
    measured = [row for row in rows if not is_untrained(row.encoder)]
    by_week = _summed((row.week, row.counted) for row in measured)
    by_manufacturer = _summed((row.manufacturer, row.counted) for row in measured)
    return Report(
        total=sum((row.counted for row in measured), Agreement()),
        untrained=sum(row.counted.n for row in rows if is_untrained(row.encoder)),
        by_manufacturer=tuple(
            sorted(by_manufacturer.items(), key=lambda item: (-item[1].n, item[0]))
        ),
        by_week=tuple((week, by_week.get(week, Agreement())) for week in weeks),
        unknown=unknown(since=midnight(weeks[0])),
    )


def since(start: datetime) -> Agreement:
    """Of all fixtures decided since then whose candidates came from a trained encoder."""
    rows = [row for row in _rows(start) if not is_untrained(row.encoder)]
    return sum((row.counted for row in rows), Agreement())


def _mondays(today: date) -> list[date]:
    monday = today - timedelta(days=today.weekday())
    return [monday - timedelta(weeks=number) for number in reversed(range(WEEKS))]


def _rows(start: datetime) -> Iterator[_Row]:
    """Of the implants approved for one fixture the best ranked counts; one that the reviewer
    added has no rank, and its encoder is that of the fixture's first candidate."""
    first = Result.objects.filter(finding=OuterRef("finding"), rank=1).values("encoder")
    is_proposed = ~Q(finding__is_unknown=True)
    counted = (
        _best(start)
        .values(
            week=TruncWeek("finding__case_image__case__decided_at"),
            manufacturer=F("implant__manufacturer"),
            matched_by=Coalesce(NullIf("encoder", Value("")), Subquery(first)),
        )
        .annotate(
            n=Count("pk"),
            first=Count("pk", filter=Q(rank=1) & is_proposed),
            top=Count("pk", filter=Q(rank__lte=FEW) & is_proposed),
        )
        .values_list("week", "manufacturer", "matched_by", "n", "first", "top")
    )
    for week, manufacturer, encoder, *numbers in counted:
        if encoder:
            yield _Row(timezone.localdate(week), manufacturer, encoder, Agreement(*numbers))


def _best(start: datetime) -> QuerySet[Result]:
    """The approved results that have no better ranked one beside them."""
    approved = Result.objects.filter(approved=True).annotate(place=Coalesce("rank", NO_RANK))
    is_better = Q(place__lt=OuterRef("place")) | Q(place=OuterRef("place"), pk__lt=OuterRef("pk"))
    case = "finding__case_image__case"
    return approved.filter(
        ~Exists(approved.filter(is_better, finding=OuterRef("finding"))),
        **{
            f"{case}__status__in": (Case.Status.APPROVED, Case.Status.ARCHIVED),
            f"{case}__decided_at__gte": start,
        },
    ).order_by()


def _summed(pairs: Iterable[tuple[Key, Agreement]]) -> dict[Key, Agreement]:
    sums: dict[Key, Agreement] = {}
    for key, counted in pairs:
        sums[key] = sums.get(key, Agreement()) + counted
    return sums
