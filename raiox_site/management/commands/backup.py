import time
from argparse import ArgumentParser
from datetime import timedelta
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError
from django.db import DatabaseError
from django.utils import timezone

from raiox_site.backup import dumping, erased, mirror, notice, record, stores
from raiox_site.backup.errors import BackupError
from raiox_site.backup.manifest import Manifest, complete
from raiox_site.backup.stores import ERRORS, Store

DOUBTFUL, BUSY = 2, 75
ONLY_HERE = (
    "WARNING: RAIOX_BACKUP_BUCKET is not set. The backup lies on this machine only, and a lost"
    " disk takes it along."
)
PLAIN = "WARNING: RAIOX_BACKUP_RECIPIENT is not set. The backup is not sealed."
NEAR = "WARNING: RAIOX_BACKUP_REGION is the region of the films: one outage takes both."


class Command(BaseCommand):
    help = (
        "Dumps the database and copies new films to the backup Space (a folder where none is"
        " set), reads the dump back, and lets old backups go. Exit status 0: good; 1: failed, and"
        " staff was told; 2: stored, but the numbers look wrong, so nothing old was deleted; 75:"
        " another one is at work."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--list", action="store_true", help="only show the backups there are")
        parser.add_argument(
            "--accept", action="store_true", help="count it as good, however few rows there are"
        )
        parser.add_argument("--database-only", action="store_true", help="leave the films out")

    def handle(self, *args: Any, **options: Any) -> None:
        store = stores.configured()
        if options["list"]:
            self._list(store)
            return
        self._warn()
        dumping.end_in_order()
        try:
            with dumping.alone():
                made = self._back_up(
                    store, films=not options["database_only"], may_differ=options["accept"]
                )
        except dumping.Busy as error:
            raise CommandError(str(error), returncode=BUSY) from error
        except (BackupError, DatabaseError, *ERRORS) as error:
            notice.backup_failed(self._say)
            raise CommandError(f"The backup failed. {_sentence(error)}") from error
        if made.doubts:
            notice.backup_failed(self._say)
            raise CommandError(
                "Stored, but it looks wrong, so that it does not count and nothing old was deleted:"
                f" {'; '.join(made.doubts)}. If that is right, run it once with --accept.",
                returncode=DOUBTFUL,
            )

    def _back_up(self, store: Store, *, films: bool, may_differ: bool) -> Manifest:
        began = time.monotonic()
        made = dumping.back_up(store, self._say, may_differ=may_differ)
        now, days = timezone.now(), settings.RAIOX_BACKUP.days
        erased.note_all(since=now - timedelta(days=days))
        if films:
            with dumping.work_folder() as folder:
                mirror.copy_all(store, folder, now=now, days=days, say=self._say)
        if not made.doubts:
            erased.prune(store, before=complete(store)[0].made_at)
            record.good(record.BACKUP)
            self._say(f"backup good: {made.dump}, {time.monotonic() - began:.1f} s")
        return made

    def _warn(self) -> None:
        if not settings.RAIOX_BACKUP.bucket:
            self.stderr.write(ONLY_HERE)
        elif settings.RAIOX_BACKUP.region == settings.SPACES_REGION:
            self.stderr.write(NEAR)
        if not settings.RAIOX_BACKUP.recipient and settings.DEPLOYED:
            self.stderr.write(PLAIN)

    def _list(self, store: Store) -> None:
        try:
            backups = complete(store)
        except ERRORS as error:
            raise CommandError(str(stores.in_words(error, store))) from error
        for made in backups:
            state = "doubtful" if made.doubts else "good"
            rows = sum(made.rows.values())
            self._say(f"{made.dump}  {made.bytes} bytes  {rows} rows  {state}")
        self._say(f"{len(backups)} backups in {store.place}")

    def _say(self, text: str) -> None:
        self.stdout.write(text)
        self.stdout.flush()


def _sentence(error: Exception) -> str:
    return str(error).partition("\n")[0][:400] or type(error).__name__
