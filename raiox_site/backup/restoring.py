"""Getting a dump back: into a database of its own first, and in the place of the living one only
when it proved good."""

import re
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

from django.conf import settings
from django.db import DatabaseError, connection
from django.utils import timezone

from raiox_site.backup import checks, sealing, servers
from raiox_site.backup.checks import Check
from raiox_site.backup.errors import BackupError
from raiox_site.backup.manifest import STAMP, Manifest
from raiox_site.backup.programs import run, server_version
from raiox_site.backup.stores import ERRORS, Store, digest_of, in_words

Say = Callable[[str], object]
# Below it `/health` is red; PostgreSQL's log of changes comes on top.
RESERVE_BYTES = 500 * 1024 * 1024
# A dump is compressed: so many times as large a database is expected where none can be asked.
UNPACKED = 5
STAMPED = re.compile(r"\d{8}t\d{6}z")


@dataclass
class Steps:
    """How long what took, in seconds."""

    seconds: dict[str, float] = field(default_factory=dict)

    @contextmanager
    def of(self, name: str) -> Iterator[None]:
        began = timezone.now()
        try:
            yield
        finally:
            self.seconds[name] = round((timezone.now() - began).total_seconds(), 2)


def fetch(store: Store, made: Manifest, folder: Path) -> Path:
    """The dump itself, its checksum right, opened where it was sealed. Raises BackupError."""
    lying, plain = folder / "fetched.dump", folder / "plain.dump"
    _require_space(folder, made)
    try:
        store.get(made.dump, lying)
    except ERRORS as error:
        raise in_words(error, store) from error
    if digest_of(lying) != made.sha256:
        raise BackupError(f"The checksum of {made.dump} is wrong: the stored dump is damaged.")
    if not made.dump.endswith(sealing.ENDING):
        return lying
    sealing.open_sealed(lying, plain)
    if digest_of(plain) != made.plain_sha256:
        raise BackupError(f"What was sealed in {made.dump} is not what was dumped.")
    lying.unlink()
    return plain


def _require_space(folder: Path, made: Manifest) -> None:
    """A drill must not fill the disk on which the living database writes."""
    fetched = made.bytes + (made.plain_bytes if made.dump.endswith(sealing.ENDING) else 0)
    restored = servers.size_of_living() or made.plain_bytes * UNPACKED
    needed = RESERVE_BYTES + fetched + (restored if servers.is_on_this_machine() else 0)
    free = shutil.disk_usage(folder).free
    if free < needed:
        raise BackupError(
            f"The disk is too full: {free // 2**20} MiB free in {folder}, {needed // 2**20} needed"
            " for the dump and the database."
        )


def restore_into(name: str, made: Manifest, plain: Path) -> list[Check]:
    """Make database `name` out of a dump, and look into it. Raises BackupError."""
    here = servers.server_number()
    if made.major > here // 10000:
        raise BackupError(
            f"The dump is from PostgreSQL {server_version(made.server)}, newer than this server"
            f" ({server_version(here)}): restore it on PostgreSQL {made.major} or newer."
        )
    # A damaged file is told apart before anything is made.
    run("pg_restore", "--file=/dev/null", str(plain), major=max(made.major, here // 10000))
    servers.create(name)
    servers.fill(name, plain)
    with servers.on(name):
        return list(checks.of_database(made))


def scratch_prefix(purpose: str) -> str:
    # PostgreSQL cuts names off after 63 bytes.
    return f"{servers.living()[:30]}_{purpose}_"


def scratch_name(purpose: str, at: datetime) -> str:
    return f"{scratch_prefix(purpose)}{at.strftime(STAMP).lower()}"


def holds_something() -> bool:
    """Whether the living database is there and has tables: an empty one is nobody's loss."""
    if not servers.exists(servers.living()):
        return False
    try:
        with connection.cursor() as cursor:
            cursor.execute("SELECT to_regclass('public.django_migrations') IS NOT NULL")
            return bool(cursor.fetchone()[0])
    except DatabaseError as error:
        raise BackupError("The living database cannot be looked into.") from error
    finally:
        connection.close()


def swap(restored: str, *, at: datetime) -> str:
    """Put the restored database in the place of the living one; the name under which that one
    is kept, empty where there was none. Raises BackupError: then the living one is where it was.
    """
    name = servers.living()
    connection.close()
    kept = scratch_name("before", at) if servers.exists(name) else ""
    try:
        if kept:
            servers.rename(name, kept)
        servers.rename(restored, name)
    except BaseException:
        # A signal too: no installation is left without its database.
        if kept and not servers.exists(name):
            servers.rename(kept, name)
        raise
    return kept


@contextmanager
def work_folder(purpose: str) -> Iterator[Path]:
    """An empty folder that only this user can read. Precondition: nobody else is at work for this
    purpose; what a killed one left there, an opened dump among it, goes."""
    folder: Path = settings.RAIOX_BACKUP.folder / purpose
    folder.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(mode=0o700)
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def drop_left(purpose: str) -> None:
    """Drop the databases that killed ones left. The same precondition."""
    prefix = scratch_prefix(purpose)
    for name in servers.begun_by(prefix):
        # Not what somebody called so with --into.
        if STAMPED.fullmatch(name.removeprefix(prefix)):
            servers.drop(name)
