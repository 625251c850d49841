from argparse import ArgumentParser
from datetime import datetime
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone

from raiox_site.backup import erased, stores
from raiox_site.backup.errors import BackupError


class Command(BaseCommand):
    help = (
        "Erases again what people asked to be erased, by the notes beside the backups. A restore"
        " does it by itself; run it once more after `jotform_sync` fetched anew what came in since"
        " the dump. Safe to repeat."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument(
            "--since",
            type=datetime.fromisoformat,
            metavar="TIME",
            help="only what was asked for after this moment (2026-01-31T03:00:00+00:00)",
        )

    def handle(self, *args: Any, since: datetime | None, **options: Any) -> None:
        begin = since or datetime.fromtimestamp(0, timezone.get_current_timezone())
        if timezone.is_naive(begin):
            begin = timezone.make_aware(begin)
        try:
            again = erased.erase_again(stores.configured(), since=begin, say=self.stdout.write)
            erased.require_readable(again)
        except BackupError as error:
            raise CommandError(str(error)) from error
