import shutil
import subprocess
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import CommandError

from raiox_site.trial.alerting import run
from raiox_site.trial.alerting.monitoring import ALERTMANAGER, PROMETHEUS
from raiox_site.trial.command import TrialCommand


class Command(TrialCommand):
    help = (
        "Provokes what every alert is about, in processes and a database of its own watched by a"
        " real Prometheus and Alertmanager, and reads the messages that come of it. Stops and"
        " starts the embedded PostgreSQL below RAIOX_VAR_DIR: give it one of its own. Ends with 1"
        " when an alert or its message is not as it must be."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--short", action="store_true", help="only the quick ones")
        parser.add_argument("--only", nargs="+", default=[], metavar="ALERT")
        parser.add_argument(
            "--disk", type=Path, help="an empty file system of some 2 GB that may be filled up"
        )
        parser.add_argument("--keep", action="store_true", help="keep the folder with the logs")

    def handle(
        self, *args: Any, short: bool, only: list[str], disk: Path | None, keep: bool, **other: Any
    ) -> None:
        if settings.DEPLOYED:
            raise CommandError("Alerts are not tried out on a deployed installation.")
        missing = [one for one in (PROMETHEUS, ALERTMANAGER, "amtool") if not shutil.which(one)]
        if missing:
            raise CommandError(f"Not installed: {', '.join(missing)}.")
        try:
            problems = run.run(short=short, disk=disk, keep=keep, say=self.say, only=set(only))
        except (subprocess.CalledProcessError, TimeoutError) as error:
            raise CommandError(str(error)) from error
        if problems:
            raise CommandError("\n".join(["Not as it must be:", *problems]))
