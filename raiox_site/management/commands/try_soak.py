import subprocess
from argparse import ArgumentParser
from typing import Any

from raiox_site.trial import soak
from raiox_site.trial.command import TrialCommand, in_words
from raiox_site.trial.soak import Options


class Command(TrialCommand):
    help = (
        "Tries everyday work for a long time: uploads, webhooks, Jotform, panel and API at a"
        " steady rate, while a process of web, worker, decoders or PostgreSQL is killed with -9"
        " every now and then. Works in a PostgreSQL and a folder of its own. Ends with 1 when"
        " something was lost or done twice, was answered with an error, or when memory grew."
    )
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: ArgumentParser) -> None:
        usual = Options()
        parser.add_argument("--minutes", type=float, default=usual.minutes)
        parser.add_argument("--rate", type=float, default=usual.rate, help="requests per second")
        parser.add_argument(
            "--pause", type=float, default=usual.pause, help="seconds between two kills"
        )
        parser.add_argument("--seed", type=int, default=usual.seed)
        parser.add_argument(
            "--patience", type=float, default=usual.patience, help="seconds for the end to come"
        )
        parser.add_argument("--keep", action="store_true", help="keep the folder")

    def handle(self, *args: object, **options: Any) -> None:
        self.begin()
        chosen = Options(**{name: options[name] for name in Options.__dataclass_fields__})
        try:
            outcome = soak.run(chosen, self.say)
        except (TimeoutError, subprocess.CalledProcessError) as error:
            raise in_words(error) from error
        self.report(outcome, widths=(42, 38), success="Nothing was lost, and memory is flat.")
