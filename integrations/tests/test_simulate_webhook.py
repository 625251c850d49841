"""The simulator against an instance of the test's own: real HTTP both ways, no database."""

import hashlib
import hmac
import io
import json
import threading
from collections.abc import Iterator
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
import requests
from django.core.management import CommandError, call_command
from django.test import RequestFactory

from integrations.jotform.incoming.payload import Submission, parse
from integrations.jotform.simulation.shapes import SHAPES

FILM = b"\x89PNG\r\n\x1a\n not a real film"


class Instance:
    """Takes webhooks like Raiox: answers with a case number, and fetches the files afterwards
    unless consent was refused."""

    def __init__(self) -> None:
        self.answers: list[tuple[int, dict[str, str], object]] = []
        self.fetches = True
        self.received: list[Submission] = []
        self.headers: list[dict[str, str]] = []
        self.paths: list[str] = []
        self.bodies: list[bytes] = []
        self.tokens: list[str] = []
        self._films: list[bytes] = []
        self._asked: set[str] = set()
        self._threads: list[threading.Thread] = []

    def take(
        self, path: str, headers: dict[str, str], body: bytes
    ) -> tuple[int, dict[str, str], object]:
        self.headers.append(headers)
        self.paths.append(path)
        self.bodies.append(body)
        if self.answers:
            return self.answers.pop(0)
        request = RequestFactory().generic("POST", path, body, headers["content-type"])
        submission = parse(request.POST.dict(), field_map={})
        self.received.append(submission)
        self.tokens += parse_qs(urlsplit(path).query).get("token", [])
        if self.fetches and submission.consent is not False:
            urls = [url for url in submission.file_urls if url not in self._asked]
            self._asked.update(urls)
            self._threads.append(threading.Thread(target=self._fetch, args=(urls,)))
            self._threads[-1].start()
        case_id = None if submission.is_preview else 700 + len(self.received)
        return 200, {}, {"status": "accepted", "case_id": case_id}

    def _fetch(self, urls: list[str]) -> None:
        with requests.Session() as session, suppress(requests.ConnectionError):
            session.trust_env = False
            self._films += [session.get(url, timeout=5).content for url in urls]

    @property
    def films(self) -> list[bytes]:
        """Each film, once it is there."""
        for thread in self._threads:
            thread.join()
        return self._films

    def numbers(self) -> list[str]:
        return [one.submission_id for one in self.received]


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
    from integrations.jotform.simulation.loopback import FileServer

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


@pytest.mark.parametrize("shape", SHAPES)
def test_every_shape_is_sent_and_its_films_are_served(
    api: str, instance: Instance, film: Path, shape: str
) -> None:
    output = simulate(api, film, shape=shape, token="t0ken", secret="s3cret")

    (submission,) = instance.received
    assert submission.is_preview == (shape == "preview")
    assert ("ignored" in output) == submission.is_preview
    if not submission.is_preview:
        wanted = {"several-files": 3, "several-uploads": 2}.get(shape, 1)
        assert len(submission.file_urls) == wanted
        is_left_alone = shape in ("consent-refused", "unanswered")
        assert instance.films == [FILM] * (0 if is_left_alone else wanted)
    assert submission.problem == ""


def test_a_shape_is_what_its_name_says(api: str, instance: Instance, film: Path) -> None:
    simulate(api, film, shape="all", token="t0ken", secret="s3cret")

    sent = dict(zip(SHAPES, instance.received, strict=True))
    headers = dict(zip(SHAPES, instance.headers, strict=True))
    paths = dict(zip(SHAPES, instance.paths, strict=True))
    signed = instance.bodies[list(SHAPES).index("signed")]
    assert [name for name, one in headers.items() if "x-jf-signature" in one] == ["signed"]
    assert (
        headers["signed"]["x-jf-signature"]
        == hmac.new(b"s3cret", signed, hashlib.sha256).hexdigest()
    )
    assert [name for name, path in paths.items() if path == "/jotform/t0ken"] == ["token-in-path"]
    assert paths["plain"] == "/jotform?token=t0ken"
    assert {name for name, one in sent.items() if one.consent} == {
        *("boxes", "signature", "year-2020"),
    }
    assert {name for name, one in sent.items() if one.submitted_ms is None} == {
        *("year-2024", "year-2020", "year-2017"),
    }
    assert {one.tooth for name, one in sent.items() if name != "unanswered"} == {26}
    assert sent["unanswered"].tooth is None
    assert sent["full-name"].dentist_name == "Dra. Ana de Exemplo Jr."
    assert sent["year-2017"].patient_name == 'D\'Paciente "Fi" & Cia'


