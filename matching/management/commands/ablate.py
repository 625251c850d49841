import json
import sys
from argparse import ArgumentParser
from collections.abc import Iterable
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from tqdm import tqdm

from matching.encoder import get_encoder
from matching.evaluation.ablation import ablation
from matching.evaluation.labelled import EvaluationError
from matching.evaluation.phantoms import Wanted
from matching.evaluation.summary import PHANTOMS, table
from matching.phantoms import DIFFICULTIES

NOTE = (
    "Each line adds one step to the one before. An encoder that was trained on crops has never"
    " seen a whole film: the first lines say as much about that as about the steps."
)


class Command(BaseCommand):
    help = "What each step from a film to a ranking gives, on phantoms, as a table."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--phantoms", choices=list(DIFFICULTIES), default="clinic")
        parser.add_argument("--encoder", help="e.g. ViT-B-32/random; without it the one in use")
        parser.add_argument("--references", type=int, default=5, help="of each implant")
        parser.add_argument("--seeds", type=int, default=1, help="films looked up of each implant")
        parser.add_argument("--pixels-per-mm", type=float, help="draw them smaller, and faster")
        parser.add_argument("--implants", type=int, help="only of the first so many, to try it")
        parser.add_argument("--json", action="store_true")
        parser.add_argument("--quiet", action="store_true", help="no progress bar")

    def handle(self, *args: Any, **options: Any) -> None:
        def progress(films: Iterable[Any], total: int) -> Iterable[Any]:
            return tqdm(films, total=total, unit="film", disable=options["quiet"], file=sys.stderr)

        if min(options["references"], options["seeds"]) < 1:
            raise CommandError("--references and --seeds must be at least 1.")
        name = options["encoder"] or get_encoder().name
        wanted = Wanted(
            options["phantoms"],
            options["references"],
            options["seeds"],
            pixels_per_mm=options["pixels_per_mm"],
            implants=options["implants"],
        )
        try:
            rows = ablation(wanted, encoder=name, progress=progress)
        except EvaluationError as error:
            raise CommandError(str(error)) from error
        if options["json"]:
            found = [{"step": row.name, **vars(row.share)} for row in rows]
            conditions = {"encoder": name, "difficulty": wanted.level}
            self.stdout.write(json.dumps({**conditions, "steps": found}))
            return
        self.stdout.write(f"{name}, phantoms ({wanted.level}), {rows[0].share.queries} films\n\n")
        cells = [
            [row.name, "", f"{row.share.top1:.1%}", f"{row.share.top3:.1%}", f"{row.share.mrr:.3f}"]
            for row in rows
        ]
        self.stdout.write("\n".join(table(["step", "", "top 1", "top 3", "MRR"], cells)))
        self.stdout.write(f"\n{NOTE}\n{PHANTOMS}")
