import time
from argparse import ArgumentParser
from dataclasses import asdict, fields
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError
from tqdm import tqdm

from cases import fine_tuning
from cases.fine_tuning import Asked
from matching.encoder import EncoderError
from matching.training.run import CURVE, Plan, train

CHOSEN = ("steps", "seed", "identities", "workers")


class Command(BaseCommand):
    help = (
        "Train the bundled encoder from scratch on made-up films, or go on with a training that "
        "was interrupted. Two cores take about an hour; a GPU is used where there is one."
        " --from-cases fine-tunes an encoder on the approved cases of this installation."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        defaults = {one.name: one.default for one in fields(Plan)}
        for name in CHOSEN:
            parser.add_argument(f"--{name}", type=int, default=defaults[name])
        parser.add_argument(
            "--folder",
            type=Path,
            help="state, learning curve and the finished weights (default: var/training/<seed>)",
        )

        fine_tuning.add_arguments(parser)

    def handle(self, *args: Any, **options: Any) -> None:
        if options["from_cases"]:
            self._fine_tune(options)
            return
        plan = Plan(**{name: options[name] for name in CHOSEN})
        folder = options["folder"] or settings.VAR_DIR / "training" / f"seed-{plan.seed}"
        began = time.monotonic()
        with tqdm(total=plan.steps, unit="step", disable=None) as bar:

            def report(step: int, figures: dict[str, float]) -> None:
                bar.update(step - bar.n)
                bar.set_postfix({name: f"{value:.3f}" for name, value in figures.items()})

            try:
                model = train(plan, folder=folder, report=report)
            except ValueError as error:
                raise CommandError(str(error)) from error
        self._finish(plan, model, folder, time.monotonic() - began)

    def _fine_tune(self, options: dict[str, Any]) -> None:
        plan = fine_tuning.plan(is_head_only=options["head_only"], seed=options["seed"])
        asked = Asked(options["base"], options["out"], plan)
        try:
            tuned = fine_tuning.run(asked, self.stdout.write)
        except (EncoderError, ValueError) as error:
            raise CommandError(str(error)) from error
        for line in fine_tuning.lines(tuned):
            self.stdout.write(line)

    def _finish(self, plan: Plan, model: Any, folder: Path, seconds: float) -> None:
        from matching.training import network

        path = folder / f"{plan.architecture}.safetensors"
        digest = network.save(model, path, about={"plan": asdict(plan)})
        self.stdout.write(
            f"{path}\nsha256 {digest}\n{seconds / 60:.0f} minutes since this command began\n"
            f"learning curve: {folder / CURVE}\n"
            f"try it: RAIOX_ENCODER={plan.architecture}/{path} manage.py evaluate --phantoms clinic"
        )
