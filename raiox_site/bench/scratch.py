"""A measurement in a process, a database and a folder of its own."""

import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from django.conf import settings
from django.db import connection

from raiox_site.trial import scratch

# The child of `run` works in the database that it is given: never in another one.
INSIDE = "--inside"
MIGRATE = ("migrate", "-v", "0", "--noinput")


def run(command: Sequence[str], say: Callable[[str], Any], *, is_empty: bool = False) -> None:
    """Run `manage.py <command> --inside` in a scratch database with a small catalogue (without
    one if it `is_empty`), and pass on what it prints. Raises CalledProcessError, whose `stderr`
    holds the last lines."""
    with scratch.folder(keep=False) as path, scratch.database(keep=False) as database:
        variables = scratch.variables(path, database, RAIOX_LOGIN_RATE="", LOG_LEVEL="ERROR")
        log = path / "bench.log"
        try:
            if is_empty:
                scratch.manage(*MIGRATE, environment=variables, log=log)
            else:
                scratch.fill(variables, log)
            _pass_on([sys.executable, "manage.py", *command, INSIDE], variables, log, say)
        except subprocess.CalledProcessError as error:
            error.stderr = "\n".join(log.read_text().splitlines()[-5:])
            raise


def is_inside() -> bool:
    """Whether this process is connected to a scratch database."""
    return str(connection.settings_dict["NAME"]).startswith("raiox_trial_")


def _pass_on(
    command: Sequence[str], variables: dict[str, str], log: Path, say: Callable[[str], Any]
) -> None:
    with log.open("ab") as errors:
        with subprocess.Popen(
            command,
            cwd=settings.BASE_DIR,
            env=variables,
            stdout=subprocess.PIPE,
            stderr=errors,
            text=True,
        ) as child:
            for line in child.stdout or ():
                say(line.rstrip("\n"))
    if child.returncode:
        raise subprocess.CalledProcessError(child.returncode, command)
