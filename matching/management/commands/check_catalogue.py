from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from tqdm import tqdm

from matching import catalogue_check, recheck
from matching.encoder import EncoderError
from matching.models import Embedding


class Command(BaseCommand):
    help = (
        "Check that every implant can be found; exit code 1 when something is wrong. Films that"
        " look doubtful are only listed."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument(
            "--measure", action="store_true", help="look at every film for warnings once more"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            unread = self._measured() if options["measure"] else []
            result = catalogue_check.check()
        except EncoderError as error:
            raise CommandError(str(error)) from error
        self.stdout.write(f"encoder {result.encoder}")
        for manufacturer, (implants, references) in result.by_manufacturer.items():
            self.stdout.write(f"{manufacturer}: {implants} implants, {references} references")
        for warning in (*unread, *recheck.in_words()):
            self.stdout.write(f"warning: {warning}")
        for problem in result.problems:
            self.stdout.write(f"  {problem}")
        if result.problems:
            raise CommandError(f"{len(result.problems)} problem(s) found")
        self.stdout.write("the catalogue is in order")

    def _measured(self) -> list[str]:
        films = tqdm(
            recheck.measure_again(), total=Embedding.objects.count(), unit="film", disable=None
        )
        return [problem for problem in films if problem]
