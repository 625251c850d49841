"""Dumps of a real PostgreSQL, restored into databases of their own."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from django.core.management import call_command
from django.core.management.base import CommandError

from implants.models import Implant
from raiox_site.backup import afterwards, described, drill, dumping, programs, restoring, servers
from raiox_site.backup.errors import BackupError
from raiox_site.backup.manifest import Manifest
from raiox_site.backup.stores import Folder
from raiox_site.tests.test_backups import MADE


def drilled(name: str) -> bool:
    return servers.exists(name) or bool(servers.begun_by(restoring.scratch_prefix(drill.PURPOSE)))


@pytest.fixture
def backed_up(
    transactional_db: Any, catalogue: list[Implant], backup_store: Folder
) -> Iterator[Manifest]:
    with dumping.alone():
        yield dumping.back_up(backup_store, print)


def test_a_backup_passes_its_drill_and_leaves_no_database(backed_up: Manifest) -> None:
    report = drill.run()
    found = {one.name: one.problem for one in report.checks}
    looked_at = ("rows", "vectors", "extension", "index", "search")
    assert {name: found[name] for name in looked_at} == dict.fromkeys(looked_at, "")
    assert backed_up.searches
    assert not drilled(report.backup)


def test_a_damaged_dump_and_one_of_a_newer_server_fail_the_drill(
    backed_up: Manifest, backup_store: Folder
) -> None:
    put_manifest(backup_store, replace(backed_up, server=990000))
    assert "newer than this server" in drill.run().problem
    put_manifest(backup_store, backed_up)
    dump = backup_store._root / backed_up.dump
    content = bytearray(dump.read_bytes())
    content[len(content) // 2] ^= 1
    dump.write_bytes(content)
    assert "checksum" in drill.run().problem
    assert not drilled("")


def test_nothing_is_fetched_onto_a_disk_that_the_living_database_would_then_lack(
    backed_up: Manifest, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(restoring, "RESERVE_BYTES", 2**62)
    assert "disk is too full" in drill.run().problem
    with pytest.raises(CommandError, match="disk is too full"):
        call_command("restore_backup", into="raiox_too_large")
    assert not servers.exists("raiox_too_large")


def test_what_a_killed_drill_left_open_goes_with_the_next_one(
    backed_up: Manifest, settings: Any
) -> None:
    folder = settings.RAIOX_BACKUP.folder / drill.PURPOSE
    folder.mkdir(parents=True)
    (folder / "plain.dump").touch()
    left = f"{restoring.scratch_prefix(drill.PURPOSE)}20260101t000000z"
    servers.create(left)
    assert not drill.run().problem
    assert not folder.exists()
    assert not servers.exists(left)


def test_a_swap_that_is_ended_by_a_signal_leaves_the_living_database(
    transactional_db: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    living, restored = "raiox_swapped", "raiox_not_swapped"
    execute = servers.execute

    def interrupted(statement: str, *names: str) -> None:
        if "RENAME" in statement and names[0] == restored:
            raise SystemExit(143)
        execute(statement, *names)

    try:
        servers.create(living)
        servers.create(restored)
        with servers.on(living), monkeypatch.context() as patch:
            patch.setattr(servers, "execute", interrupted)
            with pytest.raises(SystemExit):
                restoring.swap(restored, at=MADE.made_at)
        assert servers.exists(living)
        assert servers.begun_by("raiox_swapped_before_") == []
    finally:
        for name in (living, restored):
            servers.drop(name)


def put_manifest(backup_store: Folder, made: Manifest) -> None:
    (backup_store._root / made.name).write_text(made.text())


def test_a_dump_without_its_end_is_noticed_though_its_contents_are_listed(
    transactional_db: Any, catalogue: list[Implant], tmp_path: Path
) -> None:
    plain = tmp_path / "plain.dump"
    seen = dumping.dump(plain)
    whole = plain.read_bytes()
    plain.write_bytes(whole[: len(whole) - 2000])
    with pytest.raises(BackupError, match="pg_restore failed"):
        dumping.check(plain, seen)


def test_sessions_and_counts_of_attempts_are_not_in_the_dump(
    transactional_db: Any, tmp_path: Path
) -> None:
    plain = tmp_path / "plain.dump"
    seen = dumping.dump(plain)
    listed = programs.run("pg_restore", "--list", str(plain), major=seen.server // 10000)
    assert " TABLE public django_session " in listed
    assert " TABLE DATA public cases_case " in listed
    for name in described.WITHOUT_ROWS:
        assert f" TABLE DATA public {name} " not in listed


def test_the_living_database_is_only_replaced_by_its_name(backed_up: Manifest) -> None:
    with pytest.raises(CommandError, match="is not empty: say --replace"):
        call_command("restore_backup")
    with pytest.raises(CommandError, match="--replace names other"):
        call_command("restore_backup", replace="other")


@pytest.mark.django_db
def test_what_people_must_do_after_a_restore_is_said() -> None:
    said: list[str] = []
    afterwards.settle(MADE, said.append)
    assert any("decided again" in line for line in said)
    assert any("Accounts that were closed" in line for line in said)
