import os
import subprocess
import sys
from pathlib import Path

import pytest
from django.conf import settings
from django.core.exceptions import ImproperlyConfigured

from raiox_site.configuration.jotform import webhook_token
from raiox_site.configuration.mail import email_settings
from raiox_site.environment import Environment, Secret

KEY = "k7Zq-2mVx_9TnRw4LpYd8Hc1BsJf6Gu3Ae5Io0Xt-ZqWvNbMk_Qr"
COMPLETE = {
    "RAIOX_ENV": "production",
    "SECRET_KEY": KEY,
    "ALLOWED_HOSTS": "raiox.example.org",
    "DATABASE_URL": "postgresql://raiox:word@db.example.org/raiox",
    "DO_SPACES_KEY": "key",
    "DO_SPACES_SECRET": "word",
    "RAIOX_WEBHOOK_TOKEN": "open-sesame-7394",
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


@pytest.mark.parametrize("name", ["ViT-B-32/openai", "raiox-fixture/bundled", "ViT-B-32/own.pt"])
def test_production_takes_any_trained_encoder_that_is_named(tmp_path: Path, name: str) -> None:
    result = start(tmp_path, "print(settings.RAIOX_ENCODER)", **{**COMPLETE, "RAIOX_ENCODER": name})
    assert (result.returncode, result.stdout.strip()) == (0, name)


def test_production_has_no_encoder_by_default_and_says_which_there_are(tmp_path: Path) -> None:
    result = start(tmp_path, **{**COMPLETE, "RAIOX_ENCODER": ""})
    assert result.returncode != 0
    assert "raiox-fixture/bundled, ViT-B-32/openai" in result.stderr.splitlines()[-1]


@pytest.mark.parametrize("kind", ["development", "test", "staging"])
def test_elsewhere_there_is_an_encoder_that_needs_no_model_hub(tmp_path: Path, kind: str) -> None:
    program = "print(settings.RAIOX_ENCODER == settings.USUAL_ENCODER, settings.RAIOX_VIEWS)"
    variables = {**COMPLETE, "RAIOX_ENV": kind, "RAIOX_ENCODER": ""}
    assert start(tmp_path, program, **variables).stdout.strip() == "True None"


@pytest.mark.parametrize(("views", "told"), [("1", "1"), ("4", "4"), ("", "None")])
def test_the_number_of_views_is_one_that_there_is(tmp_path: Path, views: str, told: str) -> None:
    result = start(tmp_path, "print(settings.RAIOX_VIEWS)", **{**COMPLETE, "RAIOX_VIEWS": views})
    assert result.stdout.strip() == told


@pytest.mark.parametrize(
    ("variables", "told"),
    [
        ({}, "1 True ('HTTP_X_FORWARDED_PROTO', 'https')"),
        ({"RAIOX_PROXY_COUNT": ""}, "1 True ('HTTP_X_FORWARDED_PROTO', 'https')"),
        ({"RAIOX_ENV": "staging"}, "1 True ('HTTP_X_FORWARDED_PROTO', 'https')"),
        ({"RAIOX_PROXY_COUNT": "0"}, "0 False None"),
        ({"RAIOX_ENV": "development"}, "0 False None"),
    ],
)
def test_nobody_is_redirected_to_tls_where_nobody_can_say_that_it_was_used(
    tmp_path: Path, variables: dict[str, str], told: str
) -> None:
    program = (
        "s = settings; print(s.RAIOX_PROXY_COUNT, s.SECURE_SSL_REDIRECT, s.SECURE_PROXY_SSL_HEADER)"
    )
    assert start(tmp_path, program, **(COMPLETE | variables)).stdout.strip() == told


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
        ("RAIOX_VIEWS", "3"),
        ("DO_SPACES_SECRET", ""),
        ("SECRET_KEY", "django-insecure-" + KEY),
        ("SECRET_KEY_FALLBACKS", f"{KEY},short"),
        ("ALLOWED_HOSTS", "https://raiox.example.org"),
        ("RAIOX_WEBHOOK_TOKEN", "changeme"),
        ("RAIOX_JWT_KEY", "short"),
        ("RAIOX_HASH_KEY", "changeme" * 5),
        ("RAIOX_METRICS_TOKEN", "12345"),
    ],
)
def test_production_refuses_what_is_not_good_enough(tmp_path: Path, name: str, value: str) -> None:
    result = start(tmp_path, **{**COMPLETE, name: value})
    assert result.returncode != 0
    assert name in result.stderr.splitlines()[-1]


