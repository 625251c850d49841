"""The admin site: the reviewers' panel and the catalogue staff's desk."""

from typing import Any, cast

from django.contrib import admin
from django.contrib.auth.models import User
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, URLResolver, path, reverse
from django.utils.translation import gettext_lazy as _

from matching.encoder import get_encoder
from raiox_site import dashboard, help
from raiox_site.access import second_step
from raiox_site.dashboard import charts
from raiox_site.strict_lists import strict


class RaioxAdminSite(admin.AdminSite):
    site_title = "Raiox AI"
    site_header = "Raiox AI"
    index_title = _("Overview")
    enable_nav_sidebar = False
    # "View site" would only lead back to the panel.
    site_url = None

    def register(self, model_or_iterable: Any, admin_class: Any = None, **options: Any) -> None:
        """Every page, also those that other packages bring, has a strict list."""
        super().register(model_or_iterable, strict(admin_class or admin.ModelAdmin), **options)

    def each_context(self, request: HttpRequest) -> dict[str, Any]:
        encoder = get_encoder()
        return {
            **super().each_context(request),
            "has_random_encoder": encoder.is_random,
            "encoder_name": encoder.name,
        }

    def has_permission(self, request: HttpRequest) -> bool:
        """For staff who passed the second step, where they have one; anybody may log out."""
        if not super().has_permission(request):
            return False
        return second_step.is_done(request.user) or request.path == reverse("admin:logout")

    def login(
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        from raiox_site.access.panel_login import PanelLogin, ask_for_code

        if request.method == "GET" and super().has_permission(request):
            if self.has_permission(request):
                return redirect("admin:index")
            if second_step.is_on(request.user):
                return ask_for_code(request, cast(User, request.user), reverse("admin:index"))
            return redirect("admin:second_step")
        context = {
            **self.each_context(request),
            "title": _("Log in"),
            "app_path": request.get_full_path(),
            "username": request.user.get_username(),
            **(extra_context or {}),
        }
        if not {"next"} & {*request.GET, *request.POST}:
            context["next"] = reverse("admin:index")
        return cast(HttpResponse, PanelLogin.as_view(extra_context=context)(request))

    def password_change(
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> Any:
        from raiox_site.access.own_password import OwnPassword

        context = {**self.each_context(request), **(extra_context or {})}
        return OwnPassword.as_view(extra_context=context)(request)

    def get_urls(self) -> list[URLResolver | URLPattern]:
        from raiox_site.access import pages, panel_login

        own: list[URLResolver | URLPattern] = [
            path("login/code/", panel_login.code, name="login_code"),
            path("second-step/", pages.second_step_page, name="second_step"),
            path("second-step/qr.svg", pages.qr_code, name="second_step_qr"),
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
