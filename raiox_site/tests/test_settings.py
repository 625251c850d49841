import os
import subprocess
import sys
from pathlib import Path

import pytest
from django.conf import settings
from django.core.exceptions import ImproperlyConfigured

from raiox_site.environment import email_settings, webhook_token

COMPLETE = {
    "RAIOX_ENV": "production",
    "SECRET_KEY": "x" * 50,
    "ALLOWED_HOSTS": "raiox.example.org",
    "DATABASE_URL": "postgresql://raiox:word@db.example.org/raiox",
    "DO_SPACES_KEY": "key",
    "DO_SPACES_SECRET": "word",
    "RAIOX_WEBHOOK_TOKEN": "sesame",
    "RAIOX_ENCODER": "ViT-B-32/openai",
}


def start(tmp_path: Path, program: str = "", **variables: str) -> subprocess.CompletedProcess[str]:
    """Import the settings in a process of its own, with nothing but these variables."""
    kept = {name: os.environ[name] for name in ("PATH", "HOME", "TMPDIR") if name in os.environ}
    return subprocess.run(
        [sys.executable, "-c", f"from raiox_site import settings\n{program}"],
        cwd=settings.BASE_DIR,
        env={
            **kept,
            "RAIOX_VAR_DIR": str(tmp_path),
            "RAIOX_ENV_FILE": os.devnull,
            **variables,
        },
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def test_production_starts_when_everything_is_set(tmp_path: Path) -> None:
    result = start(
        tmp_path, "print(settings.STORAGES['default']['OPTIONS']['default_acl'])", **COMPLETE
    )
    assert (result.returncode, result.stdout.strip()) == (0, "private")


def test_production_names_everything_that_is_missing_at_once(tmp_path: Path) -> None:
    result = start(tmp_path, RAIOX_ENV="production")
    assert result.returncode != 0
    for name in (
        "SECRET_KEY",
        "ALLOWED_HOSTS",
        "DATABASE_URL",
        "DO_SPACES_KEY",
        "TOKEN",
        "ENCODER",
    ):
        assert name in result.stderr.splitlines()[-1]


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("SECRET_KEY", "short"),
        ("ALLOWED_HOSTS", "*"),
        ("RAIOX_ENCODER", "ViT-B-32/random"),
        ("DO_SPACES_SECRET", ""),
    ],
)
def test_production_refuses_what_is_not_good_enough(tmp_path: Path, name: str, value: str) -> None:
    result = start(tmp_path, **{**COMPLETE, name: value})
    assert result.returncode != 0
    assert name in result.stderr.splitlines()[-1]


