"""The real processes, web and worker, on the database of this process or another one: for the
tests, and for the commands that try the whole system."""

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, suppress
from pathlib import Path
from urllib.parse import quote, urlencode

import psutil
import requests
from django.conf import settings
from django.db import connection

from raiox_site.configuration.services import KEEPALIVES

WEB = ("-m", "gunicorn", "--config", "deploy/gunicorn.conf.py", "raiox_site.wsgi")
WORKER = ("manage.py", "worker")
# Of the options of a connection these are set by the settings, or are part of the address.
OWN_OPTIONS = frozenset({"application_name", "connect_timeout", "host", *KEEPALIVES})


def start(
    *command: str, environment: dict[str, str], log: Path, prefix: Sequence[str] = ()
) -> subprocess.Popen[bytes]:
    """Start a Python process in a group of its own; `prefix` is a program that becomes it."""
    with log.open("ab") as output:
        return subprocess.Popen(
            [*prefix, sys.executable, *command],
            cwd=settings.BASE_DIR,
            env=environment,
            stdout=output,
            stderr=output,
            start_new_session=True,
        )


@contextmanager
def process(
    *command: str, environment: dict[str, str], log: Path
) -> Iterator[subprocess.Popen[bytes]]:
    """A process group of its own, ended when the block ends."""
    child = start(*command, environment=environment, log=log)
    try:
        yield child
    finally:
        stop(child)


def stop(child: subprocess.Popen[bytes]) -> None:
    family = descendants(child.pid)
    if child.poll() is None:
        child.terminate()
        try:
            child.wait(15)
        except subprocess.TimeoutExpired:
            child.kill()
            child.wait()
    for survivor in family:
        with suppress(psutil.NoSuchProcess):
            survivor.kill()


def descendants(pid: int) -> list[psutil.Process]:
    try:
        return psutil.Process(pid).children(recursive=True)
    except psutil.NoSuchProcess:
        return []


def family(pid: int) -> list[psutil.Process]:
    """A process with its descendants; empty when it is gone."""
    try:
        return [psutil.Process(pid), *descendants(pid)]
    except psutil.NoSuchProcess:
        return []


def kill_nine(child: subprocess.Popen[bytes]) -> None:
    """kill -9 of a process and of everything that descends from it."""
    for member in [*descendants(child.pid), psutil.Process(child.pid)]:
        with suppress(psutil.NoSuchProcess):
            member.send_signal(signal.SIGKILL)
    child.wait()


def environment(
    media: Path, *, database: str = "", inherited: Mapping[str, str] = os.environ, **changes: str
) -> dict[str, str]:
    """What the processes see: `inherited`, `database` (an address; the one of this process when
    empty), the folder that holds `media`, and the changes."""
    return {
        **inherited,
        "DATABASE_URL": database or database_url(),
        "RAIOX_ENV": "development",
        "RAIOX_ENV_FILE": os.devnull,
        "RAIOX_VAR_DIR": str(media.parent),
        # What was made once need not be made again.
        "RAIOX_MODELS_DIR": str(settings.RAIOX_MODELS_DIR),
        "RAIOX_WEB_PROCESSES": "1",
        "SECRET_KEY": settings.SECRET_KEY,
        "RAIOX_FETCH_ALLOW_HOSTS": "127.0.0.1",
        "RAIOX_WEBHOOK_RATE": "",
        "RAIOX_UNDO_SECONDS": "0",
        "OMP_NUM_THREADS": "1",
        **changes,
    }


def database_url(name: str = "") -> str:
    """The address of database `name` on the server that this process uses; without a name, of
    the database that it uses."""
    used = connection.settings_dict
    known = connection.get_connection_params()
    host = str(known.get("host", ""))
    options = {key: value for key, value in used["OPTIONS"].items() if key not in OWN_OPTIONS}
    if host.startswith("/"):
        options["host"] = host
    place = "" if host.startswith("/") else host
    port = f":{known['port']}" if known.get("port") else ""
    login = f"{quote(str(known.get('user', '')), safe='')}:{quote(used['PASSWORD'], safe='')}"
    return f"postgresql://{login}@{place}{port}/{quote(name or used['NAME'])}?{urlencode(options)}"


def worker(variables: dict[str, str], log: Path) -> AbstractContextManager[subprocess.Popen[bytes]]:
    return process(*WORKER, environment=variables, log=log)


@contextmanager
def web(variables: dict[str, str], log: Path) -> Iterator[str]:
    """gunicorn on a free port; yields its address once it answers."""
    port = str(free_port())
    with process(*WEB, environment={**variables, "PORT": port}, log=log):
        base = f"http://127.0.0.1:{port}"
        wait_for(lambda: is_up(base), 60)
        yield base


def is_up(base: str) -> bool:
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
