"""The embedded PostgreSQL (with pgvector) of `make run` and `make test`.

Nothing here imports Django: the guard runs without it.
"""

import argparse
import contextlib
import fcntl
import logging
import signal
import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

import psutil
import psycopg2

from raiox_site.postgres_launch import PORT, choose_socket_dir, launch_apart
from raiox_site.processes import is_alive, kill, wait_until

log = logging.getLogger(__name__)

START_TIMEOUT_S = 120.0
STOP_TIMEOUT_S = 60.0
GUARD_INTERVAL_S = 1.0


class EmbeddedPostgresError(RuntimeError):
    """The embedded server cannot be started or stopped."""


@dataclass(frozen=True)
class Postmaster:
    process: psutil.Process
    socket_dir: Path


def database_url(data_dir: Path, name: str = "raiox") -> str:
    """The address of database `name`; starts the server and creates the database if needed."""
    data_dir = data_dir.resolve()
    if not _has_database(data_dir, name):
        with _locked(data_dir):
            _ensure_running(data_dir, START_TIMEOUT_S)
            _create_database(data_dir, name)
    socket_dir = _recorded_socket_dir(data_dir)
    return f"postgresql://postgres:@:{PORT}/{quote(name)}?host={quote(str(socket_dir), safe='/')}"


def is_running(data_dir: Path) -> bool:
    return _postmaster(data_dir.resolve()) is not None


def stop(data_dir: Path, *, only_idle: bool = False) -> bool:
    """Shut the server down with a checkpoint; False when it was not running.

    `only_idle` leaves a server alone that somebody else is connected to.
    """
    data_dir = data_dir.resolve()
    if not is_running(data_dir):
        return False
    with _locked(data_dir):
        server = _postmaster(data_dir)
        if server is None or (only_idle and _is_in_use(server)):
            return False
        _shut_down(server.process)
        if server.socket_dir != data_dir:
            with contextlib.suppress(OSError):
                server.socket_dir.rmdir()
        return True


def _shut_down(process: psutil.Process) -> None:
    # Fast, then immediate shutdown, in PostgreSQL's words.
    for number, seconds in ((signal.SIGINT, STOP_TIMEOUT_S), (signal.SIGQUIT, 5.0)):
        with contextlib.suppress(psutil.NoSuchProcess):
            process.send_signal(number)
        if wait_until(lambda: not is_alive(process), seconds):
            return
    kill([process])


def _is_in_use(server: Postmaster) -> bool:
    sql = (
        "SELECT count(*) FROM pg_stat_activity"
        " WHERE backend_type = 'client backend' AND pid <> pg_backend_pid()"
    )
    try:
        with contextlib.closing(_connect(server.socket_dir, "postgres")) as connection:
            with connection.cursor() as cursor:
                cursor.execute(sql)
                row = cursor.fetchone()
    except psycopg2.Error:
        return True
    return row is not None and bool(row[0])


def guard(data_dir: Path, stopping: threading.Event) -> None:
    """Keep the server up until `stopping` is set, then stop it.

    The server does not belong to this process: if the guard is killed, it goes on,
    and the next guard takes it over.
    """
    data_dir = data_dir.resolve()
    while not stopping.is_set():
        if _postmaster(data_dir) is None:
            log.warning("PostgreSQL is not running, starting it")
            _try_to_start(data_dir)
        stopping.wait(GUARD_INTERVAL_S)
    stop(data_dir)


def _try_to_start(data_dir: Path) -> None:
    try:
        with _locked(data_dir):
            _ensure_running(data_dir, 15)
    except (EmbeddedPostgresError, OSError):
        log.exception("PostgreSQL does not start, trying again")
    else:
        log.warning("PostgreSQL is running")


@contextlib.contextmanager
def _locked(data_dir: Path) -> Iterator[None]:
    """One starter or stopper at a time; the lock ends with its process, however that ends."""
    data_dir.parent.mkdir(parents=True, exist_ok=True)
    with open(data_dir.with_name(f"{data_dir.name}.lock"), "a", encoding="ascii") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def _postmaster(data_dir: Path) -> Postmaster | None:
    """The living server of exactly this directory.

    The pid file alone proves nothing: its pid may be a zombie, may have been reused, and the
    directory may be a copy of one whose server runs.
    """
    try:
        pid = int(_pid_file_lines(data_dir)[0])
        process = psutil.Process(pid)
    except (IndexError, ValueError, OSError, psutil.Error):
        return None
    if not is_alive(process) or not _works_in(process, data_dir):
        return None
    return Postmaster(process, _recorded_socket_dir(data_dir))


