import signal
import subprocess
from argparse import ArgumentParser
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from raiox_site.trial import soak
from raiox_site.trial.soak import Options, Outcome


class Command(BaseCommand):
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
        if settings.PRODUCTION:
            raise CommandError("Nothing is tried out in production.")
        # Like Ctrl-C: what was begun is cleared away.
        signal.signal(signal.SIGTERM, signal.default_int_handler)
        chosen = Options(**{name: options[name] for name in Options.__dataclass_fields__})
        try:
            outcome = soak.run(chosen, self._say)
        except (TimeoutError, subprocess.CalledProcessError) as error:
            raise CommandError(str(error)) from error
        self._report(outcome)

    def _say(self, text: str) -> None:
        self.stdout.write(text)
        self.stdout.flush()

    def _report(self, outcome: Outcome) -> None:
        for name, figure in outcome.rows:
            self.stdout.write(f"{name:<42}{figure:>38}")
        if outcome.violations:
            raise CommandError("\n".join(["Not as it must be:", *outcome.violations]))
        self.stdout.write(self.style.SUCCESS("Nothing was lost, and memory is flat."))
