"""Submissions as Jotform posts them, with films that are served here; and what became of them."""

import time
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler
from itertools import count
from urllib.parse import quote

from cases.models import Case
from integrations.jotform.simulation.loopback import LoopbackServer
from integrations.jotform.simulation.simulator import (
    SimulatedSubmission,
    encode_multipart,
    new_submission_id,
    webhook_fields,
)
from raiox_site.bench.asking import Request
from raiox_site.bench.door_films import Films

UPLOAD = "radiografia.jpg"
POLL_SECONDS = 1.0


class Hooks(LoopbackServer):
    """A context manager. `submission` gives requests, each of another submission with a film of
    its own; the instance has to be allowed to fetch from 127.0.0.1."""

    def __init__(self, films: Films, *, secret: str) -> None:
        super().__init__(_handler(films.next))
        self._path = f"/jotform?token={quote(secret, safe='')}" if secret else "/jotform"
        self._first = int(new_submission_id())
        self._numbers = count(self._first)

    def submission(self) -> Request:
        number = next(self._numbers)
        sent = SimulatedSubmission(
            submission_id=str(number),
            upload_base=self.base,
            webhook_url="https://example.org/jotform",
            uploads={"q7_radiografia": [UPLOAD]},
            submitted_ms=time.time_ns() // 1_000_000,
        )
        body, content_type = encode_multipart(webhook_fields(sent))
        return Request("POST", self._path, body, content_type)

    def cases(self, sent: int) -> tuple[int, int]:
        """Of the first `sent` submissions, how many are cases in the database of this process,
        and how many of these are done with (matched, or failed for good)."""
        numbers = [str(self._first + place) for place in range(sent)]
        found = Case.objects.filter(jotform_submission_id__in=numbers)
        return found.count(), found.exclude(status=Case.Status.RECEIVED).count()

    def wait(self, sent: int, seconds: float) -> tuple[int, int, float]:
        """As `cases`, when all are done with or the time is over, and the seconds that it took.
        The films are served meanwhile."""
        start = time.monotonic()
        while True:
            cases, done = self.cases(sent)
            spent = time.monotonic() - start
            if done >= sent or spent >= seconds:
                return cases, done, spent
            time.sleep(min(POLL_SECONDS, seconds))


def _handler(film: Callable[[], tuple[int, bytes]]) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            _number, content = film()
            self.send_response(200)
            self.send_header("Content-Type", "image/jpeg")
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, format: str, *args: object) -> None:
            pass

    return Handler
