"""Too many wrong passwords for one account from one address close that door for a while.

django-axes calls this handler. Unlike its own, it counts an attempt before the password is looked
at, so that a hundred at once are no more than five one after the other; it keeps a keyed hash in
place of the name that was typed, and nothing else of the form.
"""

import math
from datetime import timedelta
from typing import Any

from axes.conf import settings as axes_settings
from axes.handlers.database import AxesDatabaseHandler
from axes.models import AccessAttempt
from axes.signals import user_locked_out
from django.contrib import admin
from django.contrib.auth import authenticate
from django.contrib.auth.models import User
from django.db import transaction
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from cases.keyed_hash import keyed_hash
from integrations.client_address import counted_address


def name_hash(username: str) -> str:
    """What stands for a user name among the attempts: 40 hexadecimal digits."""
    return keyed_hash(f"login|{username}")[:40]


def count_attempt(request: HttpRequest, username: str) -> int:
    """Count one attempt; the seconds for which the door is closed, 0 while it is open.

    Attempts at a closed door do not keep it closed for longer.
    """
    now, pause = timezone.now(), _pause()
    AccessAttempt.objects.filter(attempt_time__lt=now - pause).delete()
    with transaction.atomic():
        row, _is_new = AccessAttempt.objects.select_for_update().get_or_create(
            username=name_hash(username),
            ip_address=address_of(request),
            user_agent="",
            defaults={"failures_since_start": 0},
        )
        if row.failures_since_start >= _limit():
            return _seconds_left(row)
        row.failures_since_start += 1
        row.attempt_time = now
        row.save(update_fields=["failures_since_start", "attempt_time"])
    return 0


def seconds_closed(request: HttpRequest, username: str) -> int:
    """For how long the door stays closed, without counting; 0 while it is open."""
    row = attempts_of(username).filter(ip_address=address_of(request)).first()
    if row is None or row.failures_since_start < _limit():
        return 0
    return _seconds_left(row)


def forget(request: HttpRequest, username: str) -> None:
    """After a whole login: what went wrong before it counts no more."""
    attempts_of(username).filter(ip_address=address_of(request)).delete()


def is_password_of(request: HttpRequest, user: User, password: str) -> bool:
    """Whether somebody who is logged in knows the password of the account. Wrong ones count as
    attempts to log in, and lock out as those do."""
    name = user.get_username()
    if authenticate(request, username=name, password=password) != user:
        return False
    forget(request, name)
    return True


def attempts_of(username: str) -> QuerySet[AccessAttempt]:
    return AccessAttempt.objects.filter(username=name_hash(username))


def address_of(request: HttpRequest) -> str:
    """The counted address as the column takes it: without the /64 of an IPv6 network."""
    return counted_address(request).partition("/")[0] or "::"


def _seconds_left(row: AccessAttempt) -> int:
    return max(1, math.ceil((row.attempt_time + _pause() - timezone.now()).total_seconds()))


def _limit() -> int:
    return int(axes_settings.AXES_FAILURE_LIMIT)


def _pause() -> timedelta:
    pause: timedelta = axes_settings.AXES_COOLOFF_TIME
    return pause


class Handler(AxesDatabaseHandler):
    def is_allowed(self, request: HttpRequest, credentials: dict[str, Any] | None = None) -> bool:
        username = (credentials or {}).get("username") or ""
        return not count_attempt(request, username)

    def user_login_failed(
        self,
        sender: Any,
        credentials: dict[str, Any],
        request: HttpRequest | None = None,
        **kwargs: Any,
    ) -> None:
        """Already the attempt that was one too many is answered as a closed door."""
        username = (credentials or {}).get("username") or ""
        if request is None or not (seconds := seconds_closed(request, username)):
            return
        if not getattr(request, "axes_locked_out", False):
            user_locked_out.send("axes", request=request, username=username)
        close_door(request, seconds=seconds)

    def user_logged_in(self, sender: Any, request: HttpRequest, user: User, **kwargs: Any) -> None:
        forget(request, user.get_username())

    def user_logged_out(self, *args: Any, **kwargs: Any) -> None:
        """Nothing is kept of it here; `raiox_site.audit` writes it down."""


def close_door(request: HttpRequest, *, seconds: int) -> None:
    """Have the request answered with 429 (by axes' middleware, through `closed`)."""
    request.axes_locked_out = True  # type: ignore[attr-defined]
    request.axes_credentials = {}  # type: ignore[attr-defined]
    request.seconds_closed = seconds  # type: ignore[attr-defined]


def closed(request: HttpRequest, response: object, credentials: object) -> HttpResponse:
    """429 with Retry-After: JSON for machines, a page inside the panel."""
    return too_many(request, seconds=getattr(request, "seconds_closed", 60))


def too_many(request: HttpRequest, *, seconds: int) -> HttpResponse:
    detail = _("Too many attempts to log in. %(pause)s") % {"pause": _try_again(seconds)}
    if request.path.startswith("/admin/") and request.accepts("text/html"):
        context = {**admin.site.each_context(request), "title": _("Log in"), "detail": detail}
        answer = render(request, "admin/access/closed.html", context, status=429)
    else:
        answer = JsonResponse({"detail": detail}, status=429)
    answer["Retry-After"] = str(seconds)
    return answer


def _try_again(seconds: int) -> str:
    minutes = math.ceil(seconds / 60)
    if seconds <= 90:
        return _("Try again in %(seconds)d seconds.") % {"seconds": seconds}
    said = ngettext(
        "Try again in %(minutes)d minute.", "Try again in %(minutes)d minutes.", minutes
    )
    return said % {"minutes": minutes}
