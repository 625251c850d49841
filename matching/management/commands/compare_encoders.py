import json
import sys
from argparse import ArgumentParser
from collections.abc import Iterable
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from tqdm import tqdm

from matching.evaluation import running
from matching.evaluation.labelled import EvaluationError
from matching.evaluation.phantoms import Wanted
from matching.evaluation.running import Setting
from matching.evaluation.summary import HEAD, PHANTOMS, Summary, cells, table
from matching.phantoms import DIFFICULTIES

ENCODERS = ("ViT-B-32/random", "raiox-fixture/bundled", "ViT-B-32/openai")


class Command(BaseCommand):
    help = (
        "Encoders side by side on phantoms of every level, in one table: without --encoder random"
        " weights, the bundled ones, and OpenAI's where they are on this machine."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--encoder", action="append", default=[], metavar="NAME")
        parser.add_argument(
            "--phantoms", action="append", choices=list(DIFFICULTIES), default=[], metavar="LEVEL"
        )
        parser.add_argument("--references", type=int, default=5, help="of each implant")
        parser.add_argument("--seeds", type=int, default=1, help="films looked up of each implant")
        parser.add_argument("--pixels-per-mm", type=float, help="draw them smaller, and faster")
        parser.add_argument("--implants", type=int, help="only of the first so many, to try it")
        parser.add_argument("--fetch", action="store_true", help="get weights from the hub")
        parser.add_argument("--json", action="store_true")
        parser.add_argument("--quiet", action="store_true", help="no progress bar")

    def handle(self, *args: Any, **options: Any) -> None:
        if min(options["references"], options["seeds"]) < 1:
            raise CommandError("--references and --seeds must be at least 1.")
        setting = Setting(options["encoder"] or ENCODERS, may_fetch=options["fetch"])
        try:
            found = running.open_encoders(setting)
            summaries = {
                level: running.run(
                    running.phantom_source(self._wanted(level, options)),
                    setting,
                    progress=self._progress(level, options["quiet"]),
                    found=found,
                )
                for level in options["phantoms"] or DIFFICULTIES
            }
        except EvaluationError as error:
            raise CommandError(str(error)) from error
        if options["json"]:
            levels = {level: one.as_json() for level, one in summaries.items()}
            self.stdout.write(json.dumps(levels))
        else:
            self._print(summaries)

    def _wanted(self, level: str, options: dict[str, Any]) -> Wanted:
        return Wanted(
            level,
            options["references"],
            options["seeds"],
            pixels_per_mm=options["pixels_per_mm"],
            implants=options["implants"],
        )

    def _progress(self, level: str, is_quiet: bool) -> running.Progress:
        def progress(films: Iterable[Any], total: int) -> Iterable[Any]:
            return tqdm(
                films, desc=level, total=total, unit="film", disable=is_quiet, file=sys.stderr
            )

        return progress

    def _print(self, summaries: dict[str, Summary]) -> None:
        rows = [
            [level, *cells(one)] for level, summary in summaries.items() for one in summary.figures
        ]
        self.stdout.write("\n".join(table(["level", *HEAD], rows)))
        for one in next(iter(summaries.values())).skipped_encoders:
            self.stdout.write(f"skipped encoder {one.name}: {one.reason}")
        self.stdout.write(PHANTOMS)
