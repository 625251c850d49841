"""What is counted in the database when Prometheus asks: right in every process, and the same on
every host (rules take the maximum over hosts)."""

import math
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from functools import lru_cache

from django.db.models import Count, Min, Q
from django.utils import timezone
from django_q.models import OrmQ
from prometheus_client.core import GaugeMetricFamily, Metric

from cases.models import Case
from integrations.models import ResultReturn, StaffNotice
from raiox_site import heartbeat
from raiox_site.backup import record
from raiox_site.dashboard import agreement
from raiox_site.models import Heartbeat

AGREEMENT = timedelta(days=28)
AGREEMENT_SECONDS = 300
# What leaves a mark when it went well, by the name of the mark.
MARKS = {
    heartbeat.WORKER: "heartbeat",
    record.BACKUP: "backup",
    record.DRILL: "restore_drill",
}
Answer = ResultReturn.Status


def of_database() -> list[Metric]:
    """Raises DatabaseError."""
    now = timezone.now()
    return [
        *_cases(now),
        *_answers(now),
        *_queue(now),
        *_notices(now),
        _marks(now),
        _agreement(now),
    ]


def gauge(name: str, text: str, label: str, values: Mapping[str, float]) -> GaugeMetricFamily:
    family = GaugeMetricFamily(name, text, labels=[label])
    for key, value in values.items():
        family.add_metric([key], value)
    return family


def _cases(now: datetime) -> Iterator[Metric]:
    due = ~Q(status=Case.Status.RECEIVED) | Q(awaits_consent=False, queued_at__isnull=False)
    counted = Case.objects.order_by().values_list("status")
    rows = {
        status: (number, oldest)
        for status, number, oldest in counted.annotate(
            n=Count("pk"), oldest=Min("created_at", filter=due)
        )
    }
    numbers = {status: rows.get(status, (0, None))[0] for status in Case.Status.values}
    yield gauge("raiox_cases", "Cases by status", "status", numbers)
    waiting = (Case.Status.RECEIVED, Case.Status.PENDING)
    ages = {str(one): _age(rows.get(one, (0, None))[1], now) for one in waiting}
    yield gauge("raiox_cases_oldest_seconds", "Age of the oldest waiting case", "status", ages)


def _answers(now: datetime) -> Iterator[Metric]:
    counted = ResultReturn.objects.order_by().values_list("status")
    numbers = dict(counted.annotate(Count("pk")))
    by_status = {status: numbers.get(status, 0) for status in Answer.values}
    yield gauge("raiox_answers", "Answers to Jotform by status", "status", by_status)
    held_back = Q(attempts=0, status=Answer.WAITING, next_try_at__gt=now)
    waiting = ResultReturn.objects.filter(status__in=(Answer.QUEUED, Answer.WAITING))
    oldest = waiting.exclude(held_back).aggregate(at=Min("created_at"))["at"]
    text = "Age of the oldest answer that was to be sent and is not"
    yield GaugeMetricFamily("raiox_answers_oldest_seconds", text, value=_age(oldest, now))


def _queue(now: datetime) -> Iterator[Metric]:
    found = OrmQ.objects.aggregate(
        ready=Count("pk", filter=Q(lock__lte=now)),
        later=Count("pk", filter=Q(lock__gt=now)),
        oldest=Min("lock", filter=Q(lock__lte=now)),
    )
    depth = {"ready": found["ready"], "later": found["later"]}
    yield gauge("raiox_queue_depth", "Tasks on the queue", "state", depth)
    text = "Age of the oldest task that could run"
    yield GaugeMetricFamily("raiox_queue_oldest_seconds", text, value=_age(found["oldest"], now))


def _notices(now: datetime) -> Iterator[Metric]:
    stuck = StaffNotice.objects.filter(sent_at=None, attempts__gt=0).order_by()
    counted = stuck.values_list("channel").annotate(n=Count("pk"), oldest=Min("created_at"))
    rows = {channel: (number, oldest) for channel, number, oldest in counted}
    channels = StaffNotice.Channel.values
    numbers = {one: rows.get(one, (0, None))[0] for one in channels}
    ages = {one: _age(rows.get(one, (0, None))[1], now) for one in channels}
    yield gauge("raiox_notices_stuck", "Notices that a channel refused", "channel", numbers)
    text = "Age of the oldest notice that a channel refused"
    yield gauge("raiox_notices_oldest_seconds", text, "channel", ages)


def _marks(now: datetime) -> Metric:
    found = dict(Heartbeat.objects.values_list("name", "at"))
    ages = {
        what: _age(found[name], now) if name in found else math.inf for name, what in MARKS.items()
    }
    text = "Seconds since it last went well; +Inf: never"
    return gauge("raiox_last_success_age_seconds", text, "what", ages)


def _agreement(now: datetime) -> Metric:
    """Of fixtures that reviewers identified within four weeks."""
    counted = _counted_agreement(int(now.timestamp() // AGREEMENT_SECONDS))
    values = {"decided": counted.n, "first": counted.first, "top3": counted.top}
    text = "Fixtures identified in 28 days, and those whose implant was proposed"
    return gauge("raiox_agreement_fixtures", text, "which", values)


@lru_cache(maxsize=1)
def _counted_agreement(period: int) -> agreement.Agreement:
    """It changes slowly and takes longer to count than all else: once in a period."""
    end = datetime.fromtimestamp((period + 1) * AGREEMENT_SECONDS, UTC)
    return agreement.since(end - AGREEMENT)


def _age(since: datetime | None, now: datetime) -> float:
    return max((now - since).total_seconds(), 0.0) if since else 0.0
