from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management import call_command
from django.core.management.base import BaseCommand, CommandError
from django.db import DatabaseError
from django.utils import timezone

from raiox_site.backup import (
    afterwards,
    dumping,
    erased,
    manifest,
    mirror,
    restoring,
    servers,
    stores,
)
from raiox_site.backup.checks import Check
from raiox_site.backup.errors import BackupError
from raiox_site.backup.manifest import Manifest
from raiox_site.backup.restoring import Steps
from raiox_site.backup.stores import ERRORS, Store

PURPOSE = "restore"


class Command(BaseCommand):
    help = (
        "Restores the latest backup (or --backup) into a new database, looks into it, erases again"
        " what was erased since, and puts it in the place of the one that the settings name; that"
        " one is kept under another name. One that holds something is only replaced where"
        " --replace says its name. Then brings back the films that are missing. Stop web and worker"
        " before."
    )
    # The living database may be gone.
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--backup", default="", help="a part of its name (see backup --list)")
        parser.add_argument("--replace", default="", metavar="NAME", help="the living database")
        parser.add_argument(
            "--into", default="", metavar="NAME", help="only make this database, and swap nothing"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        dumping.end_in_order()
        self.steps, self.store = Steps(), stores.configured()
        try:
            with servers.alone(PURPOSE), restoring.work_folder(PURPOSE) as folder:
                restoring.drop_left(PURPOSE)
                self._restore(folder, **options)
        except (BackupError, DatabaseError, *ERRORS) as error:
            words = str(error).partition("\n")[0] or type(error).__name__
            raise CommandError(f"Nothing more was done. {words}") from error

    def _restore(
        self, folder: Path, *, backup: str, replace: str, into: str, **options: Any
    ) -> None:
        at = timezone.now()
        if not into:
            _require_leave(replace)
        made = self._chosen(self.store, backup)
        name = into or restoring.scratch_name(PURPOSE, at)
        if servers.exists(name):
            raise BackupError(f"There is a database {name} already.")
        try:
            self._fill(name, made, folder)
            if not into:
                self._prepare(name, made)
        except BaseException:
            servers.drop(name)
            raise
        if into:
            self._say(f"restored into {name}; nothing was swapped")
            self._say("It holds patients, also those erased since: drop it when you have looked.")
            return
        with self.steps.of("swap"):
            kept = restoring.swap(name, at=at)
        self._say(f"in place: {servers.living()}")
        if kept:
            self._say(f"the one before is {kept}: it holds patients, drop it when all is well")
        with self.steps.of("films"):
            mirror.bring_back(self.store, folder, self._say)
        total = sum(self.steps.seconds.values())
        self._say(f"restored in {total:.1f} s: {self.steps.seconds}")

    def _chosen(self, store: Store, backup: str) -> Manifest:
        try:
            made = manifest.chosen(store, backup)
        except ERRORS as error:
            raise stores.in_words(error, store) from error
        age = timezone.now() - made.made_at
        self._say(f"backup: {made.dump}, {age.total_seconds() / 3600:.1f} hours old")
        return made

    def _fill(self, name: str, made: Manifest, folder: Path) -> None:
        with self.steps.of("fetch"):
            plain = restoring.fetch(self.store, made, folder)
        with self.steps.of("restore and check"):
            found = restoring.restore_into(name, made, plain)
        for one in found:
            self._say(f"{one.name}: {one.problem or one.found}")
        _require_good(found)

    def _prepare(self, name: str, made: Manifest) -> None:
        """All of it before anybody works on it."""
        with self.steps.of("migrate, erase again"), servers.on(name):
            for line in afterwards.migrations_ahead():
                self._say(f"WARNING: this code does not know {line}: install {made.version}")
            call_command("migrate", interactive=False, verbosity=0)
            again = erased.erase_again(self.store, since=made.made_at, say=self._say)
            erased.require_readable(again)
            afterwards.settle(made, self._say)

    def _say(self, text: str) -> None:
        self.stdout.write(text)
        self.stdout.flush()


def _require_leave(replace: str) -> None:
    name = servers.living()
    if replace and replace != name:
        raise BackupError(f"--replace names {replace}, and the database is {name}.")
    if not replace and restoring.holds_something():
        raise BackupError(f"The database {name} is not empty: say --replace {name}.")


def _require_good(found: list[Check]) -> None:
    if wrong := [f"{one.name} ({one.problem})" for one in found if one.problem]:
        raise BackupError(f"What was restored is not what was dumped: {'; '.join(wrong)}.")
