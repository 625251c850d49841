"""The API's login: password, second step where the account has one, lockout."""

from django.conf import settings
from django.contrib.auth import authenticate
from django.contrib.auth.models import User, update_last_login
from django.http import HttpRequest
from django.utils.translation import gettext as _
from rest_framework.exceptions import AuthenticationFailed, PermissionDenied

from raiox_site import audit
from raiox_site.access import lockout, second_step


def sign_in(request: HttpRequest, *, username: str, password: str, otp: str = "") -> User:
    """The user whose credentials these are. Raises AuthenticationFailed (401) with one answer for
    whatever is wrong with them, and PermissionDenied (403) where a second step has to be set up.

    Attempts are counted in `lockout`, also those that fail at the second step only.
    """
    found = authenticate(request, username=username, password=password)
    if not isinstance(found, User):
        raise AuthenticationFailed(_("User name or password is wrong."), "wrong_credentials")
    _second_step(request, found, otp)
    lockout.forget(request, username)
    update_last_login(None, found)  # type: ignore[arg-type]
    return found


def _second_step(request: HttpRequest, user: User, otp: str) -> None:
    if not second_step.is_on(user):
        if settings.RAIOX_REQUIRE_TOTP and user.is_staff:
            raise PermissionDenied(_("Set up the second step of the login in the panel first."))
        return
    if not otp:
        said = _("This account logs in with a code as well: send it as “otp”.")
        raise AuthenticationFailed({"detail": said, "code": "otp_required"})
    try:
        second_step.verify(user=user, code=otp)
    except second_step.CodeRefused as error:
        audit.failed_code(user, request)
        raise AuthenticationFailed({"detail": str(error), "code": "otp_refused"}) from error
