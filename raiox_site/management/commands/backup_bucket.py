from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from raiox_site.backup import bucket, stores
from raiox_site.backup.stores import ERRORS, Space


class Command(BaseCommand):
    help = (
        "Sets the backup's bucket up: versions are kept for as long as backups, uploads that were"
        " given up end. --replication FILE also sets replication (deploy/backup/replication.json is"
        " an example) where the server has it; DigitalOcean Spaces has not."
    )
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--replication", type=Path, metavar="FILE")

    def handle(self, *args: Any, replication: Path | None, **options: Any) -> None:
        space = stores.configured()
        if not isinstance(space, Space):
            raise CommandError("RAIOX_BACKUP_BUCKET is not set: there is no bucket to set up.")
        try:
            problems = list(bucket.set_up(space, replication=replication, say=self.stdout.write))
        except ValueError as error:
            raise CommandError(f"{replication} is not JSON: {error}") from error
        except ERRORS as error:
            raise CommandError(str(stores.in_words(error, space))) from error
        if problems:
            raise CommandError("\n".join(problems))
