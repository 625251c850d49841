"""The reviewers' queue: what its rows show, and which case comes next."""

from collections.abc import Collection, Mapping
from typing import Any, cast

from django.contrib import messages
from django.contrib.auth.decorators import permission_required
from django.contrib.auth.models import User
from django.contrib.postgres.expressions import ArraySubquery
from django.db.models import Exists, OuterRef, QuerySet, Subquery
from django.db.models.functions import JSONObject
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.utils.http import urlencode
from django.utils.translation import gettext as _
from django.views.decorators.http import require_safe

from cases.models import Case, CaseImage, Finding, Presence
from cases.panel import filters as queue_filters
from cases.panel import presence

ORDER = ("-priority", "created_at", "id")
# In the session: the cases that a reviewer passed over come again after all others.
PASSED = "passed_cases"
MAX_PASSED = 200


def listed(cases: QuerySet[Case], user: User) -> QuerySet[Case]:
    """With what a row shows: `film_id`, `picks` (the implants that stand for the case),
    `has_unknown` (whether a fixture is probably not in the catalogue) and `lookers` (who else
    has it open now). One query, evaluated for the rows of a page only."""
    films = CaseImage.objects.shown().filter(case=OuterRef("pk"))
    picks = queue_filters.shown_results().filter(finding__case_image__case=OuterRef("pk"))
    lookers = Presence.objects.now().exclude(user=user).filter(case=OuterRef("pk"))
    unknowns = Finding.objects.filter(case_image__case=OuterRef("pk"), is_unknown=True)
    return cases.select_related("decided_by").annotate(
        has_unknown=Exists(unknowns),
        film_id=Subquery(films.order_by("pk").values("pk")[:1]),
        picks=ArraySubquery(
            picks.order_by("finding_id", "rank", "id").values(
                data=JSONObject(
                    manufacturer="implant__manufacturer",
                    name="implant__name",
                    approved="approved",
                )
            )
        ),
        lookers=ArraySubquery(
            lookers.order_by("user_id").values(
                data=JSONObject(
                    first_name="user__first_name",
                    last_name="user__last_name",
                    username="user__username",
                )
            )
        ),
    )


def next_case(
    *,
    user: User,
    after: Case | None,
    filters: Mapping[str, str],
    passed: Collection[int] = (),
) -> Case | None:
    """The case to be reviewed next: urgent first, then the oldest, never `after`.

    Cases that somebody else has open now come last, before them those that the reviewer
    `passed` over. `filters` are of `filters.carried`. None when no other case awaits review.
    """
    waiting = queue_filters.narrowed(Case.objects.awaiting_review(), filters).order_by(*ORDER)
    if after is not None:
        waiting = waiting.exclude(pk=after.pk)
    others = Presence.objects.now().exclude(user=user).filter(case=OuterRef("pk"))
    free = waiting.filter(~Exists(others))
    return free.exclude(pk__in=passed).first() or free.first() or waiting.first()


def next_url(*, after: Case | None, filters: Mapping[str, str]) -> str:
    """The address that leads to the next case."""
    query = {"after": after.pk} if after else {}
    return _address("admin:cases_case_next", query | _carrying(filters))


def case_url(case_id: int, filters: Mapping[str, str]) -> str:
    """The page of a case, reached from the queue with these filters."""
    return _address("admin:cases_case_review", _carrying(filters), case_id)


def list_url(filters: Mapping[str, str]) -> str:
    """The queue of the cases that await review, with these filters."""
    status = {"status": Case.Status.PENDING.value} if filters.get("q") else {}
    return _address("admin:cases_case_changelist", {**status, **filters})


def carry(filters: Mapping[str, str]) -> str:
    """What an address is continued with, so that a page behind the login keeps the filters."""
    return f"?{urlencode(_carrying(filters))}" if filters else ""


def filters_of(request: HttpRequest) -> dict[str, str]:
    """The filters of the queue that a case was opened from, as its address or form has them."""
    return queue_filters.carried(request.POST.get("queue") or request.GET.get("queue") or "")


def way_on(request: HttpRequest, case: Case) -> dict[str, Any]:
    """For the page of a case: `queue` (the value to carry along), `carry` (the same as a query
    string, empty without filters), `queue_url`, `next_url`."""
    filters = filters_of(request)
    return {
        "queue": urlencode(filters),
        "carry": carry(filters),
        "queue_url": list_url(filters),
        "next_url": next_url(after=case, filters=filters),
    }


@require_safe
@permission_required("cases.view_case", raise_exception=True)
def next_page(request: HttpRequest) -> HttpResponse:
    """To the case that comes next, else to the queue. `?after=` names the case that is done
    with, or passed over."""
    user, filters = cast(User, request.user), filters_of(request)
    number = request.GET.get("after", "")
    after = Case.objects.filter(pk=int(number)).first() if number.isdecimal() else None
    passed = list(request.session.get(PASSED, []))
    if after is not None and after.is_awaiting_review:
        passed = [*passed, after.pk][-MAX_PASSED:]
    case = next_case(user=user, after=after, filters=filters, passed=passed)
    if case is None:
        messages.info(request, _none_left(after, filters))
        return redirect(list_url(filters))
    _remember(request, [] if case.pk in passed else passed)
    # At once, not when the page has come: a colleague may ask for the next case meanwhile.
    presence.look(case_id=case.pk, user=user)
    return redirect(case_url(case.pk, filters))


def _address(name: str, query: Mapping[str, Any], *args: int) -> str:
    path = reverse(name, args=args)
    return f"{path}?{urlencode(query)}" if query else path


def _carrying(filters: Mapping[str, str]) -> dict[str, str]:
    return {"queue": urlencode(filters)} if filters else {}


def _remember(request: HttpRequest, passed: list[int]) -> None:
    if request.session.get(PASSED, []) != passed:
        request.session[PASSED] = passed


def _none_left(after: Case | None, filters: Mapping[str, str]) -> str:
    if filters:
        return _("No other case with these filters is waiting.")
    if after is not None and after.is_awaiting_review:
        return _("No other case is waiting.")
    return _("That was the last case: nothing else is waiting.")
