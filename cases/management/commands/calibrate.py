import json
import sys
from argparse import ArgumentParser
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from tqdm import tqdm

from cases.decided_scores import decided_films
from matching import calibration
from matching.calibrating import decisions, films, limits, words
from matching.calibrating.held_out import HeldOut, TooLittle, halves
from matching.calibration import LEAST_DECISIONS, Limits, Measured, limits_for
from matching.encoder import ClipEncoder, EncoderError, ready_encoder
from matching.evaluation.folder import labelled_folder
from matching.evaluation.labelled import EvaluationError
from matching.phantoms import DIFFICULTIES


class Command(BaseCommand):
    help = (
        "Set for the encoder in use from where on a film is said to show an implant that is not"
        " in the catalogue, and what lead makes a high or a medium band. A third of the implants"
        " at a time is taken out of the gallery. The limits accept the most films of implants"
        f" that are there while at most {limits.FALSE_ACCEPT:.0%} of absent ones are accepted; a"
        f" band is right {limits.HIGH:.0%} (high) or {limits.MEDIUM:.0%} (medium) of the time."
        " They are set on one half of the films, the figures are those of the other half."
        f" --decisions fits a probability too, from {LEAST_DECISIONS} decisions on. Nothing is"
        " kept without --save or --write."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        source = parser.add_mutually_exclusive_group(required=True)
        source.add_argument(
            "folder", nargs="?", type=Path, metavar="DIR", help="labelled films, as for evaluate"
        )
        source.add_argument("--phantoms", choices=list(DIFFICULTIES), metavar="LEVEL")
        source.add_argument(
            "--decisions", action="store_true", help="approved and rejected first candidates"
        )
        parser.add_argument("--csv", type=Path, help="the table of DIR, if it lies elsewhere")
        parser.add_argument(
            "--references", type=int, default=5, help="of each implant, at most (default 5)"
        )
        parser.add_argument(
            "--seeds", type=int, default=4, help="phantoms looked up of each implant (default 4)"
        )
        parser.add_argument(
            "--false-accept",
            type=float,
            default=limits.FALSE_ACCEPT,
            metavar="SHARE",
            help="of films of absent implants at most (default %(default)s)",
        )
        parser.add_argument("--save", action="store_true", help="use it from now on")
        parser.add_argument("--write", type=Path, metavar="FILE", help="write it as JSON")
        parser.add_argument("--json", action="store_true", help="print it as JSON")
        parser.add_argument("--quiet", action="store_true", help="no progress bar")

    def handle(self, *args: Any, **options: Any) -> None:
        if options["references"] < 1 or options["seeds"] < 1:
            raise CommandError("--references and --seeds must be at least 1.")
        if not 0 < options["false_accept"] < 1:
            raise CommandError("--false-accept must lie between 0 and 1.")
        try:
            encoder = ready_encoder()
            if options["decisions"]:
                measured = self._by_decisions(encoder, options)
            else:
                measured = self._by_films(encoder, options)
        except (EncoderError, EvaluationError, TooLittle) as error:
            raise CommandError(str(error)) from error
        self._print(measured, options)
        self._keep(measured, encoder, options)

    def _by_decisions(self, encoder: ClipEncoder, options: dict[str, Any]) -> Measured:
        chosen, figures = decisions.calibrated(
            decided_films(encoder=encoder.id),
            before=limits_for(encoder.id),
            false_accept=options["false_accept"],
        )
        return Measured(encoder.id, chosen, {**figures, "source": "decisions"})

    def _by_films(self, encoder: ClipEncoder, options: dict[str, Any]) -> Measured:
        found = self._held_out(encoder, options)
        to_set, to_tell = halves(found)
        chosen: Limits = limits.choose(to_set, false_accept=options["false_accept"])
        figures = {
            **limits.figures(to_tell, chosen),
            "source": options["phantoms"] or options["folder"].name,
            "is_phantoms": options["phantoms"] is not None,
        }
        return Measured(encoder.id, chosen, figures)

    def _held_out(self, encoder: ClipEncoder, options: dict[str, Any]) -> list[HeldOut]:
        references = options["references"]
        if options["phantoms"]:
            drawn, total = films.phantoms(
                options["phantoms"], references=references, queries=options["seeds"]
            )
        else:
            collection = labelled_folder(options["folder"], csv=options["csv"])
            drawn, total = iter(collection.films), len(collection.films)
        progress: Iterable[Any] = tqdm(
            drawn, total=total, unit="film", disable=options["quiet"], file=sys.stderr
        )
        return films.held_out(progress, encoder=encoder, references=references)

    def _print(self, measured: Measured, options: dict[str, Any]) -> None:
        if options["json"]:
            self.stdout.write(json.dumps(calibration.as_json(measured)))
        else:
            self.stdout.write("\n".join(words.lines(measured)))

    def _keep(self, measured: Measured, encoder: ClipEncoder, options: dict[str, Any]) -> None:
        if encoder.is_random and (options["save"] or options["write"]):
            raise CommandError("Random weights know nothing: their limits are not kept.")
        if options["write"]:
            try:
                calibration.write(measured, options["write"])
            except OSError as error:
                raise CommandError(f"{options['write']}: {error.strerror}") from error
            self.stderr.write(f"written: {options['write']}")
        if options["save"]:
            calibration.save(measured)
            self.stderr.write("saved: used for this encoder from now on")
        elif not options["write"]:
            self.stderr.write("Nothing was kept: --save uses it from now on.")
