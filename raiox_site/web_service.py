"""`python -m raiox_site.web_service`: gunicorn under systemd, and a look at whether it answers.

gunicorn calls itself ready before it has loaded the application, and minds its processes, not
whether a request is answered. Here systemd hears of readiness, and that all is well, only after
`/ping` was answered; where that ends, its watchdog starts the service anew.
"""

import http.client
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Mapping
from pathlib import Path

import environ

from raiox_site import systemd

GUNICORN = ("-m", "gunicorn", "--config", "deploy/gunicorn.conf.py", "raiox_site.wsgi:application")
PASSED_ON = (signal.SIGHUP, signal.SIGUSR1, signal.SIGTTIN, signal.SIGTTOU)
FIRST_SOCKET = 3
# Who listens everywhere is asked here.
REACHED = {"0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104 # nosec B104 # nothing is bound
EVERY_S = 5.0
# A film that is compared while the machine is busy takes seconds, and so may what waits behind.
PATIENCE_S = 10.0
POLL_S = 0.2


class Variables(environ.Env):
    """Reads a file without changing this process's environment, which children inherit."""

    ENVIRON: dict[str, str] = {}


def variables(environment: Mapping[str, str]) -> dict[str, str]:
    """The environment, and below it what RAIOX_ENV_FILE sets of how gunicorn runs. Secrets are
    left in the file, which the settings read: not every child has to have them."""
    path = environment.get("RAIOX_ENV_FILE", "")
    if path and Path(path).is_file():
        Variables.ENVIRON = {}
        Variables.read_env(path)
        wanted = ("HOST", "PORT", "RAIOX_WEB_PROCESSES", "TIME_ZONE")
        kept = {name: Variables.ENVIRON[name] for name in wanted if name in Variables.ENVIRON}
        return {**kept, **environment}
    return dict(environment)


def sockets(environment: Mapping[str, str]) -> list[int]:
    """What systemd opened for this process: descriptors from 3 on."""
    if environment.get("LISTEN_PID") != str(os.getpid()):
        return []
    return list(range(FIRST_SOCKET, FIRST_SOCKET + int(environment.get("LISTEN_FDS", "0"))))


def address(environment: Mapping[str, str], opened: list[int]) -> tuple[str, int]:
    """Where gunicorn listens, as a client names it."""
    if opened:
        with socket.socket(fileno=os.dup(opened[0])) as listening:
            host, port = listening.getsockname()[:2]
    else:
        host, port = environment.get("HOST") or "127.0.0.1", int(environment.get("PORT") or 8000)
    return REACHED.get(host, host), port


def answers(host: str, port: int) -> bool:
    """Whether /ping is answered with 200 within the patience that it is given."""
    connection = http.client.HTTPConnection(host, port, timeout=PATIENCE_S)
    try:
        connection.request("GET", "/ping", headers={"Connection": "close"})
        return connection.getresponse().status == 200
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()


def start(environment: Mapping[str, str], opened: list[int]) -> subprocess.Popen[bytes]:
    child = {**systemd.for_children(environment)}
    if opened:
        # gunicorn takes only what was opened for its own number; its configuration says it is.
        child["RAIOX_LISTENING"] = "1"
    return subprocess.Popen([sys.executable, *GUNICORN], env=child, pass_fds=opened)


def watch(child: subprocess.Popen[bytes], place: tuple[str, int], asked: threading.Event) -> None:
    """Tell systemd of every answer, until gunicorn ends or is asked to."""
    next_look = 0.0
    while child.poll() is None and not asked.is_set():
        if time.monotonic() >= next_look:
            if answers(*place):
                systemd.tell("READY=1", "WATCHDOG=1", "STATUS=/ping is answered.")
            next_look = time.monotonic() + EVERY_S
        asked.wait(POLL_S)


def main() -> int:
    environment, opened = variables(os.environ), sockets(os.environ)
    asked = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: asked.set())
    child = start(environment, opened)
    for number in PASSED_ON:
        signal.signal(number, lambda got, _frame: child.send_signal(got))
    watch(child, address(environment, opened), asked)
    if asked.is_set():
        systemd.tell("STOPPING=1")
        child.terminate()
    status = child.wait()
    return status if status >= 0 else 128 - status


if __name__ == "__main__":
    sys.exit(main())
