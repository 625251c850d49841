"""The admin site: the reviewers' panel and the catalogue staff's desk."""

from typing import Any

from django.conf import settings
from django.contrib import admin
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils.translation import gettext_lazy as _

from matching.encoder import has_random_weights


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

    def index(  # type: ignore[override]
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """Reviewers land on the cases that await them; everybody else on the overview."""
        if request.user.has_perm("cases.decide_case") and "overview" not in request.GET:
            return redirect("admin:cases_case_changelist")
        return super().index(request, extra_context)
