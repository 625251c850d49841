import os
import subprocess
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import CommandError

from raiox_site.trial import hosts
from raiox_site.trial.command import TrialCommand, in_words
from raiox_site.trial.hosts import Options


class Command(TrialCommand):
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
        self.begin()
        if os.geteuid() != 0:
            raise CommandError("Network namespaces need root.")
        if missing := hosts.needs():
            raise CommandError("\n".join(missing))
        chosen = Options(**{name: options[name] for name in Options.__dataclass_fields__})
        try:
            outcome = hosts.run(chosen, self.say)
        except (TimeoutError, subprocess.CalledProcessError) as error:
            raise in_words(error) from error
        self.report(outcome, widths=(45, 24), success="Everything happened exactly once.")