def test_a_secret_may_come_from_a_file(tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_text("y" * 50 + "\n")
    variables = {**COMPLETE, "SECRET_KEY_FILE": str(secret)}
    del variables["SECRET_KEY"]
    result = start(tmp_path, "print(settings.SECRET_KEY)", **variables)
    assert result.stdout.strip() == "y" * 50


@pytest.mark.parametrize(
    "variables",
    [
        {"RAIOX_ENV": "prod"},
        {"RAIOX_RETENTION_DAYS": "ninety"},
        {"JOTFORM_FIELDS": "{broken"},
        {"JOTFORM_FIELDS": '{"answr": "10"}'},
        {"RAIOX_WEBHOOK_RATE": "30"},
        {"RAIOX_WORKERS": "0"},
        {"RAIOX_RETENTION_DAYS": "-5"},
        {"DATABASE_URL": "sqlite:///x"},
        {"SECRET_KEY_FILE": "/nowhere/at/all"},
        {"RAIOX_NOTIFY_EMAILS": "brenda"},
        {"RAIOX_NOTIFY_EMAILS": "brenda@clinica.example"},
        {"RAIOX_TELEGRAM_TOKEN": "123:abc"},
        {"RAIOX_TELEGRAM_CHAT": "-1001"},
    ],
)
def test_a_wrong_value_is_named(tmp_path: Path, variables: dict[str, str]) -> None:
    result = start(tmp_path, **{**COMPLETE, **variables})
    assert result.returncode != 0
    (name,) = variables
    assert name in result.stderr.splitlines()[-1]


@pytest.mark.parametrize(
    ("url", "host", "port", "user", "password", "security"),
    [
        ("smtp+tls://ana:pw@m.example:587", "m.example", 587, "ana", "pw", "tls"),
        ("smtp+tls://ana:pw@m.example", "m.example", 587, "ana", "pw", "tls"),
        (
            "smtp+ssl://a%40b.org:p%3A%2F%23w+x@m.example/",
            "m.example",
            465,
            "a@b.org",
            "p:/#w+x",
            "ssl",
        ),
        ("smtp://m.example", "m.example", 25, "", "", ""),
    ],
)
def test_the_mail_server_is_read_from_its_address(
    url: str, host: str, port: int, user: str, password: str, security: str
) -> None:
    found = email_settings(url)
    assert found["EMAIL_BACKEND"].endswith("smtp.EmailBackend")
    assert (found["EMAIL_HOST"], found["EMAIL_PORT"]) == (host, port)
    assert (found["EMAIL_HOST_USER"], found["EMAIL_HOST_PASSWORD"]) == (user, password)
    assert found["EMAIL_USE_TLS"] is (security == "tls")
    assert found["EMAIL_USE_SSL"] is (security == "ssl")


@pytest.mark.parametrize(
    "url",
    [
        "m.example:587",
        "smtp+tls://",
        "smtps://ana:hidden@m.example:465",
        "smtp+tls://ana:hid#den@m.example:587",
        "smtp+tls://ana:12#hidden@m.example:587",
        "smtp+tls://ana:hid/den@m.example:587",
        "smtp+tls://ana:12?hidden@m.example:587",
        "smtp+tls://ana:hidden@m.example:port",
        "smtp+tls://ana:hidden@[m.example:587",
        "https://ana:hidden@m.example",
    ],
)
def test_a_mail_server_that_cannot_be_read_is_refused_without_being_quoted(url: str) -> None:
    with pytest.raises(ImproperlyConfigured, match="EMAIL_URL must be like") as refused:
        email_settings(url)
    assert "hidden" not in str(refused.value)


def test_mail_is_set_up_from_a_secret_file(tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_text("smtp+tls://ana:word@m.example\n")
    program = "print(settings.EMAIL_HOST, settings.EMAIL_PORT, settings.EMAIL_TIMEOUT)"
    result = start(
        tmp_path,
        program,
        **COMPLETE,
        EMAIL_URL_FILE=str(secret),
        RAIOX_NOTIFY_EMAILS="brenda@clinica.example, ana@clinica.example",
    )
    assert result.stdout.split() == ["m.example", "587", "10"]


@pytest.mark.parametrize(
    ("explicit", "url", "signing", "token"),
    [
        ("a", "https://x.org/jotform/b", "c", "a"),
        ("", "https://x.org/jotform/b/", "c", "b"),
        ("", "https://x.org/jotform?token=b", "c", "b"),
        ("", "https://x.org/jotform", "c", "c"),
        ("", "", "", ""),
    ],
)
def test_the_webhook_secret_is_found_where_it_is_set(
    explicit: str, url: str, signing: str, token: str
) -> None:
    assert webhook_token(explicit, url, signing) == token


def test_every_variable_that_is_read_is_listed_in_the_example() -> None:
    import re

    pattern = re.compile(
        r'(?:secret|words|integer|environ\.get|environ\.setdefault)\(\s*"([A-Z][A-Z0-9_]+)"'
    )
    read = set(pattern.findall((settings.BASE_DIR / "raiox_site" / "settings.py").read_text()))
    listed = set(
        re.findall(
            r"^#? ?([A-Z][A-Z0-9_]+)=", (settings.BASE_DIR / ".env.example").read_text(), re.M
        )
    )
    assert len(read) > 25
    assert read - listed == set()