def _works_in(process: psutil.Process, data_dir: Path) -> bool:
    """Whether it is a PostgreSQL process of this directory; a zombie has none."""
    try:
        return process.name().startswith("postgres") and data_dir.samefile(process.cwd())
    except (OSError, psutil.Error):
        return False


def _pid_file_lines(data_dir: Path) -> list[str]:
    try:
        return (data_dir / "postmaster.pid").read_text(encoding="utf-8").splitlines()
    except FileNotFoundError:
        return []


def _recorded_socket_dir(data_dir: Path) -> Path:
    lines = _pid_file_lines(data_dir)
    recorded = lines[4].strip() if len(lines) > 4 else ""
    return Path(recorded) if recorded else choose_socket_dir(data_dir)


def _connect(socket_dir: Path, name: str) -> "psycopg2.extensions.connection":
    return psycopg2.connect(
        host=str(socket_dir), port=PORT, user="postgres", dbname=name, connect_timeout=5
    )


def _answers(socket_dir: Path) -> bool:
    try:
        _connect(socket_dir, "postgres").close()
    except psycopg2.OperationalError:
        return False
    return True


def _has_database(data_dir: Path, name: str) -> bool:
    """The quick way: one connection, and a look that the answer comes from this directory."""
    if not _pid_file_lines(data_dir):
        return False
    try:
        with contextlib.closing(_connect(_recorded_socket_dir(data_dir), name)) as connection:
            with connection.cursor() as cursor:
                cursor.execute("SHOW data_directory")
                row = cursor.fetchone()
        return row is not None and data_dir.samefile(row[0])
    except (psycopg2.Error, OSError):
        return False


def _create_database(data_dir: Path, name: str) -> None:
    with contextlib.closing(_connect(_recorded_socket_dir(data_dir), "postgres")) as connection:
        connection.autocommit = True
        with connection.cursor() as cursor:
            cursor.execute("SELECT 1 FROM pg_database WHERE datname = %s", [name])
            if cursor.fetchone() is None:
                identifier = name.replace('"', '""')
                cursor.execute(f'CREATE DATABASE "{identifier}" TEMPLATE template0')


def _ensure_running(data_dir: Path, seconds: float) -> None:
    """Precondition: the lock is held. Returns once the server accepts connections."""
    deadline = time.monotonic() + seconds
    problem = "it does not accept connections"
    while True:
        server = _postmaster(data_dir)
        if server is not None:
            if _answers(server.socket_dir):
                return
        else:
            _heal(data_dir)
            problem = launch_apart(data_dir) or problem
        if time.monotonic() >= deadline:
            raise EmbeddedPostgresError(f"PostgreSQL in {data_dir}: {problem}")
        time.sleep(0.1)


def _heal(data_dir: Path) -> None:
    """Remove what a killed server left behind; it would refuse to start beside its own traces."""
    orphans = [process for process in psutil.process_iter() if _works_in(process, data_dir)]
    if orphans:
        log.warning("Ending %d processes of a dead PostgreSQL", len(orphans))
        kill(orphans)
    for socket_dir in {data_dir, choose_socket_dir(data_dir)}:
        for name in (f".s.PGSQL.{PORT}.lock", f".s.PGSQL.{PORT}"):
            (socket_dir / name).unlink(missing_ok=True)
    (data_dir / "postmaster.pid").unlink(missing_ok=True)


def main(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(prog="raiox_site.embedded_postgres")
    parser.add_argument("action", choices=["guard", "stop", "stop-idle", "status", "url"])
    parser.add_argument("data_dir", type=Path)
    options = parser.parse_args(arguments)
    logging.basicConfig(format="%(asctime)s %(levelname)s postgres %(message)s", level="INFO")
    match options.action:
        case "guard":
            stopping = threading.Event()
            for number in (signal.SIGTERM, signal.SIGINT):
                signal.signal(number, lambda *_: stopping.set())
            guard(options.data_dir, stopping)
        case "stop":
            stop(options.data_dir)
        case "stop-idle":
            stop(options.data_dir, only_idle=True)
        case "status":
            return 0 if is_running(options.data_dir) else 3
        case "url":
            sys.stdout.write(database_url(options.data_dir) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
