"""The page on which an approver takes a copy of what is held about a person. Whom it is about
stands in the body of the request, never in an address or a file name."""

from typing import Any, cast

from django.contrib.auth.decorators import permission_required
from django.contrib.auth.models import User
from django.http import HttpRequest, HttpResponseBase
from django.utils.translation import gettext
from django.views.decorators.http import require_http_methods

from cases.archive import archive_response
from cases.models import Case
from cases.panel.persons_page import PersonForm, person_page, show
from cases.review import ReviewError

TEMPLATE = "admin/cases/case/export.html"


@require_http_methods(["GET", "HEAD", "POST"])
@permission_required("cases.export_case", raise_exception=True)
def export_page(request: HttpRequest) -> HttpResponseBase:
    """Search, look at what the copy would hold, take it."""
    return person_page(request, act=_exported, template=TEMPLATE, context=_context())


def _exported(request: HttpRequest, form: PersonForm) -> HttpResponseBase:
    """The archive, or the form again with what is wrong."""
    try:
        return archive_response(form.asked(), by=cast(User, request.user))
    except ReviewError as error:
        form.add_error(None, str(error))
    return show(request, form, template=TEMPLATE, context=_context())


def _context() -> dict[str, Any]:
    return {"title": gettext("Export what is held about a person"), "opts": Case._meta}
