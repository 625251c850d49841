"""A deadline for a whole HTTP exchange.

The timeouts of requests count from byte to byte: a server that sends one byte a second, in its
headers or its body, holds a caller for ever. Here the connection itself is shut down when the
time is over, which ends whatever the caller is waiting for.
"""

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any

import requests
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool


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

    def close(self) -> None:
        with self._lock:
            for handle in self._handles:
                handle.close()
            self._handles.clear()


@contextmanager
def total_deadline(session: requests.Session, seconds: float) -> Iterator[None]:
    """Shut down the session's connections after `seconds`; what waits on them then fails with
    an exception of requests or urllib3, or sees an early end: check the clock afterwards."""
    watch = _Watch()
    for adapter in session.adapters.values():
        adapter.poolmanager.pool_classes_by_scheme = {  # type: ignore[attr-defined]
            "http": _watched(HTTPConnectionPool, watch),
            "https": _watched(HTTPSConnectionPool, watch),
        }
    timer = threading.Timer(max(seconds, 0.0), watch.expire)
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        timer.cancel()
        watch.close()


def _watched(pool: type[HTTPConnectionPool], watch: _Watch) -> type[Any]:
    base: type[Any] = pool.ConnectionCls

    class Connection(base):  # type: ignore[misc]
        def _new_conn(self) -> socket.socket:
            connection: socket.socket = super()._new_conn()
            watch.add(connection)
            return connection

    return type(pool.__name__, (pool,), {"ConnectionCls": Connection})


def _shut_down(handle: socket.socket) -> None:
    with suppress(OSError):
        handle.shutdown(socket.SHUT_RDWR)
