"""A deadline for a whole HTTP exchange.

The timeouts of requests count from byte to byte: a server that sends one byte a second, in its
headers or its body, holds a caller for ever. Here the connection itself is shut down when the
time is over, which ends whatever the caller is waiting for.

What was handed to the kernel and not sent by then is not sent later either: while the network is
down it would go on trying for minutes, and write when somebody else has done the work.
"""

import socket
import struct
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any

import requests
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool

# Close at once, and forget what was not sent.
_ABORT = struct.pack("ii", 1, 0)


class _Watch:
    """The connections of one exchange. After `expire` also new ones are shut down at once:
    a connection may be opened in the very moment the time is over."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._handles: list[socket.socket] = []
        self._is_over = False

    def add(self, connection: socket.socket) -> None:
        # A second handle of the same connection: TLS takes the first one over.
        handle = connection.dup()
        with self._lock:
            self._handles.append(handle)
            if self._is_over:
                _shut_down(handle)

    def expire(self) -> None:
        with self._lock:
            self._is_over = True
            for handle in self._handles:
                _shut_down(handle)

    def close(self, *, failed: bool = False) -> None:
        with self._lock:
            for handle in self._handles:
                if failed or self._is_over:
                    with suppress(OSError):
                        handle.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _ABORT)
                handle.close()
            self._handles.clear()


@contextmanager
def total_deadline(session: requests.Session, seconds: float) -> Iterator[None]:
    """Shut down the session's connections after `seconds`; what waits on them then fails with
    an exception of requests or urllib3, or sees an early end: check the clock afterwards."""
    watch = _Watch()
    for adapter in session.adapters.values():
        adapter.poolmanager.pool_classes_by_scheme = {  # type: ignore[attr-defined]
            "http": _watched(HTTPConnectionPool, watch, seconds),
            "https": _watched(HTTPSConnectionPool, watch, seconds),
        }
    timer = threading.Timer(max(seconds, 0.0), watch.expire)
    timer.daemon = True
    timer.start()
    failed = True
    try:
        yield
        failed = False
    finally:
        timer.cancel()
        watch.close(failed=failed)


def _watched(pool: type[HTTPConnectionPool], watch: _Watch, seconds: float) -> type[Any]:
    base: type[Any] = pool.ConnectionCls
    # Also when this process is killed, the kernel gives up then; macOS has no such option.
    patience, option = int(max(seconds, 1.0) * 1000), getattr(socket, "TCP_USER_TIMEOUT", None)

    class Connection(base):  # type: ignore[misc]
        def _new_conn(self) -> socket.socket:
            connection: socket.socket = super()._new_conn()
            if option is not None:
                connection.setsockopt(socket.IPPROTO_TCP, option, patience)
            watch.add(connection)
            return connection

    return type(pool.__name__, (pool,), {"ConnectionCls": Connection})


def _shut_down(handle: socket.socket) -> None:
    with suppress(OSError):
        handle.shutdown(socket.SHUT_RDWR)
