"""The whole site on a loopback port, in threads of the test's own process."""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from django.core.servers.basehttp import ThreadedWSGIServer
from django.core.wsgi import get_wsgi_application
from django.db import connections
from django.test.testcases import QuietWSGIRequestHandler


class Server(ThreadedWSGIServer):
    """Ends with its last answer: nothing may hold the test database after the test."""

    daemon_threads = False
    request_queue_size = 64

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A browser hangs up when its page is closed; what a view raises is logged by Django."""


class Handler(QuietWSGIRequestHandler):
    # A browser opens connections in advance; without data they would hold their thread.
    timeout = 5


class Site:
    """The address of the site, and whether it is still at work."""

    def __init__(self, application: Callable[..., Any]) -> None:
        self.base = ""
        self._application = application
        self._running = 0
        self._changed = threading.Condition()

    def __call__(self, environ: Any, start_response: Any) -> Iterator[bytes]:
        with self._changed:
            self._running += 1
        try:
            response = self._application(environ, start_response)
            try:
                yield from response
            finally:
                getattr(response, "close", lambda: None)()
        finally:
            with self._changed:
                self._running -= 1
                self._changed.notify_all()

    def wait_until_idle(self) -> None:
        """Until every request is answered: the tables are emptied after the test, and a request
        that still reads them would block that, or write into the next test."""
        for _look in range(3):
            with self._changed:
                self._changed.wait_for(lambda: self._running == 0, timeout=30)
            time.sleep(0.02)


@contextmanager
def serving() -> Iterator[Site]:
    """Serve the site. Static files come with the middleware's headers, as in production."""
    connections["default"].settings_dict["CONN_MAX_AGE"] = 0
    site = Site(get_wsgi_application())
    server = Server(("127.0.0.1", 0), Handler)
    server.set_app(site)
    thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
    thread.start()
    site.base = f"http://127.0.0.1:{server.server_port}"
    try:
        yield site
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
