import subprocess
from argparse import ArgumentParser
from typing import Any

from django.conf import settings
from django.contrib.auth.models import User
from django.core.management.base import BaseCommand, CommandError

from raiox_site.bench import scratch
from raiox_site.trial import purging, stock
from raiox_site.trial.purging import Options


class Command(BaseCommand):
    help = (
        "Tries retention out: many cases, ninety nights, a storage that refuses to delete. Works"
        " in a database and a folder of its own. Ends with 1 when something is not as it must be."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        usual = Options()
        parser.add_argument("--cases", type=int, default=usual.cases)
        parser.add_argument("--nights", type=int, default=usual.nights)
        parser.add_argument(
            "--rate", type=float, default=usual.rate, help="share of deletions that are refused"
        )
        parser.add_argument("--seed", type=int, default=usual.seed)
        parser.add_argument(scratch.INSIDE, action="store_true", help="used by the command itself")

    def handle(self, *args: Any, inside: bool, **options: Any) -> None:
        if settings.PRODUCTION:
            raise CommandError("Nothing is tried out in production.")
        chosen = Options(**{name: options[name] for name in ("cases", "nights", "rate", "seed")})
        if chosen.cases < 1 or chosen.nights < 1 or not 0 <= chosen.rate < 1:
            raise CommandError("--cases and --nights must be at least 1, --rate below 1.")
        if inside:
            self._try(chosen)
        else:
            self._start(chosen)

    def _start(self, chosen: Options) -> None:
        command = ["try_purge", *(f"--{name}={value}" for name, value in vars(chosen).items())]
        try:
            scratch.run(command, self._say)
        except subprocess.CalledProcessError as error:
            raise CommandError(f"{error}\n{error.stderr or ''}".strip()) from error

    def _try(self, chosen: Options) -> None:
        if not scratch.is_inside():
            raise CommandError("This is no scratch database.")
        reviewer = User.objects.get(username=stock.REVIEWER)
        violations = purging.run(chosen, self._say, reviewer=reviewer)
        if violations:
            raise CommandError("\n".join(["Not as it must be:", *violations]))
        self._say("Everything due is gone, and nothing else.")

    def _say(self, text: str) -> None:
        self.stdout.write(text)
        self.stdout.flush()
