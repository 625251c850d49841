from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from implants.catalogue import demo_catalogue
from matching.evaluation import FIRST_QUERY_SEED
from matching.phantoms import DIFFICULTIES, phantom_jpeg


class Command(BaseCommand):
    help = "Render a phantom radiograph of a demo implant into a file."
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("file", type=Path)
        parser.add_argument("--line", default="BLX", help="part of the line's name")
        parser.add_argument("--seed", type=int, default=FIRST_QUERY_SEED)
        parser.add_argument("--difficulty", choices=sorted(DIFFICULTIES), default="easy")

    def handle(self, *args: Any, **options: Any) -> None:
        wanted = options["line"].casefold()
        facts = next((f for f in demo_catalogue() if wanted in f.name.casefold()), None)
        if facts is None:
            lines = ", ".join(facts.name for facts in demo_catalogue())
            raise CommandError(f"No demo line is called so. There are: {lines}")
        content = phantom_jpeg(facts, seed=options["seed"], difficulty=options["difficulty"])
        try:
            options["file"].write_bytes(content)
        except OSError as error:
            raise CommandError(f"{options['file']} cannot be written: {error.strerror}") from error
        self.stdout.write(f"{options['file']}: {facts.manufacturer} {facts.name}")
