"""Passwords, sessions, tokens, lockout and the second step of a login."""

from datetime import timedelta
from typing import Any


def settings(*, signing_key: str, is_secure: bool) -> dict[str, Any]:
    """`is_secure`: cookies travel over TLS only."""
    return {
        "AUTHENTICATION_BACKENDS": [
            "axes.backends.AxesStandaloneBackend",
            "django.contrib.auth.backends.ModelBackend",
        ],
        "AUTH_PASSWORD_VALIDATORS": [
            {"NAME": f"django.contrib.auth.password_validation.{name}"}
            for name in (
                "UserAttributeSimilarityValidator",
                "MinimumLengthValidator",
                "CommonPasswordValidator",
                "NumericPasswordValidator",
            )
        ],
        "LOGIN_URL": "admin:login",
        "SESSION_COOKIE_AGE": 12 * 60 * 60,
        "SESSION_COOKIE_SECURE": is_secure,
        "CSRF_COOKIE_SECURE": is_secure,
        "SIMPLE_JWT": {
            "SIGNING_KEY": signing_key,
            "ACCESS_TOKEN_LIFETIME": timedelta(minutes=15),
            "REFRESH_TOKEN_LIFETIME": timedelta(hours=8),
            "ROTATE_REFRESH_TOKENS": True,
            "BLACKLIST_AFTER_ROTATION": True,
            "CHECK_REVOKE_TOKEN": True,
            "AUTH_TOKEN_CLASSES": ("raiox_site.access.signing.Access",),
            "ISSUER": "raiox",
            "AUDIENCE": "raiox-api",
        },
        "AXES_FAILURE_LIMIT": 5,
        "AXES_COOLOFF_TIME": timedelta(minutes=15),
        "AXES_LOCKOUT_PARAMETERS": [["username", "ip_address"]],
        "AXES_HANDLER": "raiox_site.access.lockout.Handler",
        "AXES_CLIENT_IP_CALLABLE": "raiox_site.access.lockout.address_of",
        "AXES_LOCKOUT_CALLABLE": "raiox_site.access.lockout.closed",
        "AXES_RESET_COOL_OFF_ON_FAILURE_DURING_LOCKOUT": False,
        # Who logged in is in the audit records; axes would keep name, address and browser.
        "AXES_DISABLE_ACCESS_LOG": True,
        "AXES_VERBOSE": False,
        "AXES_ENABLE_ADMIN": False,
        "OTP_TOTP_ISSUER": "Raiox AI",
        "OTP_ADMIN_HIDE_SENSITIVE_DATA": True,
    }
