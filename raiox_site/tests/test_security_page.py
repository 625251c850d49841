"""`deploy/SECURITY.md` names tests, commands and secrets: they must exist."""

import re
from typing import Any

from django.conf import settings as django_settings
from django.core.management import get_commands
from django.test import Client

from raiox_site.tests.test_settings import SECRETS

PAGE = (django_settings.BASE_DIR / "deploy" / "SECURITY.md").read_text()


def test_every_test_that_is_named_exists() -> None:
    files = list(django_settings.BASE_DIR.glob("*/tests/test_*.py"))
    names = {file.name for file in files}
    functions = {
        name for file in files for name in re.findall(r"^def (test_\w+)", file.read_text(), re.M)
    }
    named = re.findall(r"`(test_\w+(?:\.py)?)`", PAGE)
    assert len(named) > 30
    assert {name for name in named if name not in names | functions} == set()


def test_every_command_that_is_named_exists() -> None:
    named = set(re.findall(r"manage\.py\s+(\w+)", PAGE))
    assert len(named) > 6
    assert named - set(get_commands()) == set()


def test_how_to_rotate_is_said_of_every_secret() -> None:
    rotating = PAGE.partition("## Rotating secrets")[2]
    assert [name for name in SECRETS if name not in rotating] == []


def test_every_variable_that_is_named_is_one() -> None:
    example = (django_settings.BASE_DIR / ".env.example").read_text()
    named = set(re.findall(r"\b(?:RAIOX|JOTFORM|DO_SPACES)_[A-Z_]+\b", PAGE))
    known = set(re.findall(r"^#? ?([A-Z][A-Z0-9_]+)=", example, re.M)) | {"RAIOX_AUDIT"}
    assert named - known == set()


def test_a_session_outlives_a_change_of_the_key_while_the_old_one_is_named(
    client: Client, reader: Any, settings: Any
) -> None:
    old = settings.SECRET_KEY
    client.force_login(reader)
    settings.SECRET_KEY, settings.SECRET_KEY_FALLBACKS = "n" + old, [old]
    assert client.get("/admin/").status_code == 200


def test_a_session_ends_with_the_key_that_nobody_names_any_more(
    client: Client, reader: Any, settings: Any
) -> None:
    client.force_login(reader)
    settings.SECRET_KEY = "n" + settings.SECRET_KEY
    assert client.get("/admin/").status_code == 302
