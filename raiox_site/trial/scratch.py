"""A database and a folder of the trial's own, gone when it ends."""

import os
import secrets
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from django.conf import settings
from django.db import connection

from raiox_site import processes, running

# Whatever this installation is connected to, the trial is not.
FOREIGN = ("DATABASE_URL", "DB_", "DO_SPACES", "EMAIL", "JF_", "JOTFORM", "RAIOX_", "REDIS_URL")
KEPT = frozenset({"RAIOX_ENCODER", "RAIOX_VIEWS", "RAIOX_TORCH_THREADS"})
FILL = "from raiox_site.trial import stock; stock.fill()"


@contextmanager
def folder(*, keep: bool) -> Iterator[Path]:
    """A folder in place of RAIOX_VAR_DIR."""
    path = Path(tempfile.mkdtemp(prefix="raiox-trial-")).resolve()
    try:
        yield path
    finally:
        if not keep:
            shutil.rmtree(path, ignore_errors=True)


@contextmanager
def database(*, keep: bool) -> Iterator[str]:
    """The name of a new database on the configured server, which every thread of this process
    uses until the end."""
    name, used = f"raiox_trial_{secrets.token_hex(4)}", connection.settings_dict["NAME"]
    _execute(f'CREATE DATABASE "{name}" TEMPLATE template0')
    _use(name)
    try:
        yield name
    finally:
        _use(used)
        if not keep:
            _execute(f'DROP DATABASE "{name}" WITH (FORCE)')


def variables(path: Path, database: str, **changes: str) -> dict[str, str]:
    """The environment of the trial's processes."""
    inherited = {
        name: value
        for name, value in os.environ.items()
        if name in KEPT or not name.startswith(FOREIGN)
    }
    return running.environment(
        path / "media",
        database=running.database_url(database),
        inherited=inherited,
        **{processes.RUN_MARK: str(path), **changes},
    )


def fill(environment: dict[str, str], log: Path) -> None:
    """Migrate, and make a small catalogue and accounts. Raises CalledProcessError."""
    manage("shell", "-v", "0", "-c", FILL, environment=environment, log=log)


def manage(*command: str, environment: dict[str, str], log: Path) -> str:
    """What `manage.py` printed. Raises CalledProcessError."""
    with log.open("ab") as errors:
        done = subprocess.run(
            [sys.executable, "manage.py", *command],
            cwd=settings.BASE_DIR,
            env=environment,
            stdout=subprocess.PIPE,
            stderr=errors,
            start_new_session=True,
            check=True,
            text=True,
        )
    return done.stdout


def _use(name: str) -> None:
    connection.close()
    # The dictionary is the one that the connections of other threads are made from.
    connection.settings_dict["NAME"] = name


def _execute(statement: str) -> None:
    with connection.cursor() as cursor:
        cursor.execute(statement)
