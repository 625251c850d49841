"""gunicorn's threaded worker, with an end to how long one client may keep a thread."""

import contextlib
import socket
import threading
from collections.abc import Iterator
from typing import Any

from gunicorn.workers.gthread import TConn, ThreadWorker

# To send a request in: 5 MB at 1.4 Mbit/s.
READING_SECONDS = 30
# For all of it: the slowest door, and a film sent to a slow reader.
WHOLE_SECONDS = 180


class BoundedWorker(ThreadWorker):
    """gunicorn's own `timeout` is about workers, not about threads: a client that sends a byte
    now and then would keep one for ever. Here its sending side is closed after half a minute (the
    request then breaks off), the connection after three."""

    def handle(self, conn: TConn) -> Any:
        with (
            closed_after(READING_SECONDS, conn, socket.SHUT_RD),
            closed_after(WHOLE_SECONDS, conn, socket.SHUT_RDWR),
        ):
            return super().handle(conn)


@contextlib.contextmanager
def closed_after(seconds: float, conn: TConn, side: int) -> Iterator[None]:
    """Shut one side of the connection down when the block takes longer."""

    def shut() -> None:
        with contextlib.suppress(OSError):
            conn.sock.shutdown(side)

    timer = threading.Timer(seconds, shut)
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        timer.cancel()
