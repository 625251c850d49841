import time
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler
from typing import Any

import pytest
import requests

from cases.films import ImageUnavailable
from integrations import fetch
from integrations.deadline import total_deadline
from integrations.tests.servers import dripping, sending, serving
from matching.radiograph import ImageTooLarge


@pytest.fixture(autouse=True)
def loopback_is_listed(settings: Any) -> None:
    settings.RAIOX_FETCH_ALLOW_HOSTS = ["127.0.0.1"]


def test_the_bytes_of_an_allowed_host_arrive(film: Callable[..., bytes]) -> None:
    with serving(sending(film())) as base:
        assert fetch.fetch_image(f"{base}/x.jpg") == film()


@pytest.mark.parametrize("status", [401, 403, 404, 500, 503])
def test_an_error_status_is_named(status: int) -> None:
    with serving(sending(b"x", status=status)) as base, pytest.raises(ImageUnavailable) as error:
        fetch.fetch_image(base)
    assert str(status) in str(error.value)


@pytest.mark.parametrize("page", [b"<!DOCTYPE html><p>Log in", b"\n <html><body>", b""])
def test_a_page_or_nothing_is_no_image(page: bytes) -> None:
    with serving(sending(page)) as base, pytest.raises(ImageUnavailable):
        fetch.fetch_image(base)


def test_too_many_bytes_are_refused_whether_announced_or_not() -> None:
    def endless(handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(200)
        handler.end_headers()
        for _ in range(200):
            handler.wfile.write(b"x" * 100_000)

    with serving(endless) as base, pytest.raises(ImageTooLarge):
        fetch.fetch_image(base)
    with serving(sending(b"x" * (5 * 1024 * 1024 + 1))) as base, pytest.raises(ImageTooLarge):
        fetch.fetch_image(base)


@pytest.mark.parametrize(
    "beginning",
    [
        pytest.param(b"HTTP/1.1 200 OK\r\n\r\n", id="body"),
        pytest.param(b"HTTP/1.1 200 OK\r\nX-Long: ", id="header"),
        # A redirect to itself at the last moment must win no time.
        pytest.param(b"HTTP/1.1 302 Found\r\nLocation: /again\r\nX-Long: ", id="redirect"),
    ],
)
def test_an_answer_that_drips_is_given_up(
    monkeypatch: pytest.MonkeyPatch, beginning: bytes
) -> None:
    monkeypatch.setattr(fetch, "DEADLINE_SECONDS", 1.0)
    started = time.monotonic()
    with serving(dripping(beginning)) as base, pytest.raises(ImageUnavailable):
        fetch.fetch_image(base)
    assert time.monotonic() - started < 5


def test_a_connection_opened_after_the_deadline_is_shut_down_at_once() -> None:
    started = time.monotonic()
    with (
        serving(dripping(b"")) as base,
        requests.Session() as session,
        total_deadline(session, 0.0),
    ):
        time.sleep(0.2)
        with pytest.raises(requests.RequestException):
            session.get(base, timeout=5)
    assert time.monotonic() - started < 3


def test_an_address_that_never_answers_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    def silent(handler: BaseHTTPRequestHandler) -> None:
        time.sleep(3)

    monkeypatch.setattr(fetch, "TIMEOUT", (1.0, 0.5))
    with serving(silent) as base, pytest.raises(ImageUnavailable):
        fetch.fetch_image(base)


@pytest.mark.parametrize(
    "url",
    [
        "http://localhost:1/x",
        "http://169.254.169.254/latest/meta-data",
        "https://10.0.0.1/x",
        "https://192.168.1.1/x",
        "https://[::ffff:127.0.0.1]/x",
        "https://2130706433/x",
        "https://0x7f000001/x",
        "https://user:word@127.0.0.1/x",
        "file:///etc/passwd",
        "ftp://127.0.0.1/x",
        "https:///x",
        "https://[bad/x",
        "no address",
        "",
    ],
)
@pytest.mark.parametrize("allowed", [["www.jotform.com"], ["*"]])
def test_addresses_of_private_networks_and_other_schemes_are_refused(
    settings: Any, url: str, allowed: list[str]
) -> None:
    settings.RAIOX_FETCH_ALLOW_HOSTS = allowed
    with pytest.raises(ImageUnavailable):
        fetch.fetch_image(url)


def test_a_wildcard_does_not_open_loopback(settings: Any, film: Callable[..., bytes]) -> None:
    settings.RAIOX_FETCH_ALLOW_HOSTS = ["*"]
    reached = []
    with serving(lambda handler: reached.append(handler.path)) as base:
        with pytest.raises(ImageUnavailable):
            fetch.fetch_image(base)
    assert not reached


def test_a_redirect_is_checked_like_the_first_address() -> None:
    reached = []
    with serving(lambda handler: reached.append(handler.path)) as inner:
        target = inner.replace("127.0.0.1", "localhost")
        redirect = sending(b"", status=302, Location=f"{target}/secret")
        with serving(redirect) as base, pytest.raises(ImageUnavailable):
            fetch.fetch_image(base)
    assert not reached


def test_a_redirect_inside_the_allowed_hosts_is_followed(film: Callable[..., bytes]) -> None:
    def answer(handler: BaseHTTPRequestHandler) -> None:
        if handler.path == "/final":
            sending(film())(handler)
        else:
            sending(b"", status=302, Location="/final")(handler)

    with serving(answer) as base:
        assert fetch.fetch_image(f"{base}/first") == film()


def test_redirects_without_end_are_given_up() -> None:
    with serving(sending(b"", status=302, Location="/again")) as base:
        with pytest.raises(ImageUnavailable):
            fetch.fetch_image(base)


def test_the_address_is_never_logged(caplog: pytest.LogCaptureFixture) -> None:
    with pytest.raises(ImageUnavailable):
        fetch.fetch_image("http://127.0.0.1:9/Paciente?apiKey=sesame")
    assert "sesame" not in caplog.text
    assert "Paciente" not in caplog.text
