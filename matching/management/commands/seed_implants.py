from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from tqdm import tqdm

from implants.storage import STORAGE_ERRORS
from matching import seeding
from matching.encoder import EncoderError


class Command(BaseCommand):
    help = "Add reference radiographs from a folder, or from referencia/ of the storage."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument(
            "folder", nargs="?", help="local folder; without it, referencia/ of the storage"
        )
        parser.add_argument("--quiet", action="store_true", help="no progress bar")

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            files = (
                seeding.files_in_folder(Path(options["folder"]))
                if options["folder"]
                else seeding.files_in_storage()
            )
        except STORAGE_ERRORS as error:
            raise CommandError(f"The reference folder cannot be listed: {error}") from error
        try:
            report = seeding.seed(
                tqdm(files, unit="film", desc="seeding", disable=options["quiet"] or None)
            )
        except EncoderError as error:
            raise CommandError(str(error)) from error
        self.stdout.write(
            f"{report.added} added, {report.unchanged} unchanged, "
            f"{report.new_implants} new implants, {len(report.skipped)} skipped"
        )
        for path, reason in report.skipped:
            self.stdout.write(f"  skipped {path}: {reason}")
