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


@contextmanager
def total_deadline(session: requests.Session, seconds: float) -> Iterator[None]:
    """Shut down the session's connections after `seconds`; what waits on them then fails
    with an exception of requests or urllib3."""
    watched: list[socket.socket] = []
    for adapter in session.adapters.values():
        adapter.poolmanager.pool_classes_by_scheme = {  # type: ignore[attr-defined]
            "http": _watching(HTTPConnectionPool, watched),
            "https": _watching(HTTPSConnectionPool, watched),
        }
    timer = threading.Timer(max(seconds, 0.0), _shut_down, [watched])
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        timer.cancel()
        for handle in watched:
            handle.close()


def _watching(pool: type[HTTPConnectionPool], watched: list[socket.socket]) -> type[Any]:
    base: type[Any] = pool.ConnectionCls

    class Connection(base):  # type: ignore[misc]
        def _new_conn(self) -> socket.socket:
            connection: socket.socket = super()._new_conn()
            # A second handle of the same connection: TLS takes the first one over.
            watched.append(connection.dup())
            return connection

    return type(pool.__name__, (pool,), {"ConnectionCls": Connection})


def _shut_down(watched: list[socket.socket]) -> None:
    for handle in list(watched):
        with suppress(OSError):
            handle.shutdown(socket.SHUT_RDWR)
