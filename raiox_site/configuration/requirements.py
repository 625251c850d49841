"""What a deployed installation must have before it may start."""

from collections.abc import Sequence

from raiox_site.configuration.keys import TOKEN_LENGTH, is_weak
from raiox_site.environment import Environment

# `check --deploy` asks for 50, and for different ones (security.W009).
SECRET_KEY_LENGTH = 32
MAKE_ONE = "make one with: python -c 'import secrets; print(secrets.token_urlsafe(48))'"


def require_keys(env: Environment, *, secret_key: str, older: Sequence[str]) -> None:
    """Refuse a SECRET_KEY that is missing or weak, and weak ones kept for a rotation."""
    if not secret_key:
        env.refuse(f"SECRET_KEY is not set, {MAKE_ONE}")
    elif is_weak(secret_key, length=SECRET_KEY_LENGTH):
        env.refuse(
            f"SECRET_KEY is weak ({SECRET_KEY_LENGTH} random characters at least), {MAKE_ONE}"
        )
    if any(is_weak(key, length=SECRET_KEY_LENGTH) for key in older):
        env.refuse("SECRET_KEY_FALLBACKS has a weak key, take it out")


def require_hosts(env: Environment, hosts: Sequence[str]) -> None:
    env.require(hosts, "ALLOWED_HOSTS is not set (host names, comma-separated)")
    wrong = [host for host in hosts if host == "*" or "/" in host]
    env.require(not wrong, "ALLOWED_HOSTS must be host names, without * and without https://")


def require_strength(env: Environment, **secrets: tuple[str, int]) -> None:
    """Refuse optional secrets that are set and weak; `secrets`: name = (value, least length)."""
    for name, (value, length) in secrets.items():
        if value and is_weak(value, length=length):
            env.refuse(f"{name} is weak ({length} random characters at least)")


def require_webhook_secret(env: Environment, token: str) -> None:
    names = "RAIOX_WEBHOOK_TOKEN, or JOTFORM_WEBHOOK_URL with a token, or JF_SECRET,"
    env.require(token, f"{names} is not set")
    if token and is_weak(token, length=TOKEN_LENGTH):
        env.refuse(f"{names} is weak ({TOKEN_LENGTH} random characters at least)")


def require_encoder(env: Environment, name: str) -> None:
    """Refuse an encoder without skill. The bundled one has only seen phantoms: that is a choice
    to be made, so there is no default."""
    is_trained = "/" in name and not name.endswith("/random")
    trained = "raiox-fixture/bundled, ViT-B-32/openai or <architecture>/<checkpoint>"
    env.require(is_trained, f"RAIOX_ENCODER with trained weights is not set ({trained})")


def require_channels(
    env: Environment, *, emails: Sequence[str], email_url: str, telegram: str, chat: str
) -> None:
    env.require(email_url or not emails, "RAIOX_NOTIFY_EMAILS needs EMAIL_URL")
    is_whole = bool(telegram) == bool(chat)
    env.require(is_whole, "RAIOX_TELEGRAM_TOKEN and RAIOX_TELEGRAM_CHAT need each other")
