"""How a list of cases stands: what its page says beside the rows, and whether a page that is
open still shows it."""

import hashlib
from dataclasses import dataclass
from typing import Any, cast

from django.db.models import Max
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.utils import timezone
from django.utils.cache import get_conditional_response
from django.utils.translation import ngettext

from cases.models import Case
from cases.panel import queue
from cases.panel.columns import since
from cases.panel.filters import ALL, QueueFilter, StatusFilter, carried

SHOWN = (
    "pk",
    "status",
    "awaits_consent",
    "priority",
    "band",
    "outcome",
    "tooth",
    "dentist_name",
    "patient_name",
    "failure",
    "next_try_at",
    "queued_at",
    "film_id",
    "picks",
    "has_unknown",
    "lookers",
)


@dataclass(frozen=True)
class Known:
    """What an open page knows: the newest case of all, and how many its list had."""

    latest: int
    count: int


def state(changelist: Any) -> dict[str, Any]:
    """`fingerprint` of the rows on this page and of all numbers, `count` of the list,
    `waiting` for review altogether, `latest` (the newest case of all)."""
    rows = [[getattr(case, name) for name in SHOWN] for case in changelist.result_list]
    counts = _status(changelist).counts
    seen = repr((rows, changelist.result_count, sorted(counts.items())))
    return {
        "fingerprint": hashlib.sha256(seen.encode()).hexdigest()[:32],
        "count": changelist.result_count,
        "waiting": counts.get(Case.Status.PENDING, 0),
        "latest": Case.objects.aggregate(latest=Max("pk"))["latest"] or 0,
    }


def take_known(request: HttpRequest) -> Known:
    """Take what the page knows out of the address: the rest of it is that of the list."""
    query = request.GET.copy()
    latest, count = (_number(query.pop(name, [""])[-1]) for name in ("latest", "count"))
    request.GET = query  # type: ignore[assignment]
    return Known(latest, count)


def answer(request: HttpRequest, changelist: Any, known: Known) -> HttpResponse:
    """The state of a list as JSON, 304 where the page has it already. `news` says how many
    cases came: newer ones, or more of them (one that was tried again is not newer)."""
    now = state(changelist)
    etag = f'"{now["fingerprint"]}"'
    arrived = now["count"] - known.count
    if known.latest < now["latest"]:
        arrived = max(arrived, changelist.queryset.filter(pk__gt=known.latest).count())
    response: HttpResponse = JsonResponse({**now, "news": _news(arrived)})
    response["ETag"] = etag
    response["Cache-Control"] = "private, no-cache"
    return cast(HttpResponse, get_conditional_response(request, etag=etag, response=response))


def page_context(changelist: Any) -> dict[str, Any]:
    """For the page of the list: `live` (its state), `asked` (the words of what was asked for),
    `clear_url`, `everywhere_url`, `next_url`, `carry`, `shown_status`; for an empty list the
    decisions."""
    status = _status(changelist)
    asked = [one.chosen for one in changelist.filter_specs if isinstance(one, QueueFilter)]
    filters = carried(changelist.get_query_string().removeprefix("?"))
    narrowing = ["band", "source", "manufacturer", "q", "o"]
    context = {
        "live": state(changelist),
        "shown_status": status.value(),
        "asked": [word for word in [changelist.query, *asked] if word],
        "clear_url": changelist.get_query_string(remove=narrowing),
        "next_url": queue.next_url(after=None, filters=filters),
        "carry": queue.carry(filters),
        "everywhere_url": changelist.get_query_string({"status": ALL}),
    }
    return context if changelist.result_count else {**context, **_last_decisions()}


def _status(changelist: Any) -> StatusFilter:
    return next(one for one in changelist.filter_specs if isinstance(one, StatusFilter))


def _number(text: Any) -> int:
    return int(text) if str(text).isdecimal() and len(str(text)) < 19 else 0


def _news(arrived: int) -> str:
    if arrived <= 0:
        return ""
    return ngettext("%(n)d new case", "%(n)d new cases", arrived) % {"n": arrived}


def _last_decisions() -> dict[str, Any]:
    decided = Case.objects.filter(decided_at__isnull=False)
    last = decided.order_by("-decided_at").first()
    today = timezone.localtime().replace(hour=0, minute=0, second=0, microsecond=0)
    return {
        "last_decided": last,
        "last_decided_since": since(last.decided_at) if last and last.decided_at else "",
        "decided_today": decided.filter(decided_at__gte=today).count(),
    }
