"""The admin site: the reviewers' panel and the catalogue staff's desk."""

from typing import Any

from django.conf import settings
from django.contrib import admin
from django.http import HttpRequest
from django.template.response import TemplateResponse
from django.urls import URLPattern, URLResolver, path
from django.utils.translation import gettext_lazy as _

from matching.encoder import has_random_weights
from raiox_site import dashboard, help
from raiox_site.dashboard import charts


class RaioxAdminSite(admin.AdminSite):
    site_title = "Raiox AI"
    site_header = "Raiox AI"
    index_title = _("Overview")
    enable_nav_sidebar = False
    # "View site" would only lead back to the panel.
    site_url = None

    def each_context(self, request: HttpRequest) -> dict[str, Any]:
        return {
            **super().each_context(request),
            "has_random_encoder": has_random_weights(),
            "encoder_name": settings.RAIOX_ENCODER,
        }

    def get_urls(self) -> list[URLResolver | URLPattern]:
        own: list[URLResolver | URLPattern] = [
            path("help/reviewers/", self.admin_view(help.reviewers), name="help_reviewers"),
            path("help/catalogue/", self.admin_view(help.catalogue), name="help_catalogue"),
        ]
        return own + super().get_urls()

    def index(
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> TemplateResponse:
        """How the desk stands, above the list of what there is."""
        board = dashboard.of(request.user)
        context = {"board": board, **charts.of(board), **(extra_context or {})}
        return super().index(request, context)
