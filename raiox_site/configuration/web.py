"""What browsers are told, and whom the service believes about itself."""

from typing import Any

PROBES = ("ping", "health", "healthcheck", "metrics")
YEAR = 365 * 24 * 60 * 60


def settings(*, is_deployed: bool, is_production: bool, proxies: int) -> dict[str, Any]:
    """`proxies`: how many reverse proxies stand in front; they say whether TLS was used."""
    prefix = "__Host-" if is_deployed else ""
    return {
        # A browser takes a __Host- cookie only over TLS, from this host, for all of it: no
        # neighbouring host can plant one.
        "SESSION_COOKIE_NAME": f"{prefix}sessionid",
        "SESSION_COOKIE_HTTPONLY": True,
        # Strict would log people out who come by the link of a notice.
        "SESSION_COOKIE_SAMESITE": "Lax",
        "CSRF_COOKIE_NAME": f"{prefix}csrftoken",
        "CSRF_COOKIE_HTTPONLY": True,
        "CSRF_COOKIE_SAMESITE": "Lax",
        "CSRF_FAILURE_VIEW": "raiox_site.errors.csrf_failure",
        # Without a proxy nobody says that TLS was used: the redirect would lead to itself.
        "SECURE_SSL_REDIRECT": is_deployed and proxies > 0,
        # Probes inside the network speak plain HTTP.
        "SECURE_REDIRECT_EXEMPT": [rf"^{name}/?$" for name in PROBES],
        "SECURE_HSTS_SECONDS": YEAR if is_production else 0,
        "SECURE_HSTS_INCLUDE_SUBDOMAINS": is_production,
        "SECURE_HSTS_PRELOAD": is_production,
        "SECURE_PROXY_SSL_HEADER": ("HTTP_X_FORWARDED_PROTO", "https") if proxies else None,
        "SECURE_REFERRER_POLICY": "same-origin",
        "SECURE_CROSS_ORIGIN_OPENER_POLICY": "same-origin",
        "X_FRAME_OPTIONS": "DENY",
        "WHITENOISE_ALLOW_ALL_ORIGINS": False,
        "WHITENOISE_USE_FINDERS": not is_deployed,
    }
