"""Connections that are opened to be left open, on the real web server."""

import socket
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from urllib.parse import urlsplit

import pytest
import requests
from gunicorn.http.unreader import SocketUnreader

from raiox_site import running, slow_clients
from raiox_site.slow_clients import HEADER_SECONDS, Crowd, Reading

pytestmark = pytest.mark.django_db(transaction=True)

NOTHING = b""
HALF_A_HEADER = b"POST /upload HTTP/1.1\r\nHost: localhost\r\n"
HALF_A_BODY = HALF_A_HEADER + (
    b"Content-Length: 5000\r\nContent-Type: multipart/form-data; boundary=x\r\n\r\n--x"
)


@pytest.fixture
def server(private_media: Path, tmp_path: Path) -> Iterator[str]:
    with running.web(running.environment(private_media), tmp_path / "web.log") as base:
        yield base


def opened(base: str, sent: bytes) -> socket.socket:
    url = urlsplit(base)
    client = socket.create_connection((url.hostname, url.port), timeout=60)
    client.sendall(sent)
    return client


@pytest.mark.parametrize("sent", [NOTHING, HALF_A_HEADER, HALF_A_BODY])
@pytest.mark.parametrize("number", [12, 60])
def test_many_that_send_no_more_do_not_keep_others_waiting(
    server: str, sent: bytes, number: int
) -> None:
    with ExitStack() as held:
        for _number in range(number):
            held.enter_context(opened(server, sent))
        for path in ("/ping", "/healthcheck"):
            since = time.monotonic()
            assert requests.get(f"{server}{path}", timeout=30).status_code == 200
            assert time.monotonic() - since < 2


def test_half_a_header_is_waited_for_five_seconds_and_half_a_body_longer(server: str) -> None:
    with opened(server, HALF_A_HEADER) as header, opened(server, HALF_A_BODY) as body:
        since = time.monotonic()
        assert header.recv(100) == b""
        assert HEADER_SECONDS - 1 < time.monotonic() - since < HEADER_SECONDS + 2
        body.settimeout(0.5)
        with pytest.raises(TimeoutError):
            body.recv(100)


def test_a_clinic_of_eight_people_who_send_slowly_from_one_address_is_served(server: str) -> None:
    head = b"POST /upload HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n"
    head += b"Content-Type: multipart/form-data; boundary=x\r\nContent-Length: 40\r\n\r\n"
    with ExitStack() as held:
        people = [held.enter_context(opened(server, head)) for _person in range(8)]
        for _piece in range(8):
            time.sleep(0.3)
            for person in people:
                person.sendall(b"     ")
        assert {person.recv(12) for person in people} == {b"HTTP/1.1 400"}


def test_the_oldest_of_the_greediest_address_gives_way_and_can_still_be_answered() -> None:
    crowd, ended = Crowd(most=2), []
    pairs = [socket.socketpair() for _number in range(3)]
    addresses = ["203.0.113.5", "198.51.100.7", "198.51.100.7"]

    def wait(number: int) -> None:
        ours = pairs[number][0]
        assert Reading(SocketUnreader(ours), (addresses[number], 1), crowd).chunk() == b""
        ended.append(number)
        ours.sendall(b"answer")

    threads = [threading.Thread(target=wait, args=(number,), daemon=True) for number in range(3)]
    for thread in threads:
        thread.start()
        time.sleep(0.1)
    threads[1].join(2)
    assert ended == [1]
    assert pairs[1][1].recv(10) == b"answer"
    for _ours, theirs in pairs:
        theirs.close()
    for number, thread in enumerate(threads):
        if number != 1:
            thread.join(2)
    for ours, _theirs in pairs:
        ours.close()


class Connection:
    def __init__(self, sock: socket.socket) -> None:
        self.sock = sock


def test_the_oldest_of_too_many_that_do_not_leave_is_let_go(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(slow_clients, "MOST_LEAVING", 3)
    leaving, pairs = slow_clients.Leaving(), [socket.socketpair() for _number in range(5)]
    conns = [Connection(pair[0]) for pair in pairs]
    assert all(leaving.add(conn) for conn in conns)
    assert leaving.late() == conns[:2]
    assert [leaving.remove(conns[0]), leaving.remove(conns[0])] == [True, False]
    assert leaving.late() == conns[1:2]
    for pair in pairs:
        for end in pair:
            end.close()
