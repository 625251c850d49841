"""The real web server, over real connections: bodies, limits, and what it tells about itself."""

import json
import socket
import subprocess
import sys
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
import requests
from django.conf import settings

from integrations.models import RequestCount
from raiox_site import running

MEGABYTE = 1024 * 1024
pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def server(private_media: Path, tmp_path: Path) -> Iterator[Callable[..., str]]:
    """Start the web server with changed variables; returns its address."""
    with running_servers(private_media, tmp_path) as start:
        yield start


class running_servers:
    def __init__(self, media: Path, logs: Path) -> None:
        self.media, self.log, self.contexts = media, logs / "web.log", []

    def __enter__(self) -> Callable[..., str]:
        return self.start

    def start(self, **changes: str) -> str:
        variables = running.environment(self.media, RAIOX_HASH_KEY="", **changes)
        context = running.web(variables, self.log)
        self.contexts.append(context)
        return context.__enter__()

    def __exit__(self, *error: Any) -> None:
        for context in self.contexts:
            context.__exit__(*error)


def pieces(content: bytes, size: int = 7000) -> Iterator[bytes]:
    """A body without a known length: requests sends it chunked."""
    for start in range(0, len(content), size):
        yield content[start : start + size]


def form(content: bytes) -> tuple[bytes, dict[str, str]]:
    request = requests.Request("POST", "http://x/", files={"file": ("x.jpg", content)}).prepare()
    return request.body, {"Content-Type": request.headers["Content-Type"]}  # type: ignore


def test_fifty_requests_at_once_to_two_processes_and_exactly_as_many_pass_as_are_allowed(
    server: Callable[..., str],
) -> None:
    base = server(RAIOX_WEBHOOK_RATE="20/day", RAIOX_WEB_PROCESSES="2")

    def knock(number: int) -> int:
        headers = {"X-Forwarded-For": f"203.0.113.{number}", "X-Real-IP": f"203.0.113.{number}"}
        return requests.post(f"{base}/webhook", json={}, headers=headers, timeout=30).status_code

    with ThreadPoolExecutor(25) as pool:
        codes = Counter(pool.map(knock, range(50)))
    assert codes == {400: 20, 429: 30}
    assert RequestCount.objects.get().count == 50


COUNTING = """
import sys
from concurrent.futures import ThreadPoolExecutor
import django
django.setup()
from django.db import connection
from integrations.throttles import count_request

def one(number):
    try:
        return count_request("webhook|198.51.100.7", seconds=86400)[0]
    finally:
        connection.close()

sys.stdin.readline()
with ThreadPoolExecutor(5) as pool:
    print(*pool.map(one, range(25)))
"""


def test_two_processes_never_count_the_same_number(private_media: Path) -> None:
    variables = running.environment(private_media, DJANGO_SETTINGS_MODULE="raiox_site.settings")
    options: dict[str, Any] = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
    counters = [
        subprocess.Popen(
            [sys.executable, "-c", COUNTING], cwd=settings.BASE_DIR, env=variables, **options
        )
        for _ in range(2)
    ]
    for counter in counters:
        counter.stdin.write("go\n")
        counter.stdin.flush()
    found = [int(word) for one in counters for word in one.communicate(timeout=60)[0].split()]
    assert sorted(found) == list(range(1, 51))


def test_a_chunked_upload_is_answered_as_one_of_known_length(
    server: Callable[..., str], catalogue: list[Any], film: Callable[..., bytes]
) -> None:
    base = server()
    body, headers = form(film())
    known = requests.post(f"{base}/upload", data=body, headers=headers, timeout=60)
    chunked = requests.post(f"{base}/upload", data=pieces(body), headers=headers, timeout=60)
    assert (known.status_code, chunked.status_code) == (200, 200)
    assert len(chunked.json()) == 3
    assert chunked.json() == known.json()


def test_a_chunked_json_body_is_read(server: Callable[..., str], db: None) -> None:
    headers = {"Content-Type": "application/json"}
    body = json.dumps({"image_url": "https://example.org/x.jpg", "client_id": "c"}).encode()
    answer = requests.post(f"{server()}/webhook", data=pieces(body, 5), headers=headers, timeout=30)
    assert answer.status_code == 422
    assert answer.json()["detail"]


@pytest.mark.parametrize(
    ("path", "content_type", "limit"),
    [
        ("/upload", "multipart/form-data; boundary=x", 6),
        ("/jotform", "multipart/form-data; boundary=x", 6),
        ("/webhook", "application/json", 6),
        ("/auth/token", "application/json", 1),
        ("/cases/1/approve", "application/json", 1),
        ("/privacy/erasure", "application/json", 1),
        ("/admin/login/", "application/x-www-form-urlencoded", 1),
        ("/nowhere", "text/plain", 1),
    ],
)
def test_a_body_over_its_limit_is_refused_while_it_is_sent(
    server: Callable[..., str], path: str, content_type: str, limit: int
) -> None:
    with connected(server()) as sending:
        sending.head(path, "Transfer-Encoding: chunked", content_type)
        status, answer = sending.chunks(b" " * 64 * 1024, most=40 * MEGABYTE)
    assert status == 413
    assert f"{limit} MB" in answer.decode()
    # What the kernels hold between the two ends comes on top.
    assert sending.sent < limit * MEGABYTE + 8 * MEGABYTE


