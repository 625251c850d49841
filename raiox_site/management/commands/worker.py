import signal
import sys
import threading
from argparse import ArgumentParser

from django.conf import settings
from django.core.management.base import BaseCommand

from raiox_site import exporter, metric_files, worker


class Command(BaseCommand):
    help = "Runs the task cluster, and starts it anew when a process of it dies."
    # What checks say is no line of JSON; a release runs them anyway.
    requires_system_checks = [] if settings.RAIOX_LOG_FORMAT == "json" else "__all__"

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument(
            "--grace",
            type=float,
            default=30,
            help="seconds that running tasks may take at the end (default: %(default)s)",
        )

        parser.add_argument(
            "--stall",
            type=float,
            default=worker.STALL_S,
            help="seconds without a finished task after which the cluster is replaced; longer"
            " than any task may take (default: %(default)s)",
        )

    def handle(self, *args: object, grace: float, stall: float, **options: object) -> None:
        stopping = threading.Event()
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: stopping.set())
        metrics_dir = metric_files.announce("worker")
        if metrics_dir:
            metric_files.wipe(metrics_dir)
        if settings.RAIOX_METRICS_LISTEN:
            exporter.serve(settings.RAIOX_METRICS_LISTEN)
        worker.run(
            [sys.executable, str(settings.BASE_DIR / "manage.py"), "qcluster", "--skip-checks"],
            settings.VAR_DIR / "run" / "worker.json",
            stopping,
            grace_s=grace,
            stall_s=stall,
        )
        if metrics_dir:
            metric_files.remove(metrics_dir)
