"""Pages for what goes wrong: JSON for machines, a page in Portuguese inside the panel."""

from django.conf import settings
from django.core.exceptions import TooManyFilesSent
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import render
from django.utils.translation import gettext as _

from integrations.uploads import PayloadTooLarge


def bad_request(request: HttpRequest, exception: Exception) -> HttpResponse:
    if isinstance(exception, PayloadTooLarge):
        return _answer(request, 413, str(exception.detail))
    if isinstance(exception, TooManyFilesSent):
        most = {"number": settings.DATA_UPLOAD_MAX_NUMBER_FILES}
        return _answer(request, 413, _("Choose at most %(number)d films at a time.") % most)
    return _answer(request, 400, _("The request cannot be processed."))


def permission_denied(request: HttpRequest, exception: Exception) -> HttpResponse:
    return _answer(request, 403, _("Your account may not do this."))


def csrf_failure(request: HttpRequest, reason: str = "") -> HttpResponse:
    return _answer(
        request, 403, _("The page was open for too long. Go back, reload it and try again.")
    )


def not_found(request: HttpRequest, exception: Exception) -> HttpResponse:
    return _answer(request, 404, _("There is nothing at this address."))


def server_error(request: HttpRequest) -> HttpResponse:
    return _answer(request, 500, _("Something went wrong on our side. It has been recorded."))


def service_unavailable(request: HttpRequest) -> HttpResponse:
    response = _answer(
        request, 503, _("The service is restarting. Please try again in a few seconds.")
    )
    response["Retry-After"] = "5"
    return response


def _answer(request: HttpRequest, status: int, detail: str) -> HttpResponse:
    if request.path.startswith("/admin/") and request.accepts("text/html"):
        # Without context processors: the database may be what failed.
        context = {"detail": detail, "status": status}
        return render(None, "pages/error.html", context, status=status)  # type: ignore[arg-type]
    return JsonResponse(
        {"detail": detail}, status=status, json_dumps_params={"ensure_ascii": False}
    )
