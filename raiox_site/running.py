"""The real processes, web and worker, on the database of this process: for the tests, and for
the commands that try the whole system."""

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from urllib.parse import quote

import psutil
import requests
from django.conf import settings
from django.db import connection


@contextmanager
def process(*command: str, environment: dict[str, str], log: Path) -> Iterator[subprocess.Popen]:
    """A process group of its own, ended when the block ends."""
    with log.open("ab") as output:
        child = subprocess.Popen(
            [sys.executable, *command],
            cwd=settings.BASE_DIR,
            env=environment,
            stdout=output,
            stderr=output,
            start_new_session=True,
        )
    try:
        yield child
    finally:
        stop(child)


def stop(child: subprocess.Popen) -> None:
    family = descendants(child.pid)
    if child.poll() is None:
        child.terminate()
        try:
            child.wait(15)
        except subprocess.TimeoutExpired:
            child.kill()
            child.wait()
    for survivor in family:
        if survivor.is_running():
            survivor.kill()


def descendants(pid: int) -> list[psutil.Process]:
    try:
        return psutil.Process(pid).children(recursive=True)
    except psutil.NoSuchProcess:
        return []


def kill_nine(child: subprocess.Popen) -> None:
    """kill -9 of a process and of everything that descends from it."""
    for member in [*descendants(child.pid), psutil.Process(child.pid)]:
        member.send_signal(signal.SIGKILL)
    child.wait()


def environment(media: Path, **changes: str) -> dict[str, str]:
    """What the processes see: the test database, the test's folder, and the changes."""
    database = connection.get_connection_params()
    host = quote(database.get("host", ""), safe="")
    name = connection.settings_dict["NAME"]
    return {
        **os.environ,
        "DATABASE_URL": f"postgresql://{database['user']}:@/{name}?host={host}",
        "RAIOX_ENV": "development",
        "RAIOX_ENV_FILE": os.devnull,
        "RAIOX_VAR_DIR": str(media.parent),
        "SECRET_KEY": settings.SECRET_KEY,
        "RAIOX_FETCH_ALLOW_HOSTS": "127.0.0.1",
        "RAIOX_WEBHOOK_RATE": "",
        "OMP_NUM_THREADS": "1",
        **changes,
    }


def worker(variables: dict[str, str], log: Path) -> AbstractContextManager[subprocess.Popen]:
    return process("manage.py", "worker", environment=variables, log=log)


@contextmanager
def web(variables: dict[str, str], log: Path) -> Iterator[str]:
    """gunicorn on a free port; yields its address once it answers."""
    port = str(free_port())
    command = ("-m", "gunicorn", "--config", "deploy/gunicorn.conf.py", "raiox_site.wsgi")
    with process(*command, environment={**variables, "PORT": port}, log=log):
        base = f"http://127.0.0.1:{port}"
        wait_for(lambda: _answers(base), 60)
        yield base


def _answers(base: str) -> bool:
    try:
        return requests.get(f"{base}/ping", timeout=2).status_code == 200
    except requests.RequestException:
        return False


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def wait_for(condition: Callable[[], object], seconds: float) -> None:
    """Raise TimeoutError unless the condition becomes true in time."""
    end = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > end:
            raise TimeoutError("the condition did not become true")
        time.sleep(0.1)
