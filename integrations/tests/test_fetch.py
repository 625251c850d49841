import socket
import threading
import time
import traceback
from collections.abc import Callable
from contextlib import suppress
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any

import pytest
import requests

from cases.films import ImageUnavailable
from integrations import fetch
from integrations.deadline import total_deadline
from integrations.fetch import Credential
from integrations.tests.servers import (
    Answer,
    dripping,
    raw,
    sending,
    serving,
    write_certificate,
)
from matching.radiograph import ImageTooLarge, NotAnImage

KEY = Credential("sesame", "APIKEY")
CHUNKED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"


@pytest.fixture(autouse=True)
def loopback_is_listed(settings: Any) -> None:
    settings.RAIOX_FETCH_ALLOW_HOSTS = ["127.0.0.1"]


def test_the_bytes_of_an_allowed_host_arrive(film: Callable[..., bytes]) -> None:
    with serving(sending(film())) as base:
        assert fetch.fetch_image(f"{base}/x.jpg") == film()


@pytest.mark.parametrize(
    ("status", "may_come"),
    [
        (204, True),
        (400, False),
        (401, False),
        (403, False),
        (404, True),
        (408, True),
        (410, False),
        (425, True),
        (429, True),
        (500, True),
        (503, True),
    ],
)
def test_an_error_status_is_named_and_may_pass(status: int, may_come: bool) -> None:
    with serving(sending(b"x", status=status)) as base, pytest.raises(ImageUnavailable) as error:
        fetch.fetch_image(base)
    assert str(status) in str(error.value)
    assert error.value.may_come == may_come


@pytest.mark.parametrize(
    ("page", "content_type"),
    [
        pytest.param(b"<!DOCTYPE html><p>Log in", "image/jpeg", id="doctype"),
        pytest.param(b"\n <html><body>", "image/jpeg", id="whitespace"),
        pytest.param(b"\xef\xbb\xbf<HTML>", "image/jpeg", id="byte order mark"),
        pytest.param("\ufeff <html>".encode("utf-16-le"), "image/jpeg", id="UTF-16"),
        pytest.param(b"<!-- x --><!doctype html>", "image/jpeg", id="comment"),
        pytest.param(b"Log in, please", "Text/HTML; charset=utf-8", id="declared"),
        pytest.param(b"", "image/jpeg", id="nothing"),
    ],
)
def test_a_page_or_nothing_may_become_an_image(page: bytes, content_type: str) -> None:
    with (
        serving(sending(page, content_type=content_type)) as base,
        pytest.raises(ImageUnavailable) as error,
    ):
        fetch.fetch_image(base)
    assert error.value.may_come


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP"])
def test_an_image_is_known_by_its_beginning(film: Callable[..., bytes], kind: str) -> None:
    with serving(sending(film(kind=kind), content_type="text/html")) as base:
        assert fetch.fetch_image(base) == film(kind=kind)


@pytest.mark.parametrize("body", [b"%PDF-1.7 ", b"GIF89a", b"<svg/>", b"{}"])
def test_what_is_neither_a_page_nor_an_image_will_not_become_one(body: bytes) -> None:
    with serving(sending(body)) as base, pytest.raises(NotAnImage):
        fetch.fetch_image(base)


def test_a_chunked_body_arrives(film: Callable[..., bytes]) -> None:
    with serving(raw(CHUNKED + b"%x\r\n%b\r\n0\r\n\r\n" % (len(film()), film()))) as base:
        assert fetch.fetch_image(base) == film()


@pytest.mark.parametrize(
    "beginning",
    [
        pytest.param(b"HTTP/1.1 200 OK\r\nContent-Length: 9999\r\n\r\n", id="length"),
        pytest.param(CHUNKED + b"270f\r\n", id="chunk"),
    ],
)
def test_a_body_that_ends_too_early_may_come_whole(
    film: Callable[..., bytes], beginning: bytes
) -> None:
    with serving(raw(beginning + film())) as base, pytest.raises(ImageUnavailable) as error:
        fetch.fetch_image(base)
    assert error.value.may_come


def test_an_encoded_body_is_refused(film: Callable[..., bytes]) -> None:
    with serving(sending(film(), Content_Encoding="gzip")) as base:
        with pytest.raises(ImageUnavailable) as error:
            fetch.fetch_image(base)
    assert not error.value.may_come


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
    with serving(dripping(beginning)) as base, pytest.raises(ImageUnavailable) as error:
        fetch.fetch_image(base)
    assert time.monotonic() - started < 5
    assert error.value.may_come


def test_a_handshake_that_drips_is_given_up() -> None:
    started = time.monotonic()
    with socket.create_server(("127.0.0.1", 0)) as server:
        threading.Thread(target=drip_handshake, args=(server,), daemon=True).start()
        with pytest.raises(ImageUnavailable) as error:
            fetch.fetch_image(f"https://127.0.0.1:{server.getsockname()[1]}/", seconds=1.0)
    assert time.monotonic() - started < 5
    assert error.value.may_come


def drip_handshake(server: socket.socket) -> None:
    """The head of a TLS record that announces 16 kB, which then come ten bytes a second."""
    connection, _address = server.accept()
    with connection, suppress(OSError):
        connection.sendall(b"\x16\x03\x03\x40\x00")
        for _ in range(100):
            connection.sendall(b"\x02")
            time.sleep(0.1)


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


