"""Reads and changes one variable of an environment file, as Raiox AI reads it.

Usage: env_file.py FILE get NAME          its value; nothing where it is not set
       env_file.py FILE set NAME VALUE    in its place, or at the end (no secrets: see `ps`)
       env_file.py FILE unset NAME

The file is replaced in one step; its owner and mode stay.
"""

import re
import shutil
import sys
from pathlib import Path

import environ


def value_of(path: Path, name: str) -> str:
    class Alone(environ.Env):
        ENVIRON: dict[str, str] = {}

    Alone.read_env(str(path))
    return Alone.ENVIRON.get(name, "").strip()


def changed(text: str, name: str, line: str) -> str:
    """The text with `line` in the place of the variable; an empty one takes it out."""
    kept, is_done = [], not line
    for one in text.splitlines():
        if re.match(rf"\s*(export\s+)?{name}\s*=", one):
            kept += [] if is_done else [line]
            is_done = True
        else:
            kept.append(one)
    return "\n".join([*kept, *([] if is_done else [line])]) + "\n"


def replace(path: Path, text: str) -> None:
    beside = path.with_name(f".{path.name}.new")
    beside.touch(mode=0o600)
    shutil.copystat(path, beside)
    shutil.chown(beside, path.stat().st_uid, path.stat().st_gid)
    beside.write_text(text, encoding="utf-8")
    beside.replace(path)


def main(file: str, action: str, name: str, value: str = "") -> int:
    path = Path(file)
    if action == "get":
        sys.stdout.write(value_of(path, name))
    elif action in ("set", "unset"):
        line = f"{name}={value}" if action == "set" else ""
        replace(path, changed(path.read_text(encoding="utf-8"), name, line))
    else:
        sys.stderr.write(__doc__ or "")
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
