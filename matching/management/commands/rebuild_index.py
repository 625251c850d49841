from typing import Any

from django.core.management.base import BaseCommand, CommandParser

from matching import rebuilding


class Command(BaseCommand):
    help = (
        "Build the index of the vectors anew, in an order in which it finds more: after a large"
        " import. Searches wait meanwhile (100,000 vectors: half a minute), so at night."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--memory", default="", help="for the index while it is built: 2GB")

    def handle(self, *args: Any, **options: Any) -> None:
        self.stdout.write(
            f"{rebuilding.rebuild(memory=options['memory'])} vectors written, the index built"
        )
