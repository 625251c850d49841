"""What browsers are told: on every kind of answer, and by a service as production runs it."""

import base64
import hashlib
import os
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import requests
from django.conf import settings as django_settings
from django.test import Client

from raiox_site import running, security_headers

PROXIED = {"X-Forwarded-Proto": "https", "X-Forwarded-For": "203.0.113.9"}


def answers(client: Client, reader: Any) -> Iterator[tuple[str, Any]]:
    """One answer of every kind."""
    yield "static", client.get("/static/admin/css/base.css")
    yield "ping", client.get("/ping")
    yield "health", client.get("/health")
    yield "open API", client.get("/implants")
    yield "docs", client.get("/docs")
    yield "legal page", client.get("/privacidade")
    yield "redirect", client.get("/")
    yield "login", client.get("/admin/login/")
    yield "unknown", client.get("/nowhere")
    yield "unknown static", client.get("/static/nowhere.css")
    yield "refused", client.get("/cases")
    yield "wrong method", client.get("/upload")
    yield "wrong host", client.get("/implants", headers={"Host": "evil.example"})
    yield "too large", client.post("/upload", CONTENT_LENGTH=str(50 * 1024 * 1024))
    yield "no JSON", client.post("/webhook", "{", content_type="application/json")
    client.force_login(reader)
    yield "panel", client.get("/admin/")
    yield "panel's unknown", client.get("/admin/nowhere/")
    yield "panel's refusal", client.get("/admin/auth/user/")


def test_every_kind_of_answer_carries_every_header(client: Client, reader: Any) -> None:
    kinds = dict(answers(client, reader))
    assert kinds["wrong host"].status_code == 400
    assert kinds["too large"].status_code == 413
    assert kinds["panel's refusal"].status_code == 403
    for kind, answer in kinds.items():
        for name, value in security_headers.HEADERS.items():
            if name != "Cache-Control":
                assert answer.get(name) == value, (kind, name)
        policy = answer["Content-Security-Policy"]
        assert policy.startswith("default-src 'none'; script-src 'self'; style-src 'self'"), kind
        for directive in ("frame-ancestors", "base-uri", "object-src"):
            assert f"{directive} 'none'" in policy, kind
        assert "form-action 'self'" in policy
        assert "Access-Control-Allow-Origin" not in answer, kind
        assert answer.get("Cross-Origin-Opener-Policy") == "same-origin", kind


def test_nothing_is_kept_by_a_browser_but_static_files(client: Client, reader: Any) -> None:
    for kind, answer in answers(client, reader):
        is_static = kind == "static"
        assert ("no-store" in answer["Cache-Control"]) is not is_static, kind


def test_inline_code_and_styles_are_forbidden_everywhere(client: Client, reader: Any) -> None:
    for kind, answer in answers(client, reader):
        policy = answer["Content-Security-Policy"]
        for word in ("unsafe", "*", "http:", "nonce"):
            assert word not in policy, kind
        assert ("sha256" in policy) is ("data:" in policy) is (kind == "docs"), kind


def test_the_one_style_sheet_inside_a_page_is_known_by_its_content(client: Client) -> None:
    (style,) = re.findall(r"<style>(.*?)</style>", client.get("/docs").content.decode(), re.S)
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    assert f"style-src 'self' 'sha256-{digest}';" in client.get("/docs")["Content-Security-Policy"]


def test_no_page_of_the_panel_needs_what_is_forbidden(
    client: Client, django_user_model: Any
) -> None:
    client.force_login(django_user_model.objects.create_superuser("root"))
    for path in ("/admin/", "/admin/cases/case/", "/admin/implants/implant/add/", "/termos"):
        page = client.get(path).content.decode()
        assert not re.search(r"<script(?![^>]*\bsrc=)(?![^>]*application/json)[^>]*>", page), path
        assert not re.search(r"\son\w+=\"|\sstyle=\"|<style|javascript:", page), path