@pytest.mark.parametrize(
    ("named", "trusted", "arrives"),
    [
        pytest.param("127.0.0.1", True, True, id="right"),
        pytest.param("127.0.0.2", True, False, id="of another host"),
        pytest.param("127.0.0.1", False, False, id="of an unknown authority"),
    ],
)
def test_a_certificate_must_be_that_of_the_host(
    film: Callable[..., bytes],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    named: str,
    trusted: bool,
    arrives: bool,
) -> None:
    certificate = write_certificate(tmp_path / "certificate.pem", named)
    if trusted:
        monkeypatch.setattr(requests.adapters, "DEFAULT_CA_BUNDLE_PATH", str(certificate))
    with serving(sending(film()), certificate=certificate) as base:
        if arrives:
            assert fetch.fetch_image(base) == film()
        else:
            with pytest.raises(ImageUnavailable):
                fetch.fetch_image(base)


def test_an_address_that_never_answers_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    def silent(handler: BaseHTTPRequestHandler) -> None:
        time.sleep(3)

    monkeypatch.setattr(fetch, "TIMEOUT", (1.0, 0.5))
    with serving(silent) as base, pytest.raises(ImageUnavailable) as error:
        fetch.fetch_image(base)
    assert error.value.may_come


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


def test_a_refused_connection_may_be_taken_later() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    with pytest.raises(ImageUnavailable) as error:
        fetch.fetch_image(f"http://127.0.0.1:{port}/")
    assert error.value.may_come


class Keyed:
    """Hosts that redirect where they are told, and what each saw of the key."""

    def __init__(self, film: bytes) -> None:
        self.film = film
        self.seen: list[tuple[str, str | None]] = []
        self.redirects: dict[str, str] = {}

    def __call__(self, handler: BaseHTTPRequestHandler) -> None:
        self.seen.append((handler.path, handler.headers["APIKEY"]))
        if location := self.redirects.get(handler.path):
            sending(b"", status=302, Location=location)(handler)
        else:
            sending(self.film)(handler)


@pytest.fixture
def keyed(film: Callable[..., bytes]) -> Keyed:
    return Keyed(film())


def test_a_credential_stays_with_its_host(keyed: Keyed) -> None:
    with serving(keyed) as base:
        keyed.redirects = {"/1": "/2"}
        fetch.fetch_image(f"{base}/1", credential=KEY)
    assert keyed.seen == [("/1", "sesame"), ("/2", "sesame")]


def test_a_credential_never_goes_to_another_port_and_does_not_come_back(keyed: Keyed) -> None:
    with serving(keyed) as base, serving(keyed) as other:
        keyed.redirects = {"/1": f"{other}/2", "/2": f"{base}/3"}
        fetch.fetch_image(f"{base}/1", credential=KEY)
    assert keyed.seen == [("/1", "sesame"), ("/2", None), ("/3", None)]


@pytest.mark.parametrize("shown", ["sesame", "%73esame", "a%253Dsesame"])
def test_a_redirect_that_shows_the_credential_to_another_host_is_not_followed(
    keyed: Keyed, shown: str
) -> None:
    with serving(keyed) as base, serving(keyed) as other:
        keyed.redirects = {"/1?k=sesame": f"{other}/2?k={shown}"}
        with pytest.raises(ImageUnavailable) as error:
            fetch.fetch_image(f"{base}/1?k=sesame", credential=Credential("sesame"))
    assert not error.value.may_come
    assert keyed.seen == [("/1?k=sesame", None)]


@pytest.mark.parametrize(
    "answer",
    [
        pytest.param(raw(b""), id="no answer"),
        pytest.param(raw(b"HTTP/1.1 200 OK\r\nno header\r\n\r\n"), id="headers not understood"),
        pytest.param(raw(b"nonsense\r\n\r\n"), id="no HTTP"),
        pytest.param(sending(b"", status=302, Location="https://[sesame"), id="bad redirect"),
        pytest.param(sending(b"", status=302, Location="https://sesame.test/"), id="redirect"),
        pytest.param(sending(b"", status=302, Location="/Paciente?k=sesame"), id="redirects"),
        pytest.param(sending(b"<html>", status=404), id="refusal"),
        pytest.param(sending(b"<html>"), id="page"),
    ],
)
def test_the_address_and_the_credential_are_never_told(
    answer: Answer, caplog: pytest.LogCaptureFixture
) -> None:
    with serving(answer) as base, pytest.raises(ImageUnavailable) as error:
        fetch.fetch_image(f"{base}/Paciente?k=sesame", credential=KEY)
    told = everything_about(error.value) + caplog.text
    assert "sesame" not in told
    assert "Paciente" not in told


def everything_about(error: BaseException) -> str:
    """The traceback of an error and, unlike a traceback, of all that it came from."""
    told = ""
    while error:
        told += "".join(traceback.format_exception(error)) + repr(error)
        error = error.__context__
    # The lines of this file quote what they look for.
    return "\n".join(line for line in told.splitlines() if "fetch.fetch_image(" not in line)
