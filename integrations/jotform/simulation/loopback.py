"""Small HTTP servers on a loopback port, in place of Jotform's hosts."""

import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Self
from urllib.parse import unquote


class LoopbackServer:
    """A context manager that serves `handler` on a free loopback port; `base` is its address.
    At another `host`, whoever asks has to have that port of their loopback lead there."""

    def __init__(self, handler: type[BaseHTTPRequestHandler], *, host: str = "127.0.0.1") -> None:
        self._server = ThreadingHTTPServer((host, 0), handler)
        self._server.daemon_threads = True

    @property
    def port(self) -> int:
        return int(self._server.server_port)

    @property
    def base(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def __enter__(self) -> Self:
        threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True).start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._server.shutdown()
        self._server.server_close()


class FileServer(LoopbackServer):
    """Serves files by their path, and knows which were fetched."""

    def __init__(self) -> None:
        super().__init__(_handler(self))
        self._files: dict[str, bytes] = {}
        self._waiting: set[str] = set()
        self._changed = threading.Condition()

    def offer(self, path: str, content: bytes, *, is_awaited: bool = True) -> None:
        """Serve a file; `wait` waits for its being fetched if it `is_awaited`."""
        with self._changed:
            self._files[unquote(path)] = content
            if is_awaited:
                self._waiting.add(unquote(path))

    @property
    def awaited(self) -> int:
        """How many files are still to be fetched."""
        with self._changed:
            return len(self._waiting)

    def content(self, path: str) -> bytes | None:
        return self._files.get(unquote(path))

    def was_fetched(self, path: str) -> None:
        with self._changed:
            self._waiting.discard(unquote(path))
            self._changed.notify_all()

    def wait(self, seconds: float) -> int:
        """Serve until every file was fetched or the time is over; how many were not."""
        with self._changed:
            self._changed.wait_for(lambda: not self._waiting, timeout=seconds)
            return len(self._waiting)


def _handler(files: FileServer) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            content = files.content(self.path)
            if content is None:
                self.send_error(404)
                return
            self.send_response(200)
            self.send_header("Content-Type", "application/octet-stream")
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)
            files.was_fetched(self.path)

        def log_message(self, format: str, *args: object) -> None:
            pass

    return Handler
