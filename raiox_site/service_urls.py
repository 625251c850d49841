from django.urls import re_path

from raiox_site import docs, health, metrics, texts, tokens

urlpatterns = [
    re_path(r"^ping/?$", health.Ping.as_view(), name="ping"),
    re_path(r"^health/?$", health.Health.as_view(), name="health"),
    re_path(r"^healthcheck/?$", health.Healthcheck.as_view(), name="healthcheck"),
    re_path(r"^metrics/?$", metrics.Metrics.as_view(), name="metrics"),
    re_path(r"^auth/token/?$", tokens.TokenView.as_view(), name="token"),
    re_path(r"^auth/token/refresh/?$", tokens.RefreshView.as_view(), name="token-refresh"),
    re_path(r"^auth/logout/?$", tokens.LogoutView.as_view(), name="logout"),
    re_path(r"^openapi\.json$", docs.Schema.as_view(), name="openapi"),
    re_path(r"^docs/?$", docs.SwaggerUI.as_view(), name="docs"),
    re_path(r"^termos/?$", texts.terms, name="terms"),
    re_path(r"^termos/(?P<version>\d{1,4})/?$", texts.terms, name="terms-version"),
    re_path(r"^privacidade/?$", texts.privacy, name="privacy"),
    re_path(r"^privacidade/(?P<version>\d{1,4})/?$", texts.privacy, name="privacy-version"),
]
