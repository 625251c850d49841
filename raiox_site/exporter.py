"""The figures of a host that has workers only: `GET /metrics` on an address of its own."""

import threading
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from raiox_site import metrics

TIMEOUT_SECONDS = 10


class _Handler(BaseHTTPRequestHandler):
    timeout = TIMEOUT_SECONDS
    server_version = sys_version = ""

    def do_GET(self) -> None:
        if self.path.rstrip("/") != "/metrics":
            self.send_error(404)
        elif not metrics.is_allowed(self.headers.get("Authorization", ""), self.client_address[0]):
            self.send_error(403)
        else:
            # A scraper that ran out of patience is nobody's fault here.
            with suppress(ConnectionError):
                self._send(metrics.text_of_host())

    def _send(self, text: bytes) -> None:
        self.send_response(200)
        self.send_header("Content-Type", "text/plain; version=0.0.4")
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text)

    def log_message(self, *args: object) -> None:
        """Nothing: it is asked every few seconds."""


def serve(address: str) -> ThreadingHTTPServer:
    """Listen at `address` (`10.0.0.5:9101`) in a thread. Raises OSError when it is taken."""
    host, port = address.rsplit(":", 1)
    server = ThreadingHTTPServer((host.strip("[]"), int(port)), _Handler)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, name="metrics", daemon=True).start()
    return server
