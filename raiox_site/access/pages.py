"""Everybody's own second step: setting it up, new backup codes, switching it off."""

import io
from collections.abc import Callable
from functools import wraps
from typing import Any, cast

import segno
from django.contrib import admin, messages
from django.contrib.auth.models import User
from django.contrib.auth.views import redirect_to_login
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.csrf import csrf_protect
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_http_methods, require_safe
from django_otp import login as pass_second_step

from raiox_site.access import lockout, second_step

KEY = "second_step_key"
Page = Callable[[HttpRequest], HttpResponse]


class Refused(Exception):
    """What was sent is not enough; the sentence is for the user."""


def own_account(view: Page) -> Page:
    """Staff only, and past the second step where there is one. Where one is required, this is
    where it is set up: so who has none yet may come here."""

    @wraps(view)
    def guarded(request: HttpRequest) -> HttpResponse:
        user = request.user
        is_staff = user.is_active and user.is_staff
        is_past = getattr(user, "otp_device", None) is not None
        if is_staff and (is_past or not second_step.is_on(user)):
            return view(request)
        return redirect_to_login(request.get_full_path(), reverse("admin:login"))

    return guarded


@sensitive_post_parameters()
@csrf_protect
@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
@own_account
def second_step_page(request: HttpRequest) -> HttpResponse:
    act = ACTIONS.get(request.POST.get("action", "")) if request.method == "POST" else None
    if act is None:
        return _page(request)
    try:
        return act(request, cast(User, request.user))
    except (Refused, second_step.CodeRefused) as refused:
        return _page(request, problem=str(refused), status=400)


def _confirm(request: HttpRequest, user: User) -> HttpResponse:
    _require_password(request, user)
    key = request.session.get(KEY)
    if not key:
        raise Refused(_("The page was open for too long. Scan the code once more."))
    device, codes = second_step.confirm(user=user, key=key, code=request.POST.get("code", ""))
    del request.session[KEY]
    # A session of before must not be worth more than its password.
    request.session.cycle_key()
    pass_second_step(request, device)
    return _page(request, codes=codes)


def _new_codes(request: HttpRequest, user: User) -> HttpResponse:
    _require_password(request, user)
    if not second_step.is_on(user):
        raise Refused(_("The second step is off."))
    return _page(request, codes=second_step.new_codes(user=user))


def _remove(request: HttpRequest, user: User) -> HttpResponse:
    _require_password(request, user)
    second_step.verify(user=user, code=request.POST.get("code", ""))
    second_step.remove(user=user)
    messages.success(request, _("The second step is off: the password alone logs you in."))
    return redirect("admin:second_step")


ACTIONS: dict[str, Callable[[HttpRequest, User], HttpResponse]] = {
    "confirm": _confirm,
    "codes": _new_codes,
    "remove": _remove,
}


def _require_password(request: HttpRequest, user: User) -> None:
    """Raises Refused."""
    if not lockout.is_password_of(request, user, request.POST.get("password", "")):
        raise Refused(_("The password is wrong."))


def _page(
    request: HttpRequest, *, problem: str = "", codes: list[str] | None = None, status: int = 200
) -> HttpResponse:
    user = cast(User, request.user)
    context: dict[str, Any] = {
        **admin.site.each_context(request),
        "title": _("Second step of the login"),
        "problem": problem,
        "codes": codes,
        "is_on": second_step.is_on(user),
    }
    if context["is_on"]:
        context["codes_left"] = second_step.codes_left(user)
    else:
        key = _own_key(request)
        context["written_key"] = second_step.written_key(key)
        context["app_address"] = second_step.address_for_app(user, key)
    return render(request, "admin/access/second_step.html", context, status=status)


def _own_key(request: HttpRequest) -> str:
    """The secret that is being set up; it becomes a device's when its first code is right."""
    return str(request.session.setdefault(KEY, second_step.new_key()))


@never_cache
@require_safe
@own_account
def qr_code(request: HttpRequest) -> HttpResponse:
    """The secret as a picture (SVG), while it is being set up."""
    user = cast(User, request.user)
    if second_step.is_on(user) or KEY not in request.session:
        raise Http404
    picture = io.BytesIO()
    address = second_step.address_for_app(user, request.session[KEY])
    segno.make(address, error="m").save(picture, kind="svg", scale=5, light="#fff", nl=False)
    return HttpResponse(picture.getvalue(), content_type="image/svg+xml")