@pytest.mark.parametrize("path", ["/upload", "/webhook", "/auth/token", "/admin/login/", "/"])
def test_a_length_over_the_limit_is_refused_without_waiting_for_the_body(
    server: Callable[..., str], path: str
) -> None:
    with connected(server()) as sending:
        sending.head(path, f"Content-Length: {50 * MEGABYTE}", "application/json")
        status, _answer = sending.read()
    assert status == 413


@pytest.mark.parametrize(
    "body",
    [
        b"zz\r\nab\r\n",
        b"5\r\nab",
        b"2\r\nabcd\r\n0\r\n\r\n",
        b"-1\r\n",
        b"ffffffffffffffffff\r\nab",
    ],
)
def test_a_malformed_chunk_is_the_senders_fault(server: Callable[..., str], body: bytes) -> None:
    with connected(server()) as sending:
        sending.head("/webhook", "Transfer-Encoding: chunked", "application/json")
        sending.socket.sendall(body)
        sending.socket.shutdown(socket.SHUT_WR)
        status, _answer = sending.read()
    assert status == 400


def test_two_lengths_for_one_body_are_refused(server: Callable[..., str]) -> None:
    base = server()
    for second in ("Content-Length: 3", "Transfer-Encoding: chunked"):
        with connected(base) as sending:
            sending.head("/webhook", f"Content-Length: 5\r\n{second}", "application/json")
            sending.socket.sendall(b"0\r\n\r\nGET /ping HTTP/1.1\r\nHost: localhost\r\n\r\n")
            status, answer = sending.read()
        assert status == 400
        assert b"pong" not in answer


def test_the_server_does_not_say_what_it_is(server: Callable[..., str]) -> None:
    base = server()
    for path in ("/ping", "/nowhere", "/admin/login/", "/static/admin/css/base.css"):
        answer = requests.get(f"{base}{path}", timeout=30)
        told = f"{answer.headers}".lower()
        for word in ("gunicorn", "django", "python", "wsgi", "x-powered-by"):
            assert word not in told, path


@pytest.mark.parametrize(
    ("sent", "status"),
    [
        (b"nonsense\r\n\r\n", 400),
        (b"GET /ping HTTP/9.9\r\n\r\n", 400),
        (b"GET /" + b"a" * 9000 + b" HTTP/1.1\r\nHost: x\r\n\r\n", 414),
        (b"GET / HTTP/1.1\r\nX-Long: " + b"a" * 90_000 + b"\r\n\r\n", 431),
        (b"POST / HTTP/1.1\r\nTransfer-Encoding: <b>secret</b>\r\n\r\n", 501),
        (b"POST / HTTP/1.1\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab", 400),
    ],
)
def test_what_the_web_server_itself_refuses_is_refused_like_everything_else(
    server: Callable[..., str], sent: bytes, status: int
) -> None:
    with connected(server()) as sending:
        sending.socket.sendall(sent)
        told, answer = sending.read()
    head, _empty, body = answer.decode().partition("\r\n\r\n")
    headers = dict(line.split(": ", 1) for line in head.split("\r\n")[1:])
    assert told == status
    assert json.loads(body) == {"detail": "Não foi possível processar a requisição."}
    assert headers["Content-Type"] == "application/json"
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert "default-src 'none'" in headers["Content-Security-Policy"]
    assert len(headers["X-Request-ID"]) == 32


class connected:
    """A raw connection that sends what a well-behaved client would not."""

    def __init__(self, base: str) -> None:
        url = urlsplit(base)
        self.socket = socket.create_connection((url.hostname, url.port), timeout=30)
        self.sent = 0

    def __enter__(self) -> "connected":
        return self

    def __exit__(self, *error: Any) -> None:
        self.socket.close()

    def head(self, path: str, length: str, content_type: str) -> None:
        lines = [
            f"POST {path} HTTP/1.1",
            "Host: localhost",
            length,
            f"Content-Type: {content_type}",
        ]
        self.socket.sendall("\r\n".join([*lines, "Connection: close", "", ""]).encode())

    def chunks(self, piece: bytes, *, most: int) -> tuple[int, bytes]:
        """Send chunks until the server answers, or `most` bytes are sent."""
        framed = f"{len(piece):x}\r\n".encode() + piece + b"\r\n"
        answered = threading.Event()
        answer: list[tuple[int, bytes]] = []

        def listen() -> None:
            answer.append(self.read())
            answered.set()

        listener = threading.Thread(target=listen, daemon=True)
        listener.start()
        with suppress(ConnectionError):
            while self.sent < most and not answered.is_set():
                self.socket.sendall(framed)
                self.sent += len(piece)
        listener.join(30)
        return answer[0]

    def read(self) -> tuple[int, bytes]:
        received = b""
        with suppress(ConnectionError):
            while piece := self.socket.recv(65536):
                received += piece
        return int(received.split(b" ", 2)[1]), received
