from argparse import ArgumentParser

from django.core.management.base import BaseCommand, CommandError
from django.db import connection
from django.db.migrations.executor import MigrationExecutor

from raiox_site import expanding


class Command(BaseCommand):
    help = (
        "Looks whether the running code can live with the migrations that are not applied yet;"
        " ends with 1 when it cannot. deploy/release.sh asks before it migrates."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument(
            "--contract", action="store_true", help="only name them: the service stands still"
        )

    def handle(self, *args: object, contract: bool, **options: object) -> None:
        found = expanding.problems(MigrationExecutor(connection))
        if found and not contract:
            advice = (
                "Spread them over two releases, let a migration that is harmless say"
                f" `{expanding.PROMISE} = True`, or deploy with --contract (the service stops)."
            )
            raise CommandError("\n".join(["The running code cannot live with:", *found, advice]))
        self.stdout.write("\n".join(found) or "The running code can live with what is to come.")
