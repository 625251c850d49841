"""Pages for what goes wrong: JSON for machines, a page in Portuguese inside the panel."""

from collections.abc import Callable

from django.conf import settings
from django.core.exceptions import RequestDataTooBig, TooManyFilesSent
from django.http import HttpRequest, HttpResponse, HttpResponseBase, JsonResponse
from django.shortcuts import render
from django.utils.translation import gettext as _

from integrations.uploads import PayloadTooLarge


def bad_request(request: HttpRequest, exception: Exception) -> HttpResponse:
    if isinstance(exception, PayloadTooLarge):
        return _answer(request, 413, str(exception.detail))
    if isinstance(exception, TooManyFilesSent):
        most = {"number": settings.DATA_UPLOAD_MAX_NUMBER_FILES}
        return _answer(request, 413, _("Choose at most %(number)d films at a time.") % most)
    if isinstance(exception, RequestDataTooBig):
        return _answer(request, 413, _("The request is too large."))
    return _answer(request, 400, _("The request cannot be processed."))


def length_required(request: HttpRequest) -> HttpResponse:
    return _answer(request, 411, _("Send the request with a Content-Length."))


def too_many_requests(request: HttpRequest, *, seconds: int) -> HttpResponse:
    said = _("Too many requests. Try again in %(seconds)d seconds.") % {"seconds": seconds}
    response = _answer(request, 429, said)
    response["Retry-After"] = str(seconds)
    return response


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


def with_words(
    get_response: Callable[[HttpRequest], HttpResponseBase],
) -> Callable[[HttpRequest], HttpResponseBase]:
    """Middleware: a refusal without a body, as Django's own of a wrong method, is put in words."""

    def middleware(request: HttpRequest) -> HttpResponseBase:
        response = get_response(request)
        if response.status_code < 400 or response.streaming:
            return response
        if isinstance(response, HttpResponse) and not response.content:
            said = _answer(request, response.status_code, _words(response.status_code))
            response.content = said.content
            response["Content-Type"] = said["Content-Type"]
            response["Content-Length"] = str(len(said.content))
        return response

    return middleware


def _words(status: int) -> str:
    if status == 405:
        return _("This address does not take requests of this method.")
    if status in (401, 403):
        return _("You may not see this.")
    return _("The request cannot be processed.")


def _answer(request: HttpRequest, status: int, detail: str) -> HttpResponse:
    if request.path.startswith("/admin/") and request.accepts("text/html"):
        # Without context processors: the database may be what failed.
        context = {"detail": detail, "status": status}
        return render(None, "pages/error.html", context, status=status)  # type: ignore[arg-type]
    return JsonResponse(
        {"detail": detail}, status=status, json_dumps_params={"ensure_ascii": False}
    )
