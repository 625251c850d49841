"""Reading the environment strictly, and saying everything that is missing at once."""

import hashlib
import hmac
import json
import os
import re
import secrets
from collections.abc import Collection
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import environ
from django.core.exceptions import ImproperlyConfigured, ValidationError
from django.core.validators import validate_email

ENVIRONMENTS = ("development", "test", "staging", "production")
SMTP_PORTS = {"smtp": 25, "smtp+tls": 587, "smtp+ssl": 465}
EMAIL_URL_FORM = "EMAIL_URL must be like smtp+tls://user:password@host:587 (or smtp+ssl, smtp)"


def secret(name: str) -> str:
    """`name` from the environment, or the content of the file that `<name>_FILE` names.

    Raises ImproperlyConfigured when `<name>_FILE` names a file that cannot be read.
    """
    path = os.environ.get(f"{name}_FILE")
    if not path:
        return os.environ.get(name, "")
    try:
        return Path(path).read_text(encoding="utf-8").strip()
    except OSError as error:
        raise ImproperlyConfigured(f"{name}_FILE cannot be read: {error.strerror}") from error


def words(name: str, default: str = "") -> list[str]:
    """A comma-separated variable as a list without empty items."""
    return [word.strip() for word in (os.environ.get(name) or default).split(",") if word.strip()]


def rate(name: str, default: str) -> str:
    """A limit such as `30/min`; set but empty means no limit."""
    value = os.environ.get(name, default).strip()
    if value and not re.fullmatch(r"[1-9]\d*/(s|sec|m|min|h|hour|d|day)", value):
        raise ImproperlyConfigured(f"{name} must be like 30/min, not {value!r}")
    return value


def json_object(name: str, *, known: Collection[str]) -> dict[str, str]:
    """A variable that holds a JSON object with keys out of `known`."""
    try:
        value = json.loads(os.environ.get(name) or "{}")
    except json.JSONDecodeError as error:
        raise ImproperlyConfigured(f"{name} is not JSON: {error}") from error
    if not isinstance(value, dict):
        raise ImproperlyConfigured(f"{name} must be a JSON object")
    if unknown := sorted(set(value) - set(known)):
        raise ImproperlyConfigured(f"{name} has unknown roles: {', '.join(unknown)}")
    if wrong := sorted(role for role, field in value.items() if not isinstance(field, str | int)):
        raise ImproperlyConfigured(f"{name} has no text for: {', '.join(wrong)}")
    return {role: str(field).strip() for role, field in value.items()}


def require_distinct(name: str, fields: dict[str, str], *, written: Collection[str]) -> None:
    """Raise ImproperlyConfigured when a field that is written has a second role."""
    for role in written:
        others = [one for one, field in fields.items() if one != role and fields.get(role)]
        shared = [one for one in others if fields[role] in fields[one].split(",")]
        if shared:
            raise ImproperlyConfigured(f"{name} names one field for {role} and {shared[0]}")


def choice(name: str, allowed: Collection[str]) -> str:
    """A variable with few possible values; the first one is the default."""
    value = os.environ.get(name, "").strip() or next(iter(allowed))
    if value not in allowed:
        raise ImproperlyConfigured(
            f"{name} must be one of {', '.join(filter(None, allowed))}, not {value!r}"
        )
    return value


def email_addresses(name: str) -> list[str]:
    """A comma-separated variable of plain e-mail addresses."""
    addresses = words(name)
    for address in addresses:
        try:
            validate_email(address)
        except ValidationError:
            raise ImproperlyConfigured(f"{name} must be addresses such as a@b.org") from None
    return addresses


