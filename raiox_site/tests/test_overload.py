"""More uploads than can be answered: those beyond the bound are refused at once, on the real web
server, and nothing else is."""

import http.client
import json
import socket
import struct
import sys
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from raiox_site import overload, running

# A web process of its own has 24 threads, and takes this many uploads.
MOST = 20
WEB = ("-m", "gunicorn", "--config", "deploy/gunicorn.conf.py", "raiox_site.tests.holding")
HEAD = b"POST %s HTTP/1.1\r\nHost: localhost\r\nContent-Length: %d\r\n\r\n"
LAST = HEAD.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n")


class Held:
    """A server that keeps every request but probes until it is released."""

    def __init__(self, port: int, released: Path) -> None:
        self.port, self.released = port, released
        self.opened: list[socket.socket] = []

    def connected(self, sent: bytes = b"") -> socket.socket:
        client = socket.create_connection(("127.0.0.1", self.port), timeout=60)
        self.opened.append(client)
        client.sendall(sent)
        return client

    def uploads(self, number: int) -> list[socket.socket]:
        """So many in work."""
        found = [self.connected(LAST % (b"/upload", 0)) for _number in range(number)]
        time.sleep(0.3)
        return found

    def release(self) -> None:
        """Answer all that is held, and wait for its end."""
        self.released.touch()
        for client in self.opened:
            with suppress(OSError):
                while client.recv(65536):
                    pass
            client.close()
        self.opened.clear()


@pytest.fixture(scope="module")
def started(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Held]:
    tmp_path = tmp_path_factory.mktemp("holding")
    port, released = running.free_port(), tmp_path / "released"
    variables = {
        "PATH": "/usr/bin:/bin",
        "PYTHONPATH": ":".join(sys.path),
        "DJANGO_SETTINGS_MODULE": "raiox_site.settings",
        "DATABASE_URL": running.database_url(),
        "RAIOX_ENV": "test",
        "RAIOX_WEB_PROCESSES": "1",
        "RAIOX_VAR_DIR": str(tmp_path),
        "RELEASED": str(released),
        "PORT": str(port),
    }
    with running.process(*WEB, environment=variables, log=tmp_path / "log"):
        running.wait_for(lambda: running.is_up(f"http://127.0.0.1:{port}"), 30)
        yield Held(port, released)


@pytest.fixture
def server(started: Held) -> Iterator[Held]:
    started.released.unlink(missing_ok=True)
    yield started
    started.release()


def answer(client: socket.socket) -> tuple[int, dict[str, str], Any]:
    response = http.client.HTTPResponse(client)
    response.begin()
    return response.status, dict(response.headers), response.read()


def test_an_upload_too_many_is_refused_before_its_body_is_sent(server: Held) -> None:
    uploads = server.uploads(MOST)
    refused = server.connected(HEAD % (b"/upload", 1_000_000))
    status, headers, body = answer(refused)
    assert status == 503
    assert int(headers["Retry-After"]) > 0
    assert headers["Connection"] == "close"
    assert json.loads(body)["detail"].startswith("Há imagens demais")
    refused.close()
    server.released.touch()
    assert {answer(one)[0] for one in uploads} == {200}


def test_whoever_goes_on_sending_a_large_film_still_reads_the_refusal(server: Held) -> None:
    server.uploads(MOST)
    refused = server.connected(HEAD % (b"/upload", 5_000_000))
    for _piece in range(50):
        refused.sendall(b" " * 100_000)
    assert answer(refused)[0] == 503
    assert refused.recv(1) == b""


def test_other_doors_pages_and_probes_are_open_meanwhile(server: Held) -> None:
    server.uploads(MOST)
    paths = (b"/jotform/x", b"/webhook", b"/admin/")
    others = [server.connected(LAST % (path, 0)) for path in paths]
    for _ in range(5):
        assert running.is_up(f"http://127.0.0.1:{server.port}")
    server.released.touch()
    assert [answer(client)[0] for client in others] == [200, 200, 200]


def test_a_flood_is_answered_with_200_or_503_and_then_all_is_as_before(server: Held) -> None:
    def upload(_number: int) -> int:
        client = server.connected(LAST % (b"/upload", 200_000) + b" " * 200_000)
        return answer(client)[0]

    with ThreadPoolExecutor(100) as pool:
        asked = [pool.submit(upload, number) for number in range(100)]
        running.wait_for(lambda: sum(one.done() for one in asked) == 100 - MOST, 30)
        server.released.touch()
        assert Counter(one.result() for one in asked) == {200: MOST, 503: 100 - MOST}
    assert [upload(number) for number in range(2 * MOST)] == [200] * (2 * MOST)


def test_a_connection_that_is_kept_serves_upload_after_upload(server: Held) -> None:
    server.released.touch()
    kept = http.client.HTTPConnection("127.0.0.1", server.port, timeout=30)
    for _number in range(2 * MOST):
        kept.request("POST", "/upload", body=b"x" * 1000)
        response = kept.getresponse()
        assert (response.status, response.read()) == (200, b"pong")
        assert kept.sock is not None
    kept.close()


def test_of_two_requests_that_are_sent_together_both_are_answered(server: Held) -> None:
    server.released.touch()
    client = server.connected(HEAD % (b"/upload", 3) + b"abc" + LAST % (b"/upload", 3) + b"abc")
    received = b""
    while piece := client.recv(4096):
        received += piece
    assert received.count(b"HTTP/1.1 200") == 2


def test_who_leaves_after_a_refusal_leaves_nothing_behind(server: Held) -> None:
    server.uploads(MOST)
    for number in range(50):
        client = server.connected(HEAD % (b"/upload", 100))
        if number % 2:
            # Reset instead of ended.
            client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        client.close()
    server.release()
    # A client may know of its answer before the server has counted it.
    running.wait_for(lambda: answer(server.connected(LAST % (b"/upload", 0)))[0] == 200, 10)


def test_clients_that_do_not_close_their_end_keep_nobody_waiting(server: Held) -> None:
    server.released.touch()
    for _number in range(40):
        client = server.connected(LAST % (b"/upload", 0))
        assert answer(client)[0] == 200
    # gunicorn by itself waits two seconds for each of them.
    assert running.is_up(f"http://127.0.0.1:{server.port}")


def test_the_slower_uploads_are_answered_the_fewer_may_wait(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    clock = [1000.0]
    monkeypatch.setattr(overload.time, "monotonic", lambda: clock[0])
    uploads = overload.Uploads(threads=24)
    rooms = []
    for seconds in (0.05, 0.4, 60.0, 0.05):
        for number in range(60):
            assert uploads.begin(number)
            clock[0] += seconds
            uploads.end(number)
        # Time without uploads is nobody's slowness.
        clock[0] += 500
        rooms.append(uploads.room)
    assert rooms == [20, 10, 4, 20]


def test_one_of_six_threads_is_left_for_others_and_one_upload_is_always_taken() -> None:
    assert [overload.Uploads(threads=threads).most for threads in (1, 8, 24)] == [1, 6, 20]
