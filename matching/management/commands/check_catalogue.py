from typing import Any

from django.core.management.base import BaseCommand, CommandError

from matching import catalogue_check
from matching.encoder import EncoderError


class Command(BaseCommand):
    help = "Check that every implant can be found; exit code 1 when something is wrong."

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            result = catalogue_check.check()
        except EncoderError as error:
            raise CommandError(str(error)) from error
        self.stdout.write(f"encoder {result.encoder}")
        for manufacturer, (implants, references) in result.by_manufacturer.items():
            self.stdout.write(f"{manufacturer}: {implants} implants, {references} references")
        for problem in result.problems:
            self.stdout.write(f"  {problem}")
        if result.problems:
            raise CommandError(f"{len(result.problems)} problem(s) found")
        self.stdout.write("the catalogue is in order")