def email_settings(url: str) -> dict[str, Any]:
    """Django's EMAIL_* settings out of EMAIL_URL; its parts are percent-encoded.

    `smtp+tls://` begins in the clear and turns to TLS (port 587), `smtp+ssl://` is TLS from
    the first byte (465), `smtp://` is neither (25), `consolemail://` prints. `smtps` is
    refused: some read it as the first and some as the second. Errors do not quote the URL.
    """
    if not url:
        return {"EMAIL_BACKEND": "django.core.mail.backends.dummy.EmailBackend"}
    try:
        config = environ.Env.email_url_config(url)
    except (ValueError, ImproperlyConfigured):
        raise ImproperlyConfigured(EMAIL_URL_FORM) from None
    scheme, _netloc, *rest = urlsplit(url)
    is_smtp = scheme in SMTP_PORTS and config["EMAIL_HOST"]
    # A `/`, `?` or `#` in the password ends the address where it was not meant to end.
    if any(part.strip("/") for part in rest) or not (is_smtp or scheme == "consolemail"):
        raise ImproperlyConfigured(EMAIL_URL_FORM)
    return {
        "EMAIL_BACKEND": config["EMAIL_BACKEND"],
        "EMAIL_HOST": config["EMAIL_HOST"] or "",
        "EMAIL_PORT": config["EMAIL_PORT"] or SMTP_PORTS.get(scheme, 0),
        "EMAIL_HOST_USER": config["EMAIL_HOST_USER"] or "",
        "EMAIL_HOST_PASSWORD": config["EMAIL_HOST_PASSWORD"] or "",
        "EMAIL_USE_TLS": scheme == "smtp+tls",
        "EMAIL_USE_SSL": scheme == "smtp+ssl",
    }


def integer(name: str, default: int, *, minimum: int = 0) -> int:
    value = os.environ.get(name, "")
    if not value:
        return default
    try:
        number = int(value)
    except ValueError as error:
        raise ImproperlyConfigured(f"{name} must be a whole number, not {value!r}") from error
    if number < minimum:
        raise ImproperlyConfigured(f"{name} must be at least {minimum}, not {number}")
    return number


def machine_secret(path: Path) -> str:
    """A random key made once on this machine and kept in `path`, readable by its owner only.

    For development and tests; production takes its keys from the environment.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    try:
        handle = os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600)
    except FileExistsError:
        return path.read_text(encoding="ascii").strip() or _replace_secret(path)
    with os.fdopen(handle, "w", encoding="ascii") as file:
        file.write(secrets.token_urlsafe(48))
    return path.read_text(encoding="ascii").strip()


def _replace_secret(path: Path) -> str:
    path.write_text(secrets.token_urlsafe(48), encoding="ascii")
    path.chmod(0o600)
    return path.read_text(encoding="ascii").strip()


def derived_key(key: str, purpose: str) -> str:
    """A key of its own for one purpose (HMAC-SHA256 of `purpose`, hex)."""
    return hmac.new(key.encode(), purpose.encode(), hashlib.sha256).hexdigest()


def webhook_token(explicit: str, webhook_url: str, signing_secret: str) -> str:
    """The secret that a delivery to /jotform must carry in its path or as `?token=`.

    Taken from RAIOX_WEBHOOK_TOKEN, else from the address registered at Jotform
    (`…/jotform/<token>` or `…?token=<token>`), else JF_SECRET. Empty: none is set.
    """
    if explicit:
        return explicit
    url = urlsplit(webhook_url if is_own_door(webhook_url) else "")
    in_query = parse_qs(url.query).get("token", [""])[0]
    in_path = url.path.rstrip("/").rpartition("/jotform/")[2] if "/jotform/" in url.path else ""
    return in_query or in_path or signing_secret


def is_own_door(url: str) -> bool:
    """Whether the address is that of a Raiox webhook (…/jotform or …/jotform/<token>)."""
    return "jotform" in urlsplit(url).path.split("/")


def jotform_file_hosts(api_base: str) -> list[str]:
    """Jotform's hosts of uploaded files: those of the regions, and an Enterprise one
    (`https://<name>.jotform.com/API`) where the API base names it."""
    host = (urlsplit(api_base).hostname or "").lower()
    is_enterprise = host.endswith(".jotform.com") and not host.split(".")[0].endswith("api")
    hosts = ["www.jotform.com", "eu.jotform.com", "hipaa.jotform.com"]
    return [*hosts, host] if is_enterprise and host not in hosts else hosts


def require_all(requirements: dict[str, bool]) -> None:
    """Raise one ImproperlyConfigured that names every requirement that is not met."""
    missing = [name for name, is_met in requirements.items() if not is_met]
    if missing:
        raise ImproperlyConfigured("RAIOX_ENV=production needs: " + "; ".join(missing))
