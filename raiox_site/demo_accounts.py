"""Accounts to try the panel with: passwords are made on this machine and stay on it."""

import json
import os
import secrets
from pathlib import Path

from django.contrib.auth.models import Group, User

from raiox_site.roles import APPROVER, CURATOR, READER

ROLES = {"brenda": APPROVER, "leitura": READER, "catalogo": CURATOR}


def ensure(path: Path) -> dict[str, str]:
    """Create the demo accounts that are missing; user name → password, kept in `path`.

    An account whose password is not in the file gets a new one, so that the file is right.
    """
    passwords = _read(path)
    for username, role in ROLES.items():
        user, created = User.objects.get_or_create(username=username, defaults={"is_staff": True})
        if created or not user.check_password(passwords.get(username, "")):
            passwords[username] = secrets.token_urlsafe(12)
            user.set_password(passwords[username])
            user.save()
        user.groups.set([Group.objects.get(name=role)])
    _write(path, passwords)
    return passwords


def _read(path: Path) -> dict[str, str]:
    try:
        return {str(name): str(word) for name, word in json.loads(path.read_text()).items()}
    except (FileNotFoundError, json.JSONDecodeError):
        return {}


def _write(path: Path, passwords: dict[str, str]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_suffix(".new")
    draft.unlink(missing_ok=True)
    handle = os.open(draft, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600)
    with os.fdopen(handle, "w") as file:
        json.dump(passwords, file, indent=2)
    draft.replace(path)
