"""Keys: made, derived, and judged."""

import hashlib
import hmac
import os
import secrets
from pathlib import Path

from raiox_site.environment import Secret

# Whoever sees what a key signed can try keys by himself; a token must be tried against us.
KEY_LENGTH = 32
TOKEN_LENGTH = 6
PLACEHOLDERS = (
    "changeme", "change-me", "change_me", "insecure", "placeholder", "replace-me", "your-secret",
    "your_secret", "password", "12345678",
)  # fmt: skip


def is_weak(value: str, *, length: int) -> bool:
    """Whether a secret is too short, or an example somebody left in."""
    written = value.lower()
    return len(value) < length or any(word in written for word in PLACEHOLDERS)


def machine_secret(path: Path) -> Secret:
    """A random key made once on this machine and kept in `path`, readable by its owner only.

    For development and tests; production takes its keys from the environment.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    try:
        handle = os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600)
    except FileExistsError:
        return Secret(path.read_text(encoding="ascii").strip() or _replaced(path))
    with os.fdopen(handle, "w", encoding="ascii") as file:
        file.write(secrets.token_urlsafe(48))
    return Secret(path.read_text(encoding="ascii").strip())


def _replaced(path: Path) -> str:
    path.write_text(secrets.token_urlsafe(48), encoding="ascii")
    path.chmod(0o600)
    return path.read_text(encoding="ascii").strip()


def derived_key(key: str, purpose: str) -> Secret:
    """A key of its own for one purpose (HMAC-SHA256 of `purpose`, hex)."""
    return Secret(hmac.new(key.encode(), purpose.encode(), hashlib.sha256).hexdigest())
