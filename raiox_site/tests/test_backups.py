"""Backups of the database and the films, on a real PostgreSQL and in a folder."""

import json
import os
import subprocess
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from django.core.management import call_command
from django.core.management.base import CommandError
from django.db import connection
from django.utils import timezone

from raiox_site.backup import (
    dumping,
    keeping,
    manifest,
    programs,
    record,
    sealing,
)
from raiox_site.backup.errors import BackupError
from raiox_site.backup.manifest import Manifest
from raiox_site.backup.stores import Folder
from raiox_site.models import Heartbeat

NOW = datetime(2026, 11, 22, 6, 0, tzinfo=UTC)
MADE = Manifest(
    dump="database/raiox-20261122T060000Z.dump",
    made_at=NOW,
    bytes=4,
    sha256="0" * 64,
    plain_bytes=4,
    plain_sha256="0" * 64,
    server=180004,
    version="0.1.0",
    rows={"cases_case": 2},
    vectors={},
    extension="0.8.5",
)


def put(backup_store: Folder, made: Manifest, content: bytes = b"dump") -> None:
    for name, body in ((made.dump, content), (made.name, made.text().encode())):
        file = backup_store._root / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(body)


def aged(days: float, **changes: Any) -> Manifest:
    at = NOW - timedelta(days=days)
    return replace(MADE, dump=f"database/raiox-{days}.dump", made_at=at, **changes)


def kept(backups: list[Manifest], **limits: int) -> set[str]:
    chosen = {"days": 30, "least": 3, **limits}
    gone = {one.dump for one in keeping.expired(backups, now=NOW, **chosen)}
    return {one.dump.split("-")[1].removesuffix(".dump") for one in backups} - {
        name.split("-")[1].removesuffix(".dump") for name in gone
    }


def test_backups_go_after_thirty_days() -> None:
    backups = [aged(days) for days in range(40)]
    assert kept(backups) == {str(days) for days in range(31)}


def test_the_last_good_ones_stay_however_old_they_are() -> None:
    assert kept([aged(days) for days in (200, 300, 400, 500)]) == {"200", "300", "400"}


def test_doubtful_ones_do_not_count_among_the_last_good_ones() -> None:
    backups = [*(aged(days, doubts=["few"]) for days in (31, 32, 33)), aged(90), aged(91), aged(92)]
    assert kept(backups) == {"90", "91", "92"}


def test_a_clock_that_is_a_year_ahead_takes_no_good_one_of_the_last() -> None:
    backups = [aged(days) for days in (0, 1, 2, 3)]
    gone = keeping.expired(backups, now=NOW + timedelta(days=365), days=30, least=3)
    assert [one.dump for one in gone] == [aged(3).dump]


def test_a_dump_counts_only_with_its_description_and_in_its_full_length(
    backup_store: Folder,
) -> None:
    put(backup_store, MADE)
    put(backup_store, aged(1), content=b"du")
    (backup_store._root / "database" / "raiox-3.dump").write_bytes(b"dump")
    (backup_store._root / "database" / "raiox-4.dump.json").write_text("{broken")
    assert [one.dump for one in manifest.complete(backup_store)] == [MADE.dump]


def test_what_was_never_completed_goes_after_two_days_and_not_before(backup_store: Folder) -> None:
    put(backup_store, MADE)
    for name, days in (("old", 3), ("new", 1)):
        file = backup_store._root / "database" / f"raiox-{name}.dump"
        file.write_bytes(b"dump")
        at = (NOW - timedelta(days=days)).timestamp()
        os.utime(file, (at, at))
    assert keeping.prune(backup_store, now=NOW, days=30, least=3) == 1
    left = {Path(one.name).name for one in backup_store.listed("database/")}
    assert "raiox-new.dump" in left
    assert "raiox-old.dump" not in left


def test_the_newest_good_backup_is_chosen_and_a_doubtful_one_only_by_its_name(
    backup_store: Folder,
) -> None:
    put(backup_store, aged(1))
    put(backup_store, replace(MADE, doubts=["few rows"]))
    assert manifest.chosen(backup_store).dump == aged(1).dump
    assert manifest.chosen(backup_store, "20261122").dump == MADE.dump
    with pytest.raises(BackupError, match="no backup that is called 1999"):
        manifest.chosen(backup_store, "1999")


def test_a_description_of_a_later_form_is_refused() -> None:
    with pytest.raises(BackupError, match="newer than this program"):
        manifest.parse(json.dumps({**json.loads(MADE.text()), "form": 2}))


def test_half_a_file_is_never_seen_in_the_folder(backup_store: Folder, tmp_path: Path) -> None:
    with pytest.raises(IsADirectoryError):
        backup_store.put(tmp_path, "database/raiox.dump")
    assert list(backup_store.listed("")) == []


