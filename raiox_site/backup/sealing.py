"""Sealing what leaves this machine with a public key, by age. The key that opens it need not be
on the machine that makes backups."""

import shutil
import subprocess
from pathlib import Path

from django.conf import settings

from raiox_site.backup.errors import BackupError
from raiox_site.backup.programs import LONGEST_S

ENDING = ".age"


def is_on() -> bool:
    return bool(settings.RAIOX_BACKUP.recipient)


def seal(source: Path, target: Path) -> None:
    """Raises BackupError."""
    _age("--encrypt", "--recipient", settings.RAIOX_BACKUP.recipient, source=source, target=target)


def open_sealed(source: Path, target: Path) -> None:
    """Raises BackupError, also where the key is another one or the file was changed."""
    identity = settings.RAIOX_BACKUP.identity
    if not identity:
        raise BackupError("The backup is sealed: RAIOX_BACKUP_IDENTITY must name the key's file.")
    _age("--decrypt", "--identity", identity, source=source, target=target)


def _age(*arguments: str, source: Path, target: Path) -> None:
    program = shutil.which("age")
    if program is None:
        raise BackupError("RAIOX_BACKUP_RECIPIENT is set, and age is not installed.")
    try:
        done = subprocess.run(
            [program, *arguments, "--output", str(target), str(source)],
            capture_output=True,
            text=True,
            errors="replace",
            stdin=subprocess.DEVNULL,
            timeout=LONGEST_S,
            check=False,
        )
    except subprocess.TimeoutExpired:
        raise BackupError("age took too long and was ended.") from None
    if done.returncode:
        words = next(iter(done.stderr.splitlines()), "it said nothing").removeprefix("age: ")
        raise BackupError(f"age failed: {words[:200]}")
