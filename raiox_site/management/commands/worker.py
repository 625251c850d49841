import signal
import sys
import threading
from argparse import ArgumentParser

from django.conf import settings
from django.core.management.base import BaseCommand

from raiox_site import worker


class Command(BaseCommand):
    help = "Runs the task cluster, and starts it anew when a process of it dies."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument(
            "--grace",
            type=float,
            default=30,
            help="seconds that running tasks may take at the end (default: %(default)s)",
        )

    def handle(self, *args: object, grace: float, **options: object) -> None:
        stopping = threading.Event()
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: stopping.set())
        worker.run(
            [sys.executable, str(settings.BASE_DIR / "manage.py"), "qcluster"],
            settings.VAR_DIR / "run" / "worker.json",
            stopping,
            grace_s=grace,
        )