@pytest.mark.parametrize(
    ("versions", "server", "taken"),
    [(["15", "18"], 16, "18"), (["16", "18"], 16, "16"), (["16", "17"], 18, None)],
)
def test_the_programs_of_the_server_or_newer_ones_are_taken(
    tmp_path: Path, monkeypatch: Any, versions: list[str], server: int, taken: str | None
) -> None:
    paths = []
    for version in versions:
        path = tmp_path / version
        path.write_text(f"#!/bin/sh\necho 'pg_dump (PostgreSQL) {version}.4'\n")
        path.chmod(0o700)
        paths.append(path)
    monkeypatch.setattr(programs, "_candidates", lambda program: iter(paths))
    if taken:
        assert programs._find("pg_dump", server).name == taken
    else:
        with pytest.raises(BackupError, match="pg_dump of PostgreSQL 18 or newer is needed"):
            programs._find("pg_dump", server)


def test_the_words_of_a_program_quote_no_row() -> None:
    said = (
        "pg_restore: error: could not execute query: ERROR:  duplicate key\n"
        "DETAIL:  Key (patient_name)=(Maria Souza) already exists.\n"
    )
    assert "Maria" not in programs._last_words(said)
    assert "duplicate key" in programs._last_words(said)


def test_no_password_stands_on_a_command_line() -> None:
    assert "password" not in programs.dsn("raiox")


def test_far_fewer_rows_than_in_the_backup_before_are_doubtful() -> None:
    before = replace(MADE, rows={"cases_case": 100, "auth_user": 3})
    assert dumping._doubts(replace(MADE, rows={"cases_case": 60, "auth_user": 1}), before) == []
    fewer = dumping._doubts(replace(MADE, rows={"cases_case": 40, "auth_user": 3}), before)
    assert fewer == ["cases_case has 40 rows, and had 100"]
    assert "tables are gone: auth_user" in dumping._doubts(
        replace(MADE, rows={"cases_case": 100}), before
    )


@pytest.mark.django_db
def test_a_backup_that_is_at_work_is_not_disturbed(backup_store: Folder) -> None:
    other = connection.copy()
    try:
        with other.cursor() as cursor:
            cursor.execute("SELECT pg_advisory_lock(hashtext(%s), 0)", [dumping.WORK_LOCK])
        with pytest.raises(CommandError) as refused:
            call_command("backup")
        assert refused.value.returncode == 75
    finally:
        # The server ends a session some time after it was closed.
        with other.cursor() as cursor:
            cursor.execute("SELECT pg_advisory_unlock_all()")
        other.close()


@pytest.mark.django_db
def test_a_failed_backup_ends_with_1_and_is_not_recorded(
    backup_store: Folder, settings: Any, monkeypatch: Any
) -> None:
    settings.RAIOX_BACKUP = replace(settings.RAIOX_BACKUP, recipient="age1none")
    monkeypatch.setenv("PATH", "")
    with pytest.raises(CommandError, match="The backup failed"):
        call_command("backup")
    assert not Heartbeat.objects.filter(name=record.BACKUP).exists()


@pytest.mark.django_db
def test_the_last_good_backup_is_known() -> None:
    assert record.last(record.BACKUP) is None
    record.good(record.BACKUP)
    at = record.last(record.BACKUP)
    assert at is not None
    assert timezone.now() - at < timedelta(minutes=1)


def test_a_sealed_file_is_opened_by_its_key_only(settings: Any, tmp_path: Path) -> None:
    keys = [tmp_path / "key", tmp_path / "other"]
    try:
        for key in keys:
            subprocess.run(["age-keygen", "-o", key], check=True, capture_output=True)
    except FileNotFoundError:
        pytest.skip("age is not installed")
    public = subprocess.run(
        ["age-keygen", "-y", keys[0]], check=True, capture_output=True, text=True
    ).stdout.strip()
    plain, sealed, opened = (tmp_path / name for name in ("plain", "sealed", "opened"))
    plain.write_bytes(b"PGDMP of a patient")
    settings.RAIOX_BACKUP = replace(settings.RAIOX_BACKUP, recipient=public, identity=str(keys[0]))
    sealing.seal(plain, sealed)
    assert b"patient" not in sealed.read_bytes()
    sealing.open_sealed(sealed, opened)
    assert opened.read_bytes() == plain.read_bytes()
    opened.unlink()
    settings.RAIOX_BACKUP = replace(settings.RAIOX_BACKUP, identity=str(keys[1]))
    with pytest.raises(BackupError, match="no identity matched"):
        sealing.open_sealed(sealed, opened)