def test_missing_and_malformed_variables_are_named_together_and_no_secret_is_quoted(
    tmp_path: Path,
) -> None:
    wrong = {
        "RAIOX_ENV": "production",
        "ALLOWED_HOSTS": "*",
        "DATABASE_URL": "mysql://raiox:hidden-word@db.example.org/raiox",
        "RAIOX_RETENTION_DAYS": "ninety",
        "RAIOX_WEBHOOK_RATE": "often",
        "JOTFORM_FIELDS": "{",
        "EMAIL_URL": "smtps://ana:hidden-word@mail.example.org",
        "RAIOX_TELEGRAM_TOKEN": "123:hidden-word",
        "REDIS_URL_FILE": str(tmp_path / "nowhere"),
        "RAIOX_METRICS_TOKEN": "hiddn",
    }
    result = start(tmp_path, **wrong)
    said = result.stderr.splitlines()[-1]
    assert result.returncode != 0
    assert "hidden" not in result.stderr
    for name in (set(wrong) - {"RAIOX_ENV"}) | {"SECRET_KEY", "DO_SPACES_KEY", "RAIOX_ENCODER"}:
        assert name in said


def test_nothing_is_started_while_the_settings_are_wrong(tmp_path: Path) -> None:
    assert start(tmp_path, RAIOX_ENV="development", RAIOX_WORKERS="0").returncode != 0
    assert list(tmp_path.iterdir()) == []


def test_staging_needs_a_key_hosts_and_a_database(tmp_path: Path) -> None:
    said = start(tmp_path, RAIOX_ENV="staging").stderr.splitlines()[-1]
    for name in ("SECRET_KEY", "ALLOWED_HOSTS", "DATABASE_URL"):
        assert name in said
    assert "DO_SPACES_KEY" not in said


@pytest.mark.parametrize("missing", ["DB_NAME", "DB_USER", "DB_PASSWORD"])
def test_a_database_in_parts_needs_all_of_them(tmp_path: Path, missing: str) -> None:
    parts = {"DB_HOST": "db", "DB_NAME": "raiox", "DB_USER": "raiox", "DB_PASSWORD": "word"}
    variables = {**COMPLETE, **parts}
    del variables["DATABASE_URL"]
    assert start(tmp_path, **variables).returncode == 0
    del variables[missing]
    assert missing in start(tmp_path, **variables).stderr.splitlines()[-1]


SECRETS = (
    "SECRET_KEY", "SECRET_KEY_FALLBACKS", "DATABASE_URL", "DB_PASSWORD", "REDIS_URL", "EMAIL_URL",
    "DO_SPACES_KEY", "DO_SPACES_SECRET", "JOTFORM_API_KEY", "JOTFORM_WEBHOOK_URL", "JF_SECRET",
    "RAIOX_WEBHOOK_TOKEN", "RAIOX_WEBHOOK_TOKEN_OLD", "RAIOX_JWT_KEY", "RAIOX_JWT_KEY_OLD",
    "RAIOX_HASH_KEY", "RAIOX_METRICS_TOKEN", "RAIOX_TELEGRAM_TOKEN",
)  # fmt: skip


@pytest.mark.parametrize("name", SECRETS)
def test_every_secret_is_read_from_a_file_too(tmp_path: Path, name: str) -> None:
    assert f'"{name}"' in "".join(sources())
    file = tmp_path / "secret"
    file.write_text("from a file\r\n")
    env = Environment({f"{name}_FILE": str(file)})
    assert (env.secret(name), env.problems) == ("from a file", [])


def test_a_secret_file_serves_the_settings(tmp_path: Path) -> None:
    files = {}
    for name in ("SECRET_KEY", "DATABASE_URL", "DO_SPACES_SECRET"):
        file = tmp_path / name
        file.write_text(COMPLETE[name] + "\n")
        files[f"{name}_FILE"] = str(file)
    variables = {name: COMPLETE[name] for name in COMPLETE if f"{name}_FILE" not in files}
    program = "print(str(settings.SECRET_KEY), str(settings.DATABASES['default']['PASSWORD']))"
    result = start(tmp_path, program, **variables, **files)
    assert result.stdout.split() == [KEY, "word"]


