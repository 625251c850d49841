"""Who asks whether the service works is answered while all threads are busy."""

import http.client
import socket
import sys
from pathlib import Path

from raiox_site import running

# More than a web process has threads.
CROWD = 40
WEB = ("-m", "gunicorn", "--config", "deploy/gunicorn.conf.py", "raiox_site.tests.holding")


def test_a_probe_does_not_wait_behind_requests_nor_behind_silent_connections(
    tmp_path: Path,
) -> None:
    port, released = running.free_port(), tmp_path / "released"
    variables = {
        "PATH": "/usr/bin:/bin",
        "PYTHONPATH": ":".join(sys.path),
        "RAIOX_ENV": "test",
        "RAIOX_WEB_PROCESSES": "1",
        "RAIOX_VAR_DIR": str(tmp_path),
        "RELEASED": str(released),
        "PORT": str(port),
    }
    with running.process(*WEB, environment=variables, log=tmp_path / "log"):
        base = f"http://127.0.0.1:{port}"
        running.wait_for(lambda: running.is_up(base), 30)
        held = [http.client.HTTPConnection("127.0.0.1", port, timeout=60) for _ in range(CROWD)]
        for connection in held:
            connection.request("GET", "/held")
        silent = [socket.create_connection(("127.0.0.1", port)) for _ in range(CROWD)]

        assert running.is_up(base)
        assert running.is_up(base)

        released.touch()
        assert {connection.getresponse().status for connection in held} == {200}
        for one in (*held, *silent):
            one.close()
