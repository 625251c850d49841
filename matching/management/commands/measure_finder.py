import json
from argparse import ArgumentParser
from dataclasses import asdict
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from tqdm import tqdm

from implants.catalogue import demo_catalogue
from matching.evaluation import finding
from matching.phantoms import DIFFICULTIES, MODALITIES


class Command(BaseCommand):
    help = (
        "Print how many fixtures the finder finds on phantoms that its training never saw, and "
        "how well. The numbers say nothing about patients' films."
    )
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--phantoms", choices=list(DIFFICULTIES), default="clinic")
        parser.add_argument("--modality", choices=MODALITIES, default="periapical")
        parser.add_argument("--seeds", type=int, default=2, help="films per line")
        parser.add_argument("--json", action="store_true")

    def handle(self, *args: Any, **options: Any) -> None:
        seeds = options["seeds"]
        if seeds < 1:
            raise CommandError("--seeds must be 1 or more.")
        films = tqdm(
            finding.phantoms(level=options["phantoms"], modality=options["modality"], seeds=seeds),
            total=len(demo_catalogue()) * seeds,
            unit="film",
            disable=options["json"] or None,
        )
        found = finding.summed_up(finding.examine(films))
        if options["json"]:
            asked = {"level": options["phantoms"], "modality": options["modality"]}
            self.stdout.write(json.dumps({**asked, **asdict(found)}))
            return
        self._tell(found, options)

    def _tell(self, found: finding.Found, options: dict[str, Any]) -> None:
        self.stdout.write(
            f"{found.films} {options['modality']} phantoms ({options['phantoms']}) with "
            f"{found.fixtures} fixtures, seeds the training does not have\n"
            f"recall {found.recall:.1%}   precision {found.precision:.1%}   (a box counts from "
            f"an intersection over union of {finding.ENOUGH} on)\n"
            f"mean intersection over union {found.mean_overlap:.3f}   platform and apex told "
            f"apart {found.right_way:.1%}   axis within 3° {found.within_3_degrees:.1%}"
        )
        for title, parts in (("jaw", found.by_jaw), ("restoration", found.by_restoration)):
            shares = "   ".join(f"{name} {share:.1%}" for name, share in parts.items())
            self.stdout.write(f"recall by {title}: {shares}")
        self.stdout.write("Phantoms are not patients: this is no claim about clinical films.")
