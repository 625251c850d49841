"""gunicorn's threaded worker, with an end to how long clients may keep its threads, and to how
many uploads it takes on."""

import contextlib
import re
import selectors
import socket
import sys
from concurrent.futures import Future, ThreadPoolExecutor
from functools import partial
from typing import Any

from django.utils.translation import gettext as _
from gunicorn import util
from gunicorn.workers.gthread import _DEFER, TConn, ThreadWorker

from cases import correlation
from matching.deadlines import cut_off
from raiox_site import overload, refusals
from raiox_site.slow_clients import Crowd, Leaving, Reading

# A connection on which nothing has come yet waits without a thread.
FIRST_BYTE_SECONDS = 0.05
# For all of a request: the slowest door, and a film sent to a slow reader.
WHOLE_SECONDS = 180
SWITCH_SECONDS = 0.001

# Asked for by monitors and load balancers, who draw conclusions from a late answer.
PROBE = re.compile(rb"(?:GET|HEAD) /(?:ping|health|healthcheck|metrics)[/? ]")
PROBE_THREADS, PEEKED_BYTES = 4, 32


class BoundedWorker(ThreadWorker):
    """gunicorn's own `timeout` is about workers, not about threads: a client that sends a byte
    now and then would keep one for ever. Here a request has a time to arrive in, slow ones never
    hold more than half of the threads, and the connection ends after three minutes. Uploads that
    are too many to be answered soon are refused before they are read."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.crowd = Crowd(most=max(1, self.cfg.threads // 2))
        self.uploads = overload.Uploads(threads=self.cfg.threads)
        self.leaving = Leaving()

    def init_process(self) -> None:
        # Whoever accepts and refuses waits so long for each thread that computes in Python.
        sys.setswitchinterval(SWITCH_SECONDS)
        super().init_process()

    def get_thread_pool(self) -> Any:
        self.probes = ThreadPoolExecutor(PROBE_THREADS, thread_name_prefix="probe")
        return super().get_thread_pool()

    def enqueue_req(self, conn: TConn) -> None:
        """Who asks whether the service works does not wait behind its work, nor does whoever
        has connected and says nothing take a thread."""
        beginning = beginning_of(conn)
        if beginning is None and self.alive and not conn.initialized:
            nothing_yet: Future[Any] = Future()
            nothing_yet.set_result(_DEFER)
            self.finish_request(conn, nothing_yet)
            return
        if overload.UPLOAD.match(beginning or b"") and not self.uploads.begin(conn):
            self.refuse(conn)
            return
        pool = self.probes if PROBE.match(beginning or b"") else self.tpool
        answered = pool.submit(self.handle, conn)
        answered.add_done_callback(
            lambda answer: self.method_queue.defer(self.finish_request, conn, answer)
        )

    def finish_request(self, conn: TConn, fs: Any) -> None:
        """gunicorn waits here up to two seconds for the client to close its end as well, and
        accepts nobody meanwhile."""
        self.uploads.end(conn)
        if fs.cancelled() or fs.exception() or fs.result():
            super().finish_request(conn, fs)
        else:
            self.end_when_read(conn)

    def refuse(self, conn: TConn) -> None:
        """Answer that it is too much, and take no thread for it."""
        conn.sock.setblocking(False)
        overload.answer(conn.sock)
        self.end_when_read(conn)

    def end_when_read(self, conn: TConn) -> None:
        """End a connection that has its answer once the client has read it."""
        if not self.leaving.add(conn):
            self.nr_conns -= 1
            conn.close()
            return
        self.poller.register(conn.sock, selectors.EVENT_READ, partial(self.drop, conn))
        self.end_late()

    def drop(self, conn: TConn, client: Any) -> None:
        if not self.leaving.drop(conn):
            self.end(conn)

    def end(self, conn: TConn) -> None:
        # Several events of one round may be about the same connection.
        if self.leaving.remove(conn):
            self.poller.unregister(conn.sock)
            self.nr_conns -= 1
            conn.close()

    def end_late(self) -> None:
        for conn in self.leaving.late():
            self.end(conn)

    def murder_pending(self) -> None:
        super().murder_pending()
        self.end_late()

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


def beginning_of(conn: TConn) -> bytes | None:
    """How the next request begins, without taking it; None while nothing of it has come."""
    if conn.initialized and (ahead := conn.parser.unreader.buf.getvalue()):
        return bytes(ahead[:PEEKED_BYTES])
    try:
        return conn.sock.recv(PEEKED_BYTES, socket.MSG_PEEK | socket.MSG_DONTWAIT)
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
    util.write_nonblock(sock, refusals.raw(status, reason, said))


# gunicorn has no setting for it.
util.write_error = write_refusal


def closed_after(seconds: float, conn: TConn) -> contextlib.AbstractContextManager[None]:
    """Shut the connection down when the block takes longer."""

    def shut() -> None:
        with contextlib.suppress(OSError):
            conn.sock.shutdown(socket.SHUT_RDWR)

    return cut_off(shut, seconds=seconds)
