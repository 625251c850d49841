"""gunicorn's threaded worker, with an end to how long clients may keep its threads."""

import contextlib
import json
import re
import socket
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

from django.utils.translation import gettext as _
from gunicorn import util
from gunicorn.workers.gthread import _DEFER, TConn, ThreadWorker

from cases import correlation
from matching.deadlines import cut_off
from raiox_site import security_headers
from raiox_site.slow_clients import Crowd, Reading

# A connection on which nothing has come yet waits without a thread.
FIRST_BYTE_SECONDS = 0.05
# For all of a request: the slowest door, and a film sent to a slow reader.
WHOLE_SECONDS = 180


# Asked for by monitors and load balancers, who draw conclusions from a late answer.
PROBE = re.compile(rb"(?:GET|HEAD) /(?:ping|health|healthcheck|metrics)[/? ]")
PROBE_THREADS, PEEKED_BYTES = 4, 32


class BoundedWorker(ThreadWorker):
    """gunicorn's own `timeout` is about workers, not about threads: a client that sends a byte
    now and then would keep one for ever. Here a request has a time to arrive in, slow ones never
    hold more than half of the threads, and the connection ends after three minutes."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.crowd = Crowd(most=max(1, self.cfg.threads // 2))

    def get_thread_pool(self) -> Any:
        self.probes = ThreadPoolExecutor(PROBE_THREADS, thread_name_prefix="probe")
        return super().get_thread_pool()

    def enqueue_req(self, conn: TConn) -> None:
        """Who asks whether the service works does not wait behind its work, nor does whoever
        has connected and says nothing take a thread."""
        beginning = peeked(conn.sock)
        if beginning is None and self.alive and not conn.initialized:
            nothing_yet: Future[Any] = Future()
            nothing_yet.set_result(_DEFER)
            self.finish_request(conn, nothing_yet)
            return
        pool = self.probes if PROBE.match(beginning or b"") else self.tpool
        answered = pool.submit(self.handle, conn)
        answered.add_done_callback(
            lambda answer: self.method_queue.defer(self.finish_request, conn, answer)
        )

    def handle(self, conn: TConn) -> Any:
        if not (conn.initialized or conn.wait_for_data(FIRST_BYTE_SECONDS)):
            return _DEFER
        conn.sock.setblocking(True)
        conn.init()
        conn.reading = Reading(conn.parser.unreader, conn.client, self.crowd)
        with closed_after(WHOLE_SECONDS, conn):
            return super().handle(conn)

    def handle_request(self, req: Any, conn: TConn) -> Any:
        conn.reading.expect_body()
        return super().handle_request(req, conn)

    def handle_error(self, req: Any, client: Any, addr: Any, exc: BaseException) -> None:
        """What gunicorn refuses by itself. The log is not told the client's address."""
        correlation.start()
        try:
            super().handle_error(req, client, ("-", 0), exc)
        finally:
            correlation.end()


def peeked(sock: socket.socket) -> bytes | None:
    """How what has arrived begins, without taking it; None while nothing has."""
    try:
        return sock.recv(PEEKED_BYTES, socket.MSG_PEEK | socket.MSG_DONTWAIT)
    except BlockingIOError:
        return None
    except OSError:
        return b""


def write_refusal(sock: socket.socket, status: int, reason: str, message: str) -> None:
    """In place of gunicorn's own page, which would quote what the client sent."""
    if status != 500:
        said = _("The request cannot be processed.")
    else:
        said = _("Something went wrong on our side. It has been recorded.")
    body = json.dumps({"detail": said}, ensure_ascii=False).encode()
    headers = {
        **security_headers.HEADERS,
        "Content-Security-Policy": security_headers.joined(security_headers.OWN),
        "X-Request-ID": correlation.current(),
        "Content-Type": "application/json",
        "Content-Length": str(len(body)),
        "Connection": "close",
    }
    lines = [f"HTTP/1.1 {status} {reason}", *(f"{name}: {headers[name]}" for name in headers)]
    util.write_nonblock(sock, "\r\n".join([*lines, "", ""]).encode("latin-1") + body)


# gunicorn has no setting for it.
util.write_error = write_refusal


def closed_after(seconds: float, conn: TConn) -> contextlib.AbstractContextManager[None]:
    """Shut the connection down when the block takes longer."""

    def shut() -> None:
        with contextlib.suppress(OSError):
            conn.sock.shutdown(socket.SHUT_RDWR)

    return cut_off(shut, seconds=seconds)