def test_pictures_may_come_from_the_private_bucket_too(client: Client, settings: Any) -> None:
    settings.STORAGES = {
        **settings.STORAGES,
        "default": {
            "BACKEND": "storages.backends.s3.S3Storage",
            "OPTIONS": {"endpoint_url": "https://nyc3.example.com", "bucket_name": "films"},
        },
    }
    policy = client.get("/ping")["Content-Security-Policy"]
    assert "img-src 'self' https://nyc3.example.com https://films.nyc3.example.com;" in policy


def test_the_public_picture_of_an_implant_may_be_shown_elsewhere(
    client: Client, catalogue: list[Any]
) -> None:
    answer = client.get(f"/implants/{catalogue[0].pk}/picture")
    assert answer.status_code == 200
    assert answer["Cross-Origin-Resource-Policy"] == "cross-origin"
    assert answer["Content-Disposition"] == 'inline; filename="film"'
    assert answer["X-Content-Type-Options"] == "nosniff"


@pytest.mark.parametrize("path", ["/media/", "/static/", "/static/admin/", "/uploads/", "/var/"])
def test_no_directory_is_listed(client: Client, db: None, path: str) -> None:
    assert client.get(path).status_code == 404


@pytest.mark.parametrize(
    "path", ["/static/../raiox_site/settings.py", "/static/%2e%2e/manage.py", "/static//etc/passwd"]
)
def test_no_file_outside_is_served(client: Client, db: None, path: str) -> None:
    assert client.get(path).status_code == 404


