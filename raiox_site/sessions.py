"""Whether a request comes from somebody logged in, for what must know it before any page does."""

from importlib import import_module

from django.conf import settings
from django.contrib.auth import get_user
from django.http import HttpRequest

# Here nobody is known yet, or no more: what a cookie says does not count.
DOORSTEP = ("/admin/login", "/admin/login/code", "/admin/logout")


def is_logged_in(request: HttpRequest) -> bool:
    """Whether an address of the panel is asked for with a session that is somebody's: a cookie
    alone is not believed. Raises django.db.Error."""
    path = request.path_info
    key = request.COOKIES.get(settings.SESSION_COOKIE_NAME)
    if not key or not path.startswith("/admin/") or path.rstrip("/") in DOORSTEP:
        return False
    asked = HttpRequest()
    asked.session = import_module(settings.SESSION_ENGINE).SessionStore(key)
    return bool(get_user(asked).is_authenticated)