def test_all_leaves_out_what_cannot_be_sent(api: str, instance: Instance, film: Path) -> None:
    output = simulate(api, film, shape="all", secret="")

    assert "without --token, token-in-path is left out" in output
    assert "without --secret, signed is left out" in output
    assert len(instance.received) == len(SHAPES) - 2


@pytest.mark.parametrize(
    ("shape", "option"), [("signed", "--secret"), ("token-in-path", "--token")]
)
def test_a_shape_that_cannot_be_sent_is_refused(
    api: str, instance: Instance, film: Path, shape: str, option: str
) -> None:
    with pytest.raises(CommandError, match=option):
        simulate(api, film, shape=shape, secret="")

    assert instance.received == []


def test_the_help_names_every_shape(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        call_command("simulate_webhook", "--help")

    text = capsys.readouterr().out
    assert all(f"  {name}" in text and shape.says in text for name, shape in SHAPES.items())


def test_the_encoding_and_the_place_of_the_secret_may_be_chosen(
    api: str, instance: Instance, film: Path
) -> None:
    simulate(api, film, encoding="urlencoded", token="a/b", token_in_path=True, form_id="123")

    assert instance.headers[0]["content-type"] == "application/x-www-form-urlencoded"
    assert instance.paths == ["/jotform/a%2Fb"]
    assert instance.received[0].form_id == "123"
    assert instance.films == [FILM]


def test_a_repeated_delivery_is_the_same_byte_by_byte(
    api: str, instance: Instance, film: Path
) -> None:
    output = simulate(api, film, repeat=3, encoding="urlencoded")

    assert "3 sent" in output
    assert len(set(instance.bodies)) == 1
    assert len(instance.bodies) == 3


def test_an_edit_comes_after_all_others_with_another_answer_and_a_later_time(
    api: str, instance: Instance, film: Path
) -> None:
    edits = ["tooth=27", "q5_nomeDoPaciente=Outro = Fictício"]
    simulate(api, film, count=2, repeat=2, edit=edits)

    assert [one.tooth for one in instance.received] == [26] * 4 + [27] * 4
    assert instance.numbers()[:4] == instance.numbers()[4:]
    first, last = instance.received[0], instance.received[-1]
    assert last.patient_name == "Outro = Fictício"
    assert first.file_urls == instance.received[4].file_urls
    assert first.submitted_ms is not None
    assert last.submitted_ms is not None
    assert first.submitted_ms < last.submitted_ms


def test_an_edit_may_bring_another_film(
    api: str, instance: Instance, film: Path, tmp_path: Path
) -> None:
    other = tmp_path / "outra.png"
    other.write_bytes(FILM + b"2")

    simulate(api, film, edit=[f"film={other}"])

    before, after = instance.received
    assert before.submission_id == after.submission_id
    assert after.file_urls[0].endswith("/outra.png")
    assert set(instance.films) == {FILM, FILM + b"2"}


def test_deliveries_may_be_shuffled_and_sent_at_once(
    api: str, instance: Instance, film: Path
) -> None:
    output = simulate(api, film, count=12, repeat=2, edit=["tooth=27"], shuffle=True, parallel=6)

    assert "48 sent" in output
    numbers = instance.numbers()
    assert {numbers.count(number) for number in numbers} == {4}
    teeth = [one.tooth for one in instance.received]
    assert teeth.count(27) == 24
    assert teeth != sorted(teeth, key=str)


@pytest.mark.parametrize("edit", ["tooth", "crown=1", "=", "7=8"])
def test_an_edit_that_cannot_be_understood_is_refused(
    api: str, instance: Instance, film: Path, edit: str
) -> None:
    with pytest.raises(CommandError, match="--edit"):
        simulate(api, film, edit=[edit])

    assert instance.received == []


@pytest.mark.parametrize("name", ["repeat", "parallel"])
def test_numbers_below_one_are_refused(api: str, instance: Instance, film: Path, name: str) -> None:
    with pytest.raises(CommandError, match=f"--{name}"):
        simulate(api, film, **{name: 0})

    assert instance.received == []


def test_a_refusal_among_many_ends_the_rest(api: str, instance: Instance, film: Path) -> None:
    instance.answers = [(401, {}, {"detail": "wrong secret"})]

    with pytest.raises(CommandError, match="401"):
        simulate(api, film, count=40, parallel=2)

    assert len(instance.received) < 39
