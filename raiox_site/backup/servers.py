"""Databases of the configured server: made, filled, looked into, renamed, dropped."""

from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import psycopg2
from django.db import connection, connections
from psycopg2.extensions import connection as Connection
from psycopg2.sql import SQL, Identifier

from raiox_site.backup import programs
from raiox_site.backup.errors import BackupError

# Every server has one of these; the second is DigitalOcean's.
MAINTENANCE = ("postgres", "defaultdb", "template1")
# The first one is empty whatever somebody put into the other.
TEMPLATES = ("template0", "template1")
JOBS = 2


def living() -> str:
    """The name of the database that the settings name."""
    return str(connection.settings_dict["NAME"])


@contextmanager
def _maintenance() -> Iterator[Any]:
    with closing(_connect()) as link:
        link.autocommit = True
        with link.cursor() as cursor:
            yield cursor


def _connect() -> Connection:
    """To none of the databases that are going to be renamed."""
    password = connection.get_connection_params().get("password") or None
    problem: psycopg2.Error | None = None
    for name in MAINTENANCE:
        try:
            return psycopg2.connect(programs.dsn(name), password=password)
        except psycopg2.OperationalError as error:
            problem = error
    raise BackupError(f"The database server does not answer: {_line(problem)}")


def _line(error: BaseException | None) -> str:
    return str(error).strip().partition("\n")[0][:200]


def execute(statement: str, *names: str) -> None:
    """A statement about databases; each {} in it is a name. Raises BackupError."""
    with _maintenance() as cursor:
        try:
            cursor.execute(SQL(statement).format(*map(Identifier, names)))
        except psycopg2.Error as error:
            raise BackupError(f"The server refuses: {_line(error)}") from None


@contextmanager
def alone(purpose: str) -> Iterator[None]:
    """One at a time for this living database. The lock is that of a session of its own, which
    outlives the databases that come and go. Raises BackupError."""
    with _maintenance() as cursor:
        key = f"raiox.{purpose}.{living()}"
        cursor.execute("SELECT pg_try_advisory_lock(hashtext(%s), 0)", [key])
        if not cursor.fetchone()[0]:
            raise BackupError(f"Another {purpose} is at work.")
        yield


def begun_by(prefix: str) -> list[str]:
    """Databases whose names begin so."""
    with _maintenance() as cursor:
        cursor.execute("SELECT datname FROM pg_database WHERE starts_with(datname, %s)", [prefix])
        return [str(name) for (name,) in cursor.fetchall()]


def exists(name: str) -> bool:
    with _maintenance() as cursor:
        cursor.execute("SELECT 1 FROM pg_database WHERE datname = %s", [name])
        return cursor.fetchone() is not None


def size_of_living() -> int:
    """In bytes; 0 where it is not there."""
    with _maintenance() as cursor:
        cursor.execute(
            "SELECT pg_database_size(datname) FROM pg_database WHERE datname = %s", [living()]
        )
        row = cursor.fetchone()
    return int(row[0]) if row else 0


def is_on_this_machine() -> bool:
    """Whether the server may write to a disk of this machine."""
    host = str(connection.settings_dict["HOST"] or "")
    return host in ("", "127.0.0.1", "::1", "localhost") or host.startswith("/")


def server_number() -> int:
    """PostgreSQL's `server_version_num`."""
    with _maintenance() as cursor:
        cursor.execute("SHOW server_version_num")
        return int(cursor.fetchone()[0])


def create(name: str) -> None:
    """An empty database that has pgvector. Only a superuser may make that extension; of the
    others a database has it where the server's template1 has it. Raises BackupError."""
    for template in TEMPLATES:
        execute(f"CREATE DATABASE {{}} TEMPLATE {template}", name)
        if _has_vector(name):
            return
        drop(name)
    raise BackupError(
        "A new database of this role has no pgvector. As the server's superuser, once:"
        " psql -d template1 -c 'CREATE EXTENSION vector'"
    )


def _has_vector(name: str) -> bool:
    password = connection.get_connection_params().get("password") or None
    try:
        with closing(psycopg2.connect(programs.dsn(name), password=password)) as link:
            link.autocommit = True
            with link.cursor() as cursor:
                cursor.execute("CREATE EXTENSION IF NOT EXISTS vector")
    except psycopg2.Error:
        return False
    return True


def drop(name: str) -> None:
    execute("DROP DATABASE IF EXISTS {} WITH (FORCE)", name)


def rename(name: str, to: str) -> None:
    """Whoever is connected to it is cut off, and nobody comes in meanwhile. Raises BackupError:
    then it has its name still."""
    execute("ALTER DATABASE {} ALLOW_CONNECTIONS false", name)
    try:
        with _maintenance() as cursor:
            cursor.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                " WHERE datname = %s AND pid <> pg_backend_pid()",
                [name],
            )
        execute("ALTER DATABASE {} RENAME TO {}", name, to)
    except BaseException:
        execute("ALTER DATABASE {} ALLOW_CONNECTIONS true", name)
        raise
    execute("ALTER DATABASE {} ALLOW_CONNECTIONS true", to)


def fill(name: str, plain: Path) -> None:
    """Restore a dump into an empty database; whose it was, and who might what there, is not
    restored: the present user owns everything. Raises BackupError."""
    # An index of vectors that does not fit into memory is built many times slower.
    execute("ALTER DATABASE {} SET maintenance_work_mem = '256MB'", name)
    programs.run(
        "pg_restore",
        "--exit-on-error",
        "--no-owner",
        "--no-privileges",
        "--no-comments",
        f"--jobs={JOBS}",
        str(plain),
        major=server_number() // 10000,
        database=name,
    )
    execute("ALTER DATABASE {} RESET maintenance_work_mem", name)
    with on(name), connection.cursor() as cursor:
        # Without statistics the first searches are planned blindly.
        cursor.execute("ANALYZE")


@contextmanager
def on(name: str) -> Iterator[None]:
    """Let every model of this process read from database `name` of the configured server; a
    replica would answer from the living one."""
    used = {alias: dict(connections[alias].settings_dict) for alias in connections}
    for alias in connections:
        connections[alias].close()
        connections[alias].settings_dict.update({**used["default"], "NAME": name})
    try:
        yield
    finally:
        for alias, settings in used.items():
            connections[alias].close()
            connections[alias].settings_dict.update(settings)
