import json
import sys
from argparse import ArgumentParser, BooleanOptionalAction
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from tqdm import tqdm

from cases import training_data
from matching.encoder import EncoderError
from matching.evaluation import baseline, report, running
from matching.evaluation.baseline import BaselineError, TopThreeFell
from matching.evaluation.embedding import NORMALISATIONS
from matching.evaluation.labelled import EvaluationError
from matching.evaluation.phantoms import Wanted
from matching.evaluation.report import ReportRefused
from matching.evaluation.running import Setting, Source
from matching.evaluation.summary import Summary, lines
from matching.phantoms import DIFFICULTIES

LEVEL = "clinic"


class Command(BaseCommand):
    help = (
        "How often the right implant is named: films whose implant is known are split into"
        " references and queries, never a patient or a film on both sides, and looked up among"
        " each other in memory; the database is not written. DIR holds films named"
        " <MANUFACTURER>_<LINE>_<DIAMETER>mm[_nn].jpg or manufacturer/line_nn.jpg, or a CSV table"
        " with the columns file, manufacturer, line (and diameter_mm, length_mm, patient,"
        " connection, part, x, y, width, height, angle). Every film is uncropped: the finder"
        " finds the fixture. unknown AUROC: each query is looked up once more without its own"
        " implant and those that look alike. Exit status 1: nothing could be measured, or top 3"
        " fell by more than 3 points below --baseline."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        _add_films(parser)
        _add_phantoms(parser)
        _add_ways(parser)
        _add_answers(parser)

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            before = self._prepared(options)
            summary = self._measured(options)
            self._print(summary, options)
            self._compare(summary, options, before)
        except (BaselineError, EncoderError, EvaluationError, ReportRefused, TopThreeFell) as error:
            raise CommandError(str(error)) from error

    def _prepared(self, options: dict[str, Any]) -> dict[str, Any] | None:
        """The baseline; whatever would only fail at the end fails here."""
        if options["references"] < 1 or options["seeds"] < 1:
            raise CommandError("--references and --seeds must be at least 1.")
        if options["write_baseline"] and not options["baseline"]:
            raise CommandError("--write-baseline needs --baseline FILE.")
        if options["folder"] is None and options["csv"]:
            raise CommandError("--csv belongs to a folder.")
        is_drawn = not options["folder"] and not options["decisions"]
        of_phantoms = ("held_out", "pixels_per_mm", "implants")
        if not is_drawn and any(options[name] for name in of_phantoms):
            raise CommandError("--held-out, --pixels-per-mm and --implants belong to phantoms.")
        if options["pixels_per_mm"] is not None and not 2 <= options["pixels_per_mm"] <= 60:
            raise CommandError("--pixels-per-mm must lie between 2 and 60.")
        if options["html"]:
            report.check_place(options["html"], is_of_patients=options["decisions"])
        if options["baseline"] and not options["write_baseline"]:
            return baseline.read(options["baseline"])
        return None

    def _measured(self, options: dict[str, Any]) -> Summary:
        def progress(films: Iterable[Any], total: int) -> Iterable[Any]:
            return tqdm(films, total=total, unit="film", disable=options["quiet"], file=sys.stderr)

        setting = Setting(
            encoders=options["encoder"],
            normalisations=options["normalisation"] or ["fixture"],
            references=options["references"],
            seeds=1 if self._is_drawn(options) else options["seeds"],
            may_fetch=options["fetch"],
        )
        return running.run(self._source(options), setting, progress=progress)

    def _source(self, options: dict[str, Any]) -> Source:
        if options["decisions"]:
            return Source(
                "Fixtures of approved cases, each among those of other patients",
                {"source": "decisions"},
                training_data.labelled_crops(),
                training_data.labelled_count(),
                is_leave_one_out=True,
                has_boxes=True,
            )
        if options["folder"]:
            return running.folder_source(
                options["folder"], csv=options["csv"], has_boxes=options["boxes"] == "given"
            )
        return running.phantom_source(
            Wanted(
                options["phantoms"] or LEVEL,
                options["references"],
                options["seeds"],
                options["held_out"],
                options["pixels_per_mm"],
                options["implants"],
            ),
            has_boxes=options["boxes"] == "given",
        )

    def _print(self, summary: Summary, options: dict[str, Any]) -> None:
        if options["json"]:
            self.stdout.write(json.dumps(summary.as_json()))
        else:
            self.stdout.write("\n".join(lines(summary)))
        if options["html"]:
            has_pictures = options["pictures"]
            if has_pictures is None:
                has_pictures = not options["decisions"]
            report.write(summary, options["html"], has_pictures=has_pictures)
            self.stderr.write(f"report: {options['html']}")

    def _compare(
        self, summary: Summary, options: dict[str, Any], before: dict[str, Any] | None
    ) -> None:
        if options["write_baseline"]:
            baseline.write(options["baseline"], summary.as_json())
            self.stderr.write(f"baseline: {options['baseline']}")
        elif before is not None:
            self.stderr.write(baseline.compare(summary.as_json(), before))

    def _is_drawn(self, options: dict[str, Any]) -> bool:
        return not options["folder"] and not options["decisions"]


def _add_films(parser: ArgumentParser) -> None:
    source = parser.add_mutually_exclusive_group()
    source.add_argument("folder", nargs="?", type=Path, metavar="DIR", help="labelled films")
    source.add_argument(
        "--phantoms",
        choices=list(DIFFICULTIES),
        metavar="LEVEL",
        help=f"made-up films of the demo implants: {', '.join(DIFFICULTIES)} (this is the"
        f" default, with {LEVEL})",
    )
    source.add_argument(
        "--decisions",
        action="store_true",
        help="fixtures of approved cases, each among those of other patients",
    )
    parser.add_argument("--csv", type=Path, help="the table of DIR, if it lies elsewhere")
    parser.add_argument(
        "--references", type=int, default=5, help="of each implant, at most (default 5)"
    )
    parser.add_argument(
        "--seeds",
        type=int,
        default=1,
        help="phantoms: films looked up of each implant; DIR: splits that are averaged",
    )


def _add_phantoms(parser: ArgumentParser) -> None:
    parser.add_argument(
        "--held-out",
        action="store_true",
        help="phantoms: look up the lines that no training has seen, among all others",
    )
    parser.add_argument(
        "--pixels-per-mm", type=float, help="phantoms: draw them smaller, and faster"
    )
    parser.add_argument(
        "--implants", type=int, help="phantoms: only of the first so many implants, to try it"
    )


def _add_ways(parser: ArgumentParser) -> None:
    parser.add_argument(
        "--boxes",
        choices=["found", "given"],
        default="found",
        help="cut fixtures out where the finder finds them, or where they are known to lie",
    )
    parser.add_argument(
        "--encoder",
        action="append",
        default=[],
        metavar="NAME",
        help="e.g. ViT-B-32/random; may be repeated. Without it the one in use",
    )
    parser.add_argument(
        "--normalisation",
        action="append",
        choices=list(NORMALISATIONS),
        default=[],
        help="fixture (the default) or whole film; may be repeated",
    )
    parser.add_argument(
        "--fetch", action="store_true", help="get weights of named encoders from the hub"
    )


def _add_answers(parser: ArgumentParser) -> None:
    parser.add_argument("--json", action="store_true", help="the figures as JSON")
    parser.add_argument("--html", type=Path, metavar="FILE", help="a report in one file")
    parser.add_argument(
        "--pictures",
        action=BooleanOptionalAction,
        help="show the worst mistakes in the report (the default but with --decisions, where"
        " they are crops of patients' films)",
    )
    parser.add_argument(
        "--baseline", type=Path, metavar="FILE", help="figures that must not be undercut"
    )
    parser.add_argument(
        "--write-baseline", action="store_true", help="write them to --baseline instead"
    )
    parser.add_argument("--quiet", action="store_true", help="no progress bar")