@pytest.fixture(scope="module")
def collected(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of an installation with its static files."""
    folder = tmp_path_factory.mktemp("production")
    subprocess.run(
        [sys.executable, "manage.py", "collectstatic", "--noinput", "-v", "0"],
        cwd=django_settings.BASE_DIR,
        env={**os.environ, **complete(), "RAIOX_VAR_DIR": str(folder)},
        check=True,
        timeout=300,
    )
    return folder


def complete() -> dict[str, str]:
    return {
        "RAIOX_ENV": "production",
        "RAIOX_ENV_FILE": os.devnull,
        "SECRET_KEY": "k7Zq-2mVx_9TnRw4LpYd8Hc1BsJf6Gu3Ae5Io0Xt-ZqWvNbMk_Qr",
        "ALLOWED_HOSTS": "127.0.0.1,raiox.example.org",
        "DATABASE_URL": "postgresql://raiox:word@db.example.org/raiox",
        "DO_SPACES_KEY": "key",
        "DO_SPACES_SECRET": "word",
        "RAIOX_WEBHOOK_TOKEN": "open-sesame-7394",
        "RAIOX_ENCODER": "ViT-B-32/openai",
    }


@pytest.fixture
def production(
    transactional_db: None, collected: Path, tmp_path: Path
) -> Iterator[Callable[..., requests.Response]]:
    """Ask the service as a proxy that ends TLS does."""
    variables = {**os.environ, **complete(), "DATABASE_URL": running.database_url()}
    variables |= {"RAIOX_VAR_DIR": str(collected), "OMP_NUM_THREADS": "1"}
    with running.web(variables, tmp_path / "web.log") as base:

        def ask(path: str, method: str = "GET", **options: Any) -> requests.Response:
            headers = {**PROXIED, "Host": "raiox.example.org", **options.pop("headers", {})}
            return requests.request(
                method, base + path, headers=headers, allow_redirects=False, timeout=30, **options
            )

        yield ask


Ask = Callable[..., requests.Response]


def test_production_speaks_tls_only(production: Ask) -> None:
    plain = production("/implants", headers={"X-Forwarded-Proto": "http"})
    assert plain.status_code == 301
    assert plain.headers["Location"] == "https://raiox.example.org/implants"
    for path in ("/implants", "/nowhere", "/admin/login/", "/static/admin/css/nowhere.css"):
        hsts = production(path).headers["Strict-Transport-Security"]
        assert hsts == "max-age=31536000; includeSubDomains; preload"
    assert production("/ping", headers={"X-Forwarded-Proto": "http"}).status_code == 200


@pytest.mark.parametrize("host", ["10.1.2.3", "10.1.2.3:8000", "evil.example", "a b"])
def test_production_tells_probes_its_state_whatever_host_they_name(
    production: Ask, host: str
) -> None:
    for path in ("/ping", "/health", "/healthcheck"):
        for scheme in ("http", "https"):
            answer = production(path, headers={"Host": host, "X-Forwarded-Proto": scheme})
            assert answer.status_code in (200, 503), path
            assert host not in f"{answer.headers}{answer.text}"
    assert production("/ping", headers={"Host": host}).text == "pong"
    assert production("/implants", headers={"Host": host}).status_code == 400


def test_productions_static_files_are_kept_and_carry_the_headers(production: Ask) -> None:
    page = production("/admin/login/").text
    path = re.findall(r'href="(/static/[^"]+\.css)"', page)[0]
    answer = production(path)
    assert answer.status_code == 200
    assert "immutable" in answer.headers["Cache-Control"]
    assert "default-src 'none'" in answer.headers["Content-Security-Policy"]
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert "Access-Control-Allow-Origin" not in answer.headers


def test_a_foreign_host_is_refused_and_never_repeated(production: Ask) -> None:
    for headers in (
        {"Host": "evil.example"},
        {"Host": "raiox.example.org:80@evil.example"},
        {"Host": "evil.example", "X-Forwarded-Proto": "http"},
    ):
        answer = production("/admin/login/", headers=headers)
        assert answer.status_code == 400
        assert "evil" not in f"{answer.headers}{answer.text}"
    forwarded = {"X-Forwarded-Host": "evil.example", "X-Forwarded-Server": "evil.example"}
    answer = production("/admin/", headers=forwarded)
    assert (answer.status_code, answer.headers["Location"][:7]) == (302, "/admin/")
    assert "evil" not in production("/implants", headers=forwarded).text


def test_productions_cookies_and_forms_are_bound_to_the_host(
    production: Ask, make_user: Callable[..., Any], settings: Any
) -> None:
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.PBKDF2PasswordHasher"]
    make_user("reader", username="leitura")
    page = production("/admin/login/")
    token = re.findall(r'name="csrfmiddlewaretoken" value="(\w+)"', page.text)[0]
    cookie = page.headers["Set-Cookie"]
    assert cookie.startswith("__Host-csrftoken=")
    for part in ("Secure", "HttpOnly", "SameSite=Lax", "Path=/"):
        assert part in cookie
    assert "Domain" not in cookie
    form = {
        "data": {
            "username": "leitura",
            "password": "a password of the test",
            "csrfmiddlewaretoken": token,
        },
        "cookies": {"__Host-csrftoken": page.cookies["__Host-csrftoken"]},
    }
    referer = {"Referer": "https://raiox.example.org/admin/login/"}
    origin = {"Origin": "https://raiox.example.org"}
    for wrong in (
        {"Origin": "https://evil.example"},
        {"Origin": "null"},
        {"Referer": "https://evil.example/"},
        {},
    ):
        assert production("/admin/login/", "POST", headers=wrong, **form).status_code == 403
    bare = {**form, "cookies": {}}
    assert production("/admin/login/", "POST", headers=origin, **bare).status_code == 403
    entered = production("/admin/login/", "POST", headers={**origin, **referer}, **form)
    assert entered.status_code == 302
    session = next(
        part for part in entered.headers["Set-Cookie"].split(", __Host-") if "sessionid" in part
    )
    for part in ("Secure", "HttpOnly", "SameSite=Lax", "Path=/"):
        assert part in session
    assert "__Host-sessionid" in entered.cookies


def test_productions_errors_tell_nothing_about_its_inside(production: Ask) -> None:
    for path in ("/nowhere", "/admin/nowhere/", "/jotform/wrong", "/implants/99999999"):
        answer = production(path)
        assert answer.status_code in (302, 404, 405)
        for word in ("Traceback", "Django", "settings", "site-packages", "DEBUG"):
            assert word not in answer.text
