"""A client of HTTP for loads: one connection a request, as those who knock do, and little work
for the machine that it shares with what it measures."""

import asyncio
import ssl
import time
from dataclasses import dataclass
from urllib.parse import urlsplit

from raiox_site.bench.failures import NotAnswered

NONE, LATE = 0, -1
# A beginning of the body, to say what was wrong.
SAID = 300


@dataclass(frozen=True)
class Answer:
    """`status` is NONE where the connection failed, and LATE where no answer came in time;
    `seconds` were counted from when the request was due."""

    status: int
    seconds: float
    said: str = ""


@dataclass(frozen=True)
class Request:
    method: str
    path: str
    body: bytes = b""
    content_type: str = ""


class Instance:
    """What answers at `base`, an address such as http://127.0.0.1:8000."""

    def __init__(self, base: str, *, timeout: float = 30.0) -> None:
        parts = urlsplit(base)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise NotAnswered(f"{base} is no address such as http://127.0.0.1:8000")
        self.name = parts.netloc
        self._host, self._folder = parts.hostname, parts.path.rstrip("/")
        self._tls = ssl.create_default_context() if parts.scheme == "https" else None
        self._port = parts.port or (443 if self._tls else 80)
        self._timeout = timeout

    async def ask(self, request: Request, *, due: float | None = None) -> Answer:
        """`due` is a time of time.perf_counter(), by default now."""
        since = time.perf_counter() if due is None else due
        try:
            async with asyncio.timeout(self._timeout):
                received = await self._exchange(request)
        except TimeoutError:
            return Answer(LATE, time.perf_counter() - since)
        except (OSError, EOFError) as error:
            return Answer(NONE, time.perf_counter() - since, type(error).__name__)
        head, _empty, body = received.partition(b"\r\n\r\n")
        status = head[9:12]
        if not head.startswith(b"HTTP/1.") or not status.isdigit():
            return Answer(NONE, time.perf_counter() - since, "no HTTP")
        said = body[:SAID].decode("utf-8", "replace")
        return Answer(int(status), time.perf_counter() - since, said)

    async def _exchange(self, request: Request) -> bytes:
        reader, writer = await asyncio.open_connection(self._host, self._port, ssl=self._tls)
        try:
            try:
                writer.write(self._head(request))
                writer.write(request.body)
                await writer.drain()
            except ConnectionError:
                # Who sheds load answers before it has read everything.
                pass
            return await reader.read(-1)
        finally:
            writer.transport.abort()

    def _head(self, request: Request) -> bytes:
        lines = [
            f"{request.method} {self._folder}{request.path} HTTP/1.1",
            f"Host: {self.name}",
            "Accept: */*",
            "Connection: close",
        ]
        if request.body:
            lines += [
                f"Content-Type: {request.content_type}",
                f"Content-Length: {len(request.body)}",
            ]
        return "\r\n".join([*lines, "", ""]).encode()
