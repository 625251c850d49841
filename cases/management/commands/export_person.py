import os
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from cases.export import Asked, export
from cases.review import ReviewError


class Command(BaseCommand):
    help = (
        "Writes what is held about a person, or about one case, to a new ZIP file that only its"
        " owner can read: data.json, the films as JPEGs, and leia-me.txt."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--email", default="", help="a dentist's address, or a client's id")
        parser.add_argument(
            "--patient", default="", help="a patient's name; with --email only this dentist's"
        )
        parser.add_argument("--case", type=int, help="the number of one case")
        parser.add_argument("--out", type=Path, required=True, help="the file, which must be new")

    def handle(
        self, *args: Any, email: str, patient: str, case: int | None, out: Path, **options: Any
    ) -> None:
        if bool(case) == bool(email.strip() or patient.strip()):
            raise CommandError("Give --case, or --email, or --patient (with --email or without).")
        asked = Asked(email=email, patient=patient, case_id=case)
        try:
            file = os.fdopen(os.open(out, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600), "wb")
        except OSError as error:
            raise CommandError(f"The file cannot be made: {error.strerror}.") from error
        try:
            with file:
                count = export(asked=asked, out=file, by=None)
        except BaseException as error:
            out.unlink()
            if isinstance(error, ReviewError):
                raise CommandError(str(error)) from error
            raise
        self.stdout.write(f"cases: {count}")
