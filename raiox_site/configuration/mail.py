"""The mail server, out of one address."""

from typing import Any
from urllib.parse import urlsplit

import environ
from django.core.exceptions import ImproperlyConfigured

from raiox_site.environment import Environment, Secret

SMTP_PORTS = {"smtp": 25, "smtp+tls": 587, "smtp+ssl": 465}
FORM = "EMAIL_URL must be like smtp+tls://user:password@host:587 (or smtp+ssl, smtp)"
NO_MAIL = {"EMAIL_BACKEND": "django.core.mail.backends.dummy.EmailBackend"}


def email_settings(url: str) -> dict[str, Any]:
    """Django's EMAIL_* settings out of EMAIL_URL; its parts are percent-encoded.

    `smtp+tls://` begins in the clear and turns to TLS (port 587), `smtp+ssl://` is TLS from
    the first byte (465), `smtp://` is neither (25), `consolemail://` prints. `smtps` is
    refused: some read it as the first and some as the second. Raises ImproperlyConfigured,
    which does not quote the URL.
    """
    if not url:
        return NO_MAIL
    try:
        config = environ.Env.email_url_config(url)
    except (ValueError, ImproperlyConfigured):
        raise ImproperlyConfigured(FORM) from None
    scheme, _netloc, *rest = urlsplit(url)
    is_smtp = scheme in SMTP_PORTS and config["EMAIL_HOST"]
    # A `/`, `?` or `#` in the password ends the address where it was not meant to end.
    if any(part.strip("/") for part in rest) or not (is_smtp or scheme == "consolemail"):
        raise ImproperlyConfigured(FORM)
    return {
        "EMAIL_BACKEND": config["EMAIL_BACKEND"],
        "EMAIL_HOST": config["EMAIL_HOST"] or "",
        "EMAIL_PORT": config["EMAIL_PORT"] or SMTP_PORTS.get(scheme, 0),
        "EMAIL_HOST_USER": config["EMAIL_HOST_USER"] or "",
        "EMAIL_HOST_PASSWORD": Secret(config["EMAIL_HOST_PASSWORD"] or ""),
        "EMAIL_USE_TLS": scheme == "smtp+tls",
        "EMAIL_USE_SSL": scheme == "smtp+ssl",
    }


def settings(env: Environment, url: str) -> dict[str, Any]:
    try:
        return email_settings(url)
    except ImproperlyConfigured as error:
        env.refuse(str(error))
        return NO_MAIL
