"""Who has the page of a case open now."""

from collections.abc import Iterable
from datetime import timedelta
from typing import Any, cast

from django.contrib.auth.decorators import permission_required
from django.contrib.auth.models import User
from django.db import IntegrityError
from django.http import Http404, HttpRequest, JsonResponse
from django.shortcuts import get_object_or_404
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.http import require_POST

from cases.models import Case, Presence

KEPT_FOR = timedelta(days=1)


def look(*, case_id: int, user: User) -> None:
    """Note that this user has the page of a case open, if it is one who may decide: whoever
    only reads is in nobody's way. Raises Case.DoesNotExist."""
    if not user.has_perm("cases.decide_case"):
        return
    now = timezone.now()
    Presence.objects.filter(seen_at__lt=now - KEPT_FOR).delete()
    try:
        Presence.objects.bulk_create(
            [Presence(case_id=case_id, user=user, seen_at=now)],
            update_conflicts=True,
            unique_fields=["case", "user"],
            update_fields=["seen_at"],
        )
    except IntegrityError as error:
        raise Case.DoesNotExist from error


def leave(*, case_id: int, user: User) -> None:
    Presence.objects.filter(case_id=case_id, user=user).delete()


def others(case: Case, user: User) -> list[str]:
    """The names of the others who have this case open now."""
    present = Presence.objects.now().filter(case=case).exclude(user=user)
    return [name_of(row.user) for row in present.select_related("user").order_by("user_id")]


def name_of(user: User) -> str:
    return user.get_full_name() or user.get_username()


def sentence(names: Iterable[str]) -> str:
    """Who is looking, for the case page; empty where nobody else is."""
    names = list(names)
    if not names:
        return ""
    return ngettext(
        "%(names)s is looking at this case.", "%(names)s are looking at this case.", len(names)
    ) % {"names": ", ".join(names)}


def context(request: HttpRequest, case: Case) -> dict[str, Any]:
    """For the page of a case: `looking`, a sentence about the others."""
    return {"looking": sentence(others(case, cast(User, request.user)))}


@require_POST
@permission_required("cases.view_case", raise_exception=True)
def looking(request: HttpRequest, case_id: int) -> JsonResponse:
    """The open page of a case says so, or with `leaving` that it is closed, and is told who
    else has it open and how the case stands now."""
    user = cast(User, request.user)
    case = get_object_or_404(Case.objects.select_related("decided_by"), pk=case_id)
    if "leaving" in request.POST:
        leave(case_id=case_id, user=user)
    else:
        try:
            look(case_id=case_id, user=user)
        except Case.DoesNotExist as gone:
            raise Http404 from gone
    names = others(case, user)
    return JsonResponse(
        {
            "others": names,
            "looking": sentence(names),
            "status": case.status,
            "revision": case.revision,
            "decided": _decided(case),
        }
    )


def _decided(case: Case) -> str:
    """Who decided the case, and how; empty while nobody did."""
    if not case.is_decided:
        return ""
    who = name_of(case.decided_by) if case.decided_by else _("Somebody")
    if case.status == Case.Status.APPROVED:
        return _("%(who)s has just approved this case.") % {"who": who}
    return _("%(who)s has just rejected this case.") % {"who": who}
