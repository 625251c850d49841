import signal
import subprocess

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from raiox_site.trial import replicas, scratch


class Command(BaseCommand):
    help = (
        "Tries the vector search on a real read replica: one that follows, is behind, hangs, is"
        " killed, lacks vectors, or was promoted. Works in two PostgreSQL servers of its own."
        " Ends with 1 when a search failed, was wrong, or waited."
    )
    requires_system_checks: list[str] = []

    def handle(self, *args: object, **options: object) -> None:
        if settings.PRODUCTION:
            raise CommandError("Nothing is tried out in production.")
        # Like Ctrl-C: what was begun is cleared away.
        signal.signal(signal.SIGTERM, signal.default_int_handler)
        with scratch.folder(keep=False) as path:
            try:
                replicas.run(path, self._say)
            except (RuntimeError, subprocess.CalledProcessError) as error:
                raise CommandError(str(error)) from error

    def _say(self, text: str) -> None:
        self.stdout.write(text)
        self.stdout.flush()
