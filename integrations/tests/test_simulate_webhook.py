"""The simulator against an instance of the test's own: real HTTP both ways, no database."""

import io
import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
import requests
from django.core.management import CommandError, call_command
from django.test import RequestFactory

from integrations.jotform.payload import Submission, parse

FILM = b"\x89PNG\r\n\x1a\n not a real film"


class Instance:
    """Takes webhooks like Raiox: answers with a case number, fetches the files afterwards."""

    def __init__(self) -> None:
        self.answers: list[tuple[int, dict[str, str], object]] = []
        self.fetches = True
        self.received: list[Submission] = []
        self.headers: list[dict[str, str]] = []
        self.tokens: list[str] = []
        self.films: list[bytes] = []

    def take(
        self, path: str, headers: dict[str, str], body: bytes
    ) -> tuple[int, dict[str, str], object]:
        self.headers.append(headers)
        if self.answers:
            return self.answers.pop(0)
        request = RequestFactory().generic("POST", path, body, headers["content-type"])
        submission = parse(request.POST.dict(), field_map={})
        self.received.append(submission)
        self.tokens += parse_qs(urlsplit(path).query).get("token", [])
        if self.fetches:
            threading.Thread(target=self._fetch, args=(submission.file_urls,)).start()
        return 200, {}, {"status": "accepted", "case_id": 700 + len(self.received)}

    def _fetch(self, urls: tuple[str, ...]) -> None:
        with requests.Session() as session:
            session.trust_env = False
            self.films += [session.get(url, timeout=5).content for url in urls]


@pytest.fixture
def instance() -> Instance:
    return Instance()


@pytest.fixture
def api(instance: Instance) -> Iterator[str]:
    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            headers = {name.lower(): value for name, value in self.headers.items()}
            status, extra, answer = instance.take(self.path, headers, body)
            self.send_response(status)
            for name, value in extra.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(answer if isinstance(answer, bytes) else json.dumps(answer).encode())

        def log_message(self, format: str, *args: object) -> None:
            return

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


@pytest.fixture
def film(tmp_path: Path) -> Path:
    path = tmp_path / "radiografia 1 é.png"
    path.write_bytes(FILM)
    return path


def simulate(api: str, film: Path, **options: Any) -> str:
    out = io.StringIO()
    call_command("simulate_webhook", image=str(film), api=api, stdout=out, **options)
    return out.getvalue()


def test_a_webhook_is_sent_and_its_film_is_served(api: str, instance: Instance, film: Path) -> None:
    output = simulate(api, film, token="s3cr&t")

    assert "case 701" in output
    assert instance.films == [FILM]
    assert instance.tokens == ["s3cr&t"]
    assert "s3cr" not in output
    submission = instance.received[0]
    assert len(submission.submission_id) == 19
    assert (submission.problem, submission.tooth) == ("", 26)


def test_the_request_has_only_the_headers_that_jotform_sends(
    api: str, instance: Instance, film: Path
) -> None:
    simulate(api, film)

    assert set(instance.headers[0]) <= {
        "host",
        "accept",
        "content-type",
        "content-length",
        "connection",
    }


def test_several_submissions_have_different_numbers(
    api: str, instance: Instance, film: Path
) -> None:
    output = simulate(api, film, count=3)

    assert [f"case 70{number}" in output for number in (1, 2, 3)] == [True] * 3
    assert len({one.submission_id for one in instance.received}) == 3
    assert instance.films == [FILM] * 3


def test_too_many_requests_are_repeated_after_the_pause_that_is_asked_for(
    api: str, instance: Instance, film: Path
) -> None:
    instance.answers = [(429, {"Retry-After": "1"}, {"detail": "throttled"})]

    output = simulate(api, film)

    assert "429: waiting 1 s" in output
    assert "case 701" in output


def test_endless_429_ends_with_an_error(api: str, instance: Instance, film: Path) -> None:
    instance.answers = [(429, {"Retry-After": "600"}, {})]

    with pytest.raises(CommandError, match="429"):
        simulate(api, film)


@pytest.mark.parametrize(
    ("status", "answer"),
    [(401, {"detail": "wrong secret"}), (500, b"<html>"), (200, b"[]"), (200, {"status": "x"})],
)
def test_a_refusal_is_an_error(
    api: str, instance: Instance, film: Path, status: int, answer: object
) -> None:
    instance.answers = [(status, {}, answer)]

    with pytest.raises(CommandError, match=str(status)) as refused:
        simulate(api, film)

    assert ("wrong secret" in str(refused.value)) == (status == 401)


def test_a_film_that_nobody_fetches_is_reported(api: str, instance: Instance, film: Path) -> None:
    instance.fetches = False

    with pytest.raises(CommandError, match="2 of 2"):
        simulate(api, film, count=2, timeout=0.5)


def test_an_instance_that_does_not_run_is_reported(film: Path) -> None:
    with pytest.raises(CommandError, match="cannot be reached"):
        simulate("http://127.0.0.1:9", film, token="s3cret")


def test_an_image_that_cannot_be_had_is_reported(
    api: str, instance: Instance, tmp_path: Path
) -> None:
    with pytest.raises(CommandError, match="cannot be read"):
        simulate(api, tmp_path / "absent.png")
    with pytest.raises(CommandError, match="cannot be fetched"):
        call_command("simulate_webhook", image="http://127.0.0.1:9/a.png", api=api)

    assert instance.received == []


def test_an_image_given_by_its_address_is_served_again(
    api: str, instance: Instance, film: Path
) -> None:
    from integrations.jotform.loopback import FileServer

    with FileServer() as files:
        files.offer("/x/film%20a.png", FILM)
        call_command(
            "simulate_webhook", image=f"{files.base}/x/film%20a.png", api=api, stdout=io.StringIO()
        )

    assert instance.films == [FILM]
    assert instance.received[0].file_urls[0].endswith("/film%20a.png")


def test_an_image_that_is_cut_short_is_reported(api: str, instance: Instance) -> None:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("Content-Length", "1000")
            self.end_headers()
            self.wfile.write(FILM)

        def log_message(self, format: str, *args: object) -> None:
            return

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
        with pytest.raises(CommandError, match="cannot be fetched"):
            call_command(
                "simulate_webhook", image=f"http://127.0.0.1:{server.server_port}/a.png", api=api
            )
        server.shutdown()

    assert instance.received == []


@pytest.mark.parametrize("count", [0, -1])
def test_a_count_of_none_is_refused(api: str, instance: Instance, film: Path, count: int) -> None:
    with pytest.raises(CommandError, match="--count"):
        simulate(api, film, count=count)

    assert instance.received == []
