"""One backup: dump, seal, store, read back, and only then let old ones go."""

import shutil
import signal
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path

from django.conf import settings
from django.db import connection, transaction
from django.utils import timezone

from matching.locks import work_lock
from raiox_site.backup import described, keeping, programs, sealing
from raiox_site.backup.errors import BackupError
from raiox_site.backup.manifest import FOLDER, STAMP, Manifest, complete
from raiox_site.backup.stores import ERRORS, Store, digest, digest_of, in_words

WORK_LOCK = "raiox.backup"
# What must be left on the disk whatever the dump needs.
RESERVE_BYTES = 200 * 1024 * 1024
# Tables of which nobody loses half in a day.
STEADY = ("implants_implant", "matching_embedding", "cases_case", "auth_user")
FEW_ROWS = 10
Say = Callable[[str], object]


class Busy(BackupError):
    """Another backup or restore is at work."""


@dataclass(frozen=True)
class Seen:
    """What the database held at the moment that its dump shows."""

    at: datetime
    server: int
    rows: dict[str, int]
    vectors: dict[str, int]
    extension: str
    searches: list[dict[str, object]]


@contextmanager
def alone() -> Iterator[None]:
    """One at a time, on whatever host. Raises Busy."""
    with work_lock(WORK_LOCK, 0) as acquired:
        if not acquired:
            raise Busy("Another backup is at work.")
        yield


def end_in_order() -> None:
    """Have SIGTERM end this process by an exception, which cleans up and ends its children."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))


@contextmanager
def work_folder() -> Iterator[Path]:
    """An empty folder that only this user can read. Precondition: nobody else is at work; what
    a killed one left there goes."""
    folder = settings.RAIOX_BACKUP.folder / "work"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True, mode=0o700)
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def back_up(store: Store, say: Say, *, may_differ: bool = False) -> Manifest:
    """Dump the database into `store`; `may_differ` from the one before as much as it likes.
    Precondition: `alone`. Raises BackupError, and then nothing that was there before is gone."""
    began = time.monotonic()
    try:
        before = next((one for one in reversed(complete(store)) if not one.doubts), None)
        with work_folder() as folder:
            _require_space(folder, before)
            made = _stored(store, folder, say)
        doubts = [] if may_differ else _doubts(made, before)
        made = replace(made, doubts=doubts, seconds=time.monotonic() - began)
        _put_text(store, made.name, made.text())
        if not made.doubts:
            gone = keeping.prune(
                store,
                now=timezone.now(),
                days=settings.RAIOX_BACKUP.days,
                least=settings.RAIOX_BACKUP.least,
            )
            say(f"retention: {gone} objects deleted, {len(complete(store))} backups kept")
    except ERRORS as error:
        raise in_words(error, store) from error
    return made


def _stored(store: Store, folder: Path, say: Say) -> Manifest:
    plain = folder / "plain.dump"
    seen = dump(plain)
    say(f"dumped: {plain.stat().st_size} bytes, {sum(seen.rows.values())} rows")
    check(plain, seen)
    lying, name = plain, f"{FOLDER}/raiox-{seen.at.strftime(STAMP)}.dump"
    if sealing.is_on():
        lying, name = folder / "sealed.dump", f"{name}{sealing.ENDING}"
        sealing.seal(plain, lying)
    made = Manifest(
        dump=name,
        made_at=seen.at,
        bytes=lying.stat().st_size,
        sha256=digest_of(lying),
        plain_bytes=plain.stat().st_size,
        plain_sha256=digest_of(plain),
        server=seen.server,
        version=settings.VERSION,
        rows=seen.rows,
        vectors=seen.vectors,
        extension=seen.extension,
        searches=seen.searches,
        pictures=described.pictures(),
    )
    _send(store, lying, made)
    say(f"stored and read back: {name} in {store.place}")
    return made


def dump(target: Path) -> Seen:
    """Write the database to `target` in PostgreSQL's custom format, all of it as it was at one
    moment. Raises BackupError."""
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
        # It only waits for pg_dump, and holds the snapshot for it.
        cursor.execute("SET LOCAL idle_in_transaction_session_timeout = 0")
        cursor.execute("SELECT pg_export_snapshot()")
        snapshot = cursor.fetchone()[0]
        seen = Seen(
            at=timezone.now(),
            server=described.server_number(),
            rows=described.row_counts(),
            vectors=described.vectors(),
            extension=described.extension(),
            searches=described.searches(),
        )
        programs.run(
            "pg_dump",
            "--format=custom",
            f"--snapshot={snapshot}",
            "--lock-wait-timeout=60s",
            f"--file={target}",
            *(f"--exclude-table-data=public.{name}" for name in described.WITHOUT_ROWS),
            major=seen.server // 10000,
            database=connection.settings_dict["NAME"],
        )
    return seen


def check(plain: Path, seen: Seen) -> None:
    """Read the whole dump: its list of contents stands at the beginning, and says nothing of an
    end that is missing. Raises BackupError."""
    major = seen.server // 10000
    programs.run("pg_restore", "--file=/dev/null", str(plain), major=major)
    listed = programs.run("pg_restore", "--list", str(plain), major=major)
    tables = sum(" TABLE DATA public " in line for line in listed.splitlines())
    if tables != len(seen.rows):
        raise BackupError(f"The dump holds {tables} tables, the database {len(seen.rows)}.")


def _send(store: Store, lying: Path, made: Manifest) -> None:
    store.put(lying, made.dump)
    # A line that `sha256sum --check` reads.
    _put_text(store, f"{made.dump}{keeping.DIGEST}", f"{made.sha256}  {Path(made.dump).name}\n")
    if digest(store.read(made.dump)) != made.sha256:
        raise BackupError("What was stored is not what was sent: the checksums differ.")


def _put_text(store: Store, name: str, text: str) -> None:
    file = settings.RAIOX_BACKUP.folder / f"{Path(name).name}.sending"
    try:
        file.write_text(text, encoding="utf-8")
        store.put(file, name)
    finally:
        file.unlink(missing_ok=True)


def _doubts(made: Manifest, before: Manifest | None) -> list[str]:
    if before is None:
        return []
    found = [
        f"{name} has {made.rows.get(name, 0)} rows, and had {before.rows[name]}"
        for name in STEADY
        if before.rows.get(name, 0) >= FEW_ROWS and made.rows.get(name, 0) * 2 < before.rows[name]
    ]
    if missing := sorted(set(before.rows) - set(made.rows)):
        found.append(f"tables are gone: {', '.join(missing)}")
    return found


def _require_space(folder: Path, before: Manifest | None) -> None:
    """Better before than with half a dump written. The sealed one lies beside the plain one."""
    expected = int(before.plain_bytes * 1.5) if before else 0
    needed = RESERVE_BYTES + expected * (2 if sealing.is_on() else 1)
    free = shutil.disk_usage(folder).free
    if free < needed:
        raise BackupError(
            f"The disk is too full: {free // 2**20} MiB free in {folder}, {needed // 2**20} needed."
        )
