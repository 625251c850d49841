"""The help pages of the panel: Portuguese texts, for whoever may log in."""

from typing import Any

from django.contrib import admin
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.views.decorators.http import require_safe


@require_safe
def reviewers(request: HttpRequest) -> HttpResponse:
    return _page(request, "reviewers", "Ajuda para quem revisa")


@require_safe
def catalogue(request: HttpRequest) -> HttpResponse:
    return _page(request, "catalogue", "Ajuda para quem cuida do catálogo")


def _page(request: HttpRequest, name: str, title: str) -> HttpResponse:
    context: dict[str, Any] = {
        **admin.site.each_context(request),
        "title": title,
        "help_page": name,
    }
    request.current_app = admin.site.name  # type: ignore[attr-defined]
    return TemplateResponse(request, f"admin/help/{name}.html", context)
