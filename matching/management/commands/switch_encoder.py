from argparse import ArgumentParser
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from tqdm import tqdm

from matching import figures, switching
from matching.calibration import limits_for
from matching.encoder import EncoderError
from matching.figures import FiguresMissing
from matching.indexing import Indexed
from matching.switching import Filled, Switched, SwitchRefused


class Command(BaseCommand):
    help = (
        "Switch to another encoder while everything runs: makes its vectors beside those in use,"
        " refuses one that is worse, then writes one row that every process follows within"
        " seconds (run it with the RAIOX_ENCODER that they have). Safe to interrupt and to repeat."
        " Back again: the same with the old name."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("name", help="as RAIOX_ENCODER: <architecture>/<weights>")
        parser.add_argument("--only-fill", action="store_true", help="make the vectors, no more")
        parser.add_argument(
            "--measured",
            type=Path,
            metavar="FILE",
            help="what `evaluate --json` printed for both encoders; without it each reference"
            " is looked up among the others",
        )
        parser.add_argument("--force", action="store_true", help="also to one that is worse")
        parser.add_argument(
            "--settle",
            type=float,
            default=switching.SETTLING_SECONDS,
            metavar="SECONDS",
            help="how long other processes may go on with the old one (%(default).0f)",
        )
        parser.add_argument("--quiet", action="store_true", help="no progress bar")

    def handle(self, *args: Any, name: str, **options: Any) -> None:
        self._is_quiet = options["quiet"]
        try:
            if options["only_fill"]:
                encoder, filled = switching.fill_only(name, wrap=self._bar)
                self._say_filled(encoder.id, filled)
                return
            file = options["measured"]
            compare = partial(_from_file, file) if file else figures.compared_in_catalogue
            done = switching.switch(
                name,
                wrap=self._bar,
                compare=compare,
                is_forced=options["force"],
                settle_seconds=options["settle"],
            )
        except (EncoderError, FiguresMissing, SwitchRefused) as error:
            raise CommandError(str(error)) from error
        self._say_switched(done)

    def _bar(self, outcomes: Iterator[Indexed], total: int) -> Iterator[Indexed]:
        disable = self._is_quiet or None
        return iter(tqdm(outcomes, total=total, unit="film", desc="embedding", disable=disable))

    def _say_filled(self, encoder: str, filled: Filled) -> None:
        self.stdout.write(f"{encoder}: {filled.made} embedded, {len(filled.failed)} failed")
        for outcome in filled.failed:
            self.stdout.write(f"  {outcome.reference}: {outcome.error}")

    def _say_switched(self, done: Switched) -> None:
        self._say_filled(done.new, done.filled)
        if done.figures is not None:
            one = done.figures
            self.stdout.write(f"top 3: {one.old:.1%} before, {one.new:.1%} now ({one.source})")
        self.stdout.write(f"switched from {done.old} to {done.new}")
        if limits_for(done.new) is None:
            self.stdout.write(
                "Nothing is called unknown yet: no limits were measured for this encoder"
                " (manage.py calibrate)."
            )


def _from_file(path: Path, old: figures.Side, new: figures.Side) -> figures.Figures:
    return figures.from_file(path, old=old, new=new)
