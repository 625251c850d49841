from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError
from tqdm import tqdm

from matching import finder


class Command(BaseCommand):
    help = (
        "Train the fixture finder on phantoms and sketches, from the beginning, or go on where "
        "an interrupted training of as many steps was."
    )
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--out", type=Path, default=finder.WEIGHTS, help="a .safetensors file")
        parser.add_argument("--steps", type=int, default=2400)
        parser.add_argument("--batch", type=int, default=16, help="films in each step")
        parser.add_argument("--device", help="cpu or cuda; a GPU where there is one")
        parser.add_argument("--fresh", action="store_true", help="forget an interrupted training")
        parser.add_argument("--quiet", action="store_true", help="no progress bar")

    def handle(self, *args: Any, **options: Any) -> None:
        import torch

        from matching.training.finder import loop

        if min(options["steps"], options["batch"]) < 1:
            raise CommandError("--steps and --batch must be 1 or more.")
        torch.set_num_threads(settings.RAIOX_TORCH_THREADS)
        plan = loop.Plan(
            steps=options["steps"],
            batch=options["batch"],
            device=options["device"] or ("cuda" if torch.cuda.is_available() else "cpu"),
            checkpoint=settings.VAR_DIR / "training" / "finder.pt",
        )
        if options["fresh"]:
            plan.checkpoint.unlink(missing_ok=True)
        self._train(loop.train(plan), plan.steps, is_quiet=options["quiet"])
        try:
            loop.write_weights(plan, options["out"])
        except OSError as error:
            raise CommandError(f"{options['out']} cannot be written: {error.strerror}") from error
        self.stdout.write(f"{options['out']}: trained in {plan.steps} steps of {plan.batch} films")

    def _train(self, steps: Any, count: int, *, is_quiet: bool) -> None:
        bar, mean = tqdm(total=count, unit="step", disable=is_quiet or None), 0.0
        for step, value in steps:
            mean = value if not mean else 0.98 * mean + 0.02 * value
            bar.n = step
            bar.set_postfix(loss=f"{mean:.3f}")
        bar.close()
