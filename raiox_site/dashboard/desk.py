"""The reviewers' desk in numbers. A day is a local one (TIME_ZONE)."""

from dataclasses import dataclass
from datetime import date, datetime, time, timedelta

from django.db.models import Aggregate, Count, DurationField, F, Min, Q
from django.db.models.functions import TruncDate
from django.utils import timezone

from cases.models import Case, Finding
from cases.models.case import CaseQuerySet
from integrations.models import ResultReturn

WEEK, MONTH = 7, 30
Status, Outcome, Answer = Case.Status, Finding.Outcome, ResultReturn.Status


class Median(Aggregate):
    function = "PERCENTILE_CONT"
    name = "Median"
    template = "%(function)s(0.5) WITHIN GROUP (ORDER BY %(expressions)s)"
    output_field = DurationField()


@dataclass(frozen=True)
class Waiting:
    """What is open; `oldest` is when the case arrived that waits for review the longest."""

    pending: int
    urgent: int
    oldest: datetime | None
    received: int
    failed: int
    without_consent: int = 0


@dataclass(frozen=True)
class Decisions:
    """What was decided today, and how long the middle case took from its arrival to its
    decision: None where nothing was decided. `other` has no code of why."""

    today: int
    approved: int
    not_in_catalogue: int
    unreadable: int
    week: int
    month: int
    median_today: timedelta | None
    median_week: timedelta | None
    median_month: timedelta | None

    @property
    def other(self) -> int:
        return self.today - self.approved - self.not_in_catalogue - self.unreadable


@dataclass(frozen=True)
class Undelivered:
    """Answers that did not arrive: on their way, given up, or without a Jotform key."""

    waiting: int
    given_up: int
    not_configured: int

    @property
    def total(self) -> int:
        return self.waiting + self.given_up + self.not_configured


@dataclass(frozen=True)
class Day:
    day: date
    received: int
    decided: int


def day_start(at: datetime, *, days_ago: int = 0) -> datetime:
    """When the local day of `at` began, or a day before it."""
    return midnight(timezone.localdate(at) - timedelta(days=days_ago))


def midnight(day: date) -> datetime:
    return timezone.make_aware(datetime.combine(day, time.min))


def decided_since(start: datetime) -> CaseQuerySet:
    """Cases whose decision stands; of those erased since, the decision stays."""
    return Case.objects.filter(
        decided_at__gte=start, status__in=(Status.APPROVED, Status.REJECTED, Status.ARCHIVED)
    )


def waiting() -> Waiting:
    pending = Q(status=Status.PENDING)
    found = Case.objects.filter(
        status__in=(Status.PENDING, Status.RECEIVED, Status.FAILED)
    ).aggregate(
        pending=Count("pk", filter=pending),
        urgent=Count("pk", filter=pending & Q(priority=Case.Priority.URGENT)),
        oldest=Min("created_at", filter=pending),
        received=Count("pk", filter=Q(status=Status.RECEIVED, awaits_consent=False)),
        without_consent=Count("pk", filter=Q(status=Status.RECEIVED, awaits_consent=True)),
        failed=Count("pk", filter=Q(status=Status.FAILED)),
    )
    return Waiting(**found)


def decisions(*, at: datetime) -> Decisions:
    today = Q(decided_at__gte=day_start(at))
    week = Q(decided_at__gte=day_start(at, days_ago=WEEK - 1))
    # An erased case keeps its outcome, by which its decision is known.
    erased = Q(status=Status.ARCHIVED, outcome=Outcome.IDENTIFIED)
    approved = Q(status=Status.APPROVED) | erased
    took = F("decided_at") - F("created_at")
    found = decided_since(day_start(at, days_ago=MONTH - 1)).aggregate(
        today=Count("pk", filter=today),
        approved=Count("pk", filter=today & approved),
        not_in_catalogue=Count("pk", filter=today & Q(outcome=Outcome.NOT_IN_CATALOGUE)),
        unreadable=Count("pk", filter=today & Q(outcome=Outcome.UNREADABLE)),
        week=Count("pk", filter=week),
        month=Count("pk"),
        median_today=Median(took, filter=today),
        median_week=Median(took, filter=week),
        median_month=Median(took),
    )
    return Decisions(**found)


def per_day(*, at: datetime) -> tuple[Day, ...]:
    """The last 30 days, oldest first; a day on which nothing happened is there with zeros."""
    start = day_start(at, days_ago=MONTH - 1)
    received = _by_day(Case.objects.filter(created_at__gte=start), "created_at")
    decided = _by_day(decided_since(start), "decided_at")
    first = timezone.localdate(start)
    days = [first + timedelta(days=number) for number in range(MONTH)]
    return tuple(Day(day, received.get(day, 0), decided.get(day, 0)) for day in days)


def undelivered() -> Undelivered:
    waiting = Q(status__in=(Answer.QUEUED, Answer.WAITING))
    found = ResultReturn.objects.exclude(status__in=(Answer.SENT, Answer.WITHDRAWN)).aggregate(
        waiting=Count("pk", filter=waiting),
        given_up=Count("pk", filter=Q(status=Answer.GIVEN_UP)),
        not_configured=Count("pk", filter=Q(status=Answer.NOT_CONFIGURED)),
    )
    return Undelivered(**found)


def _by_day(cases: CaseQuerySet, moment: str) -> dict[date, int]:
    counted = cases.order_by().values(day=TruncDate(moment)).annotate(number=Count("pk"))
    return dict(counted.values_list("day", "number"))
