from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand

from cases import persons


class Command(BaseCommand):
    help = (
        "After RAIOX_HASH_KEY was changed: groups the cases of each dentist under the new key."
        " Plain clients, of whom only the hash is known, begin a new group."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--dry-run", action="store_true", help="only count")

    def handle(self, *args: Any, dry_run: bool, **options: Any) -> None:
        changed, unknown = persons.rehash(dry_run=dry_run)
        self.stdout.write(f"cases under another hash: {changed}")
        self.stdout.write(f"cases of which only the hash is known: {unknown}")
