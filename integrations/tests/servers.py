"""Small real HTTP servers for the tests."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler

from integrations.jotform.loopback import LoopbackServer

Answer = Callable[[BaseHTTPRequestHandler], None]


@contextmanager
def serving(answer: Answer) -> Iterator[str]:
    """Serve GET requests with `answer` on a free loopback port; yields the base address."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            # The client may hang up in the middle of what it refuses.
            with suppress(ConnectionError):
                answer(self)

        def log_message(self, *args: object) -> None:
            pass

    with LoopbackServer(Handler) as server:
        yield server.base


def sending(
    body: bytes, *, status: int = 200, content_type: str = "image/jpeg", **headers: str
) -> Answer:
    def answer(handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(status)
        handler.send_header("Content-Type", content_type)
        handler.send_header("Content-Length", str(len(body)))
        for name, value in headers.items():
            handler.send_header(name.replace("_", "-"), value)
        handler.end_headers()
        handler.wfile.write(body)

    return answer


def dripping(beginning: bytes) -> Answer:
    """Sends `beginning` and then ten bytes a second, for ten seconds."""

    def answer(handler: BaseHTTPRequestHandler) -> None:
        handler.wfile.write(beginning)
        for _ in range(100):
            handler.wfile.write(b"x")
            handler.wfile.flush()
            time.sleep(0.1)

    return answer
