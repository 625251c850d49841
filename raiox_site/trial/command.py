"""What the commands that try the system out have in common."""

import signal
import subprocess
from collections.abc import Sequence

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from raiox_site.trial.summary import Outcome


class TrialCommand(BaseCommand):
    """Says at once what happens, and ends with 1 when something is not as it must be."""

    def begin(self) -> None:
        """Raises CommandError in production, whose data nobody tries anything on."""
        if settings.PRODUCTION:
            raise CommandError("Nothing is tried out in production.")
        # Like Ctrl-C: what was begun is cleared away.
        signal.signal(signal.SIGTERM, signal.default_int_handler)

    def say(self, text: str) -> None:
        self.stdout.write(text)
        self.stdout.flush()

    def report(self, outcome: Outcome, *, widths: Sequence[int], success: str) -> None:
        """The figures in columns of these widths. Raises CommandError with the violations."""
        label, value = widths
        for name, figure in outcome.rows:
            self.stdout.write(f"{name:<{label}}{figure:>{value}}")
        if outcome.violations:
            raise CommandError("\n".join(["Not as it must be:", *outcome.violations]))
        self.stdout.write(self.style.SUCCESS(success))


def in_words(error: Exception) -> CommandError:
    """What a trial ended with, and what the program that failed it said last."""
    said = error.stderr if isinstance(error, subprocess.CalledProcessError) else ""
    return CommandError(f"{error}\n{said or ''}".strip())