def test_a_secret_file_that_is_not_one_is_named(tmp_path: Path) -> None:
    (tmp_path / "empty").write_text("\n")
    (tmp_path / "binary").write_bytes(b"\xff\xfe\x00")
    (tmp_path / "lines").write_text("one\ntwo\n")
    for name in ("empty", "binary", "lines", "nowhere", "."):
        env = Environment({"REDIS_URL_FILE": str(tmp_path / name)})
        env.secret("REDIS_URL")
        (problem,) = env.problems
        assert problem.startswith("REDIS_URL_FILE")
        assert "one" not in problem.split("(")[1]


def test_a_secret_given_twice_is_refused(tmp_path: Path) -> None:
    env = Environment({"JF_SECRET": "a", "JF_SECRET_FILE": str(tmp_path)})
    env.secret("JF_SECRET")
    assert any("JF_SECRET and JF_SECRET_FILE are both set" in one for one in env.problems)


def test_a_dump_of_the_settings_shows_no_secret(tmp_path: Path) -> None:
    hidden = {name: f"{name.lower()}-Xw7-hidden-{KEY}" for name in SECRETS}
    hidden |= {
        "DATABASE_URL": f"postgresql://raiox:hidden-{KEY}@db.example.org/raiox",
        "REDIS_URL": f"redis://:hidden-{KEY}@cache.example.org/0",
        "EMAIL_URL": f"smtp+tls://ana:hidden-{KEY}@mail.example.org",
        "JOTFORM_WEBHOOK_URL": f"https://raiox.example.org/hidden-{KEY}",
        "RAIOX_TELEGRAM_CHAT": "-1001",
    }
    del hidden["DB_PASSWORD"]
    program = """
import os, pprint
os.environ["DJANGO_SETTINGS_MODULE"] = "raiox_site.settings"
from django.core.management import call_command
call_command("diffsettings", all=True)
print(pprint.pformat(vars(settings)), settings.env, settings.DATABASES, settings.STORAGES)
"""
    result = start(tmp_path, program, **{**COMPLETE, **hidden})
    assert result.returncode == 0, result.stderr
    assert "ALLOWED_HOSTS" in result.stdout
    assert "[secret]" in result.stdout
    assert "hidden" not in result.stdout + result.stderr


def test_a_secret_hides_where_it_is_shown_and_works_where_it_is_used() -> None:
    secret = Secret("word")
    assert "word" not in f"{[secret]} {secret!r} {{'a': secret}}".replace("{'a': secret}", "")
    assert (secret, secret.encode(), f"{secret}") == ("word", b"word", "word")


def sources() -> list[str]:
    site = settings.BASE_DIR / "raiox_site"
    files = [site / "settings.py", *(site / "configuration").glob("*.py")]
    return [file.read_text() for file in files]


def test_check_deploy_is_silent_in_production(tmp_path: Path) -> None:
    result = subprocess.run(
        [sys.executable, "manage.py", "check", "--deploy", "--fail-level", "WARNING"],
        cwd=settings.BASE_DIR,
        env={
            "PATH": os.environ["PATH"],
            "RAIOX_VAR_DIR": str(tmp_path),
            "RAIOX_ENV_FILE": os.devnull,
            **COMPLETE,
        },
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert result.returncode == 0, result.stderr
    assert "no issues (0 silenced)" in result.stdout
    assert result.stderr == ""


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
        {"DATABASE_URL": "postgresql://raiox:hidden@db.example.org:port/raiox"},
        {"DATABASE_URL": "postgresql://raiox:hidden@db.example.org"},
        {"REDIS_URL": "http://:hidden@cache"},
        {"TIME_ZONE": "America/Nowhere"},
        {"LOG_LEVEL": "LOUD"},
        {"CSRF_TRUSTED_ORIGINS": "raiox.example.org"},
        {"DO_SPACES_ENDPOINT": "nyc3.digitaloceanspaces.com"},
        {"JOTFORM_WEBHOOK_URL": "raiox.example.org/hook"},
        {"RAIOX_PUBLIC_URL": "raiox.example.org"},
        {"RAIOX_PROXY_COUNT": "one"},
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

    readers = "text|secrets?|words|integer|rate|choice|address|origins|time_zone|listener"
    pattern = re.compile(rf'env\.(?:{readers}|email_addresses|json_object)\(\s*"([A-Z][A-Z0-9_]+)"')
    read = {name for source in sources() for name in pattern.findall(source)}
    example = (settings.BASE_DIR / ".env.example").read_text()
    listed = set(re.findall(r"^#? ?([A-Z][A-Z0-9_]+)=", example, re.M))
    assert len(read) > 45
    assert read - listed == set()
