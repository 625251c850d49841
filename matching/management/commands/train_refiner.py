from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from tqdm import tqdm

from matching.finding import refining
from matching.training import refiner


class Command(BaseCommand):
    help = (
        "Train the finder's closer look on made-up fixtures, from the beginning: about ten "
        "minutes on two cores; a GPU is used where there is one."
    )
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--out", type=Path, default=refining.WEIGHTS)
        parser.add_argument("--steps", type=int, default=2400)
        parser.add_argument("--seed", type=int, default=0)
        parser.add_argument("--workers", type=int, default=1, help="processes that draw")
        parser.add_argument("--identities", type=int, default=refiner.IDENTITIES)

    def handle(self, *args: Any, **options: Any) -> None:
        if options["steps"] < 1 or options["identities"] < 64:
            raise CommandError("--steps must be 1 or more, --identities 64 or more.")
        with tqdm(total=options["steps"], unit="step", disable=None) as bar:

            def report(step: int, loss: float) -> None:
                bar.update(step - bar.n)
                bar.set_postfix(loss=f"{loss:.4f}")

            refiner.train(
                options["out"],
                steps=options["steps"],
                seed=options["seed"],
                workers=options["workers"],
                identities=options["identities"],
                report=report,
            )
        self.stdout.write(f"{options['out']}: trained in {options['steps']} steps")
