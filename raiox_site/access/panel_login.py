"""The panel's login: name and password on one page, the code of the second step on the next.

Between the two nobody is logged in: the session only knows, for five minutes, whose password was
right.
"""

from typing import Any

from django.contrib import admin
from django.contrib.admin.forms import AdminAuthenticationForm
from django.contrib.auth import login as begin_session
from django.contrib.auth.forms import AuthenticationForm
from django.contrib.auth.models import AnonymousUser, User
from django.contrib.auth.views import LoginView
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.crypto import constant_time_compare
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.csrf import csrf_protect
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_http_methods

from raiox_site import audit
from raiox_site.access import lockout, second_step
from raiox_site.tokens import LoginThrottle

PENDING = "second_step_due"
PENDING_SECONDS = 5 * 60
BACKEND = "django.contrib.auth.backends.ModelBackend"


class PanelLogin(LoginView):
    authentication_form = AdminAuthenticationForm
    template_name = "admin/login.html"
    next_page = "admin:index"

    def post(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        return throttled(request) or super().post(request, *args, **kwargs)

    def form_valid(self, form: AuthenticationForm) -> HttpResponse:
        user = form.get_user()
        if second_step.is_on(user):
            return ask_for_code(self.request, user, self.get_success_url())
        return super().form_valid(form)


def throttled(request: HttpRequest) -> HttpResponse | None:
    """429 where this address has tried too often, whatever the names; counts this try."""
    throttle = LoginThrottle()
    if throttle.allow_request(request):
        return None
    return lockout.too_many(request, seconds=int(throttle.wait()))


def ask_for_code(request: HttpRequest, user: User, target: str) -> HttpResponse:
    """To the page of the code, with an empty session of a new number."""
    request.session.flush()
    request.user = AnonymousUser()
    request.session[PENDING] = {
        "user": user.pk,
        "password": user.get_session_auth_hash(),
        "at": timezone.now().timestamp(),
        "next": target,
    }
    return redirect("admin:login_code")


def _due(request: HttpRequest) -> User | None:
    """Whose code is asked for; nobody's once the time is over or the password has changed."""
    pending = request.session.get(PENDING) or {}
    if timezone.now().timestamp() - pending.get("at", 0) > PENDING_SECONDS:
        return None
    user = User.objects.filter(pk=pending["user"], is_active=True, is_staff=True).first()
    if user and constant_time_compare(user.get_session_auth_hash(), pending["password"]):
        return user
    return None


@sensitive_post_parameters()
@csrf_protect
@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def code(request: HttpRequest) -> HttpResponse:
    user = _due(request)
    if user is None:
        request.session.pop(PENDING, None)
        return redirect("admin:login")
    if request.method != "POST":
        return _code_page(request)
    if refusal := throttled(request):
        return refusal
    return _try_code(request, user)


def _try_code(request: HttpRequest, user: User) -> HttpResponse:
    name = user.get_username()
    if seconds := lockout.count_attempt(request, name):
        return lockout.too_many(request, seconds=seconds)
    try:
        device = second_step.verify(user=user, code=request.POST.get("code", ""))
    except second_step.CodeRefused as refused:
        audit.failed_code(user, request)
        if seconds := lockout.seconds_closed(request, name):
            audit.locked_out(None, username=name, request=request)
            return lockout.too_many(request, seconds=seconds)
        return _code_page(request, str(refused), status=400)
    target = request.session.pop(PENDING)["next"]
    user.otp_device = device  # type: ignore[attr-defined]
    begin_session(request, user, backend=BACKEND)
    return redirect(target)


def _code_page(request: HttpRequest, problem: str = "", status: int = 200) -> HttpResponse:
    context = {
        **admin.site.each_context(request),
        "title": _("Second step of the login"),
        "problem": problem,
    }
    return render(request, "admin/access/code.html", context, status=status)
