"""Runs a program of PostgreSQL (pg_dump, pg_restore, psql) on the database that the settings name:
pg.py PROGRAM ARGUMENT…

pg_restore is given no database: it writes a script.
"""

import os
import sys
from pathlib import Path

import django

sys.path.insert(0, str(Path.cwd()))
os.environ.setdefault("DJANGO_SETTINGS_MODULE", "raiox_site.settings")


def main(program: str, *arguments: str) -> int:
    django.setup()
    from django.db import connection

    from raiox_site.backup import programs
    from raiox_site.backup.errors import BackupError

    connection.ensure_connection()
    major, database = connection.pg_version // 10000, str(connection.settings_dict["NAME"])
    connection.close()
    target = "" if program == "pg_restore" else database
    try:
        sys.stdout.write(programs.run(program, *arguments, major=major, database=target))
    except BackupError as error:
        sys.stderr.write(f"{error}\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
