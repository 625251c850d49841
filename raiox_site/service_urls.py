from django.urls import re_path
from django.views.generic import TemplateView

from raiox_site import docs, health, metrics, tokens

urlpatterns = [
    re_path(r"^ping/?$", health.ping, name="ping"),
    re_path(r"^health/?$", health.health, name="health"),
    re_path(r"^healthcheck/?$", health.healthcheck, name="healthcheck"),
    re_path(r"^metrics/?$", metrics.metrics, name="metrics"),
    re_path(r"^auth/token/?$", tokens.TokenView.as_view(), name="token"),
    re_path(r"^auth/token/refresh/?$", tokens.RefreshView.as_view(), name="token-refresh"),
    re_path(r"^auth/logout/?$", tokens.LogoutView.as_view(), name="logout"),
    re_path(r"^openapi\.json$", docs.Schema.as_view(), name="openapi"),
    re_path(r"^docs/?$", docs.SwaggerUI.as_view(), name="docs"),
    re_path(r"^termos/?$", TemplateView.as_view(template_name="pages/terms.html"), name="terms"),
    re_path(
        r"^privacidade/?$", TemplateView.as_view(template_name="pages/privacy.html"), name="privacy"
    ),
]
