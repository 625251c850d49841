from argparse import ArgumentParser
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from cases import intake
from cases.films import IncomingImage
from cases.models import Case
from matching import evaluation
from matching.phantoms import DIFFICULTIES, phantom_jpeg

FDI_TEETH = [quadrant * 10 + position for quadrant in (1, 2, 3, 4) for position in range(1, 9)]


class Command(BaseCommand):
    help = "Fill a demo or staging instance with cases made from phantoms. Not in production."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--count", type=int, default=5)
        parser.add_argument("--difficulty", choices=sorted(DIFFICULTIES), default="clinic")

    def handle(self, *args: Any, **options: Any) -> None:
        if settings.PRODUCTION:
            raise CommandError("Cases are never made up in production.")
        if options["count"] < 1:
            raise CommandError("--count must be at least 1.")
        implants = evaluation.demo_implants()
        if not implants:
            raise CommandError("There is no demo catalogue: run setup_demo first.")
        start = Case.objects.count()
        for number in range(start, start + options["count"]):
            content = phantom_jpeg(
                implants[number % len(implants)],
                seed=evaluation.FIRST_QUERY_SEED + number,
                difficulty=options["difficulty"],
            )
            intake.receive(
                source=Case.Source.UPLOAD,
                images=[IncomingImage(content=content)],
                person=intake.Person(
                    dentist_name=f"Dentista de demonstração {number + 1}",
                    patient_name=f"Fantoma {number + 1}",
                    tooth=FDI_TEETH[number % len(FDI_TEETH)],
                    client_id=f"demo-{number}",
                ),
            )
        self.stdout.write(f"{options['count']} cases queued; the worker matches them.")
