import os
import signal
import subprocess
from argparse import ArgumentParser
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from raiox_site.trial import hosts
from raiox_site.trial.hosts import Options, Outcome


class Command(BaseCommand):
    help = (
        "Tries two web hosts and two worker hosts (network namespaces) on one PostgreSQL, one"
        " bucket and one Jotform, all of them stand-ins: one worker host is cut off and comes"
        " back, the other one is killed, PostgreSQL is restarted. Needs root. Ends with 1 when a"
        " case was lost, or an answer not sent exactly once."
    )
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: ArgumentParser) -> None:
        usual = Options()
        parser.add_argument("--cases", type=int, default=usual.cases)
        parser.add_argument("--seed", type=int, default=usual.seed)
        parser.add_argument("--rate", type=float, default=usual.rate, help="cases per second")
        parser.add_argument(
            "--cut-seconds", type=float, default=usual.cut_seconds, help="without its network"
        )
        parser.add_argument(
            "--patience", type=float, default=usual.patience, help="seconds for the end to come"
        )
        parser.add_argument("--keep", action="store_true", help="keep the folder")

    def handle(self, *args: object, **options: Any) -> None:
        if settings.PRODUCTION:
            raise CommandError("Nothing is tried out in production.")
        if os.geteuid() != 0:
            raise CommandError("Network namespaces need root.")
        if missing := hosts.needs():
            raise CommandError("\n".join(missing))
        # Like Ctrl-C: what was begun is cleared away.
        signal.signal(signal.SIGTERM, signal.default_int_handler)
        chosen = Options(**{name: options[name] for name in Options.__dataclass_fields__})
        try:
            outcome = hosts.run(chosen, self._say)
        except subprocess.CalledProcessError as error:
            raise CommandError(f"{error}\n{error.stderr or ''}".strip()) from error
        except TimeoutError as error:
            raise CommandError(str(error)) from error
        self._report(outcome)

    def _say(self, text: str) -> None:
        self.stdout.write(text)
        self.stdout.flush()

    def _report(self, outcome: Outcome) -> None:
        for name, figure in outcome.rows:
            self.stdout.write(f"{name:<45}{figure:>24}")
        if outcome.violations:
            raise CommandError("\n".join(["Not as it must be:", *outcome.violations]))
        self.stdout.write(self.style.SUCCESS("Everything happened exactly once."))
