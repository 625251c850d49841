import subprocess

from raiox_site.trial import replicas, scratch
from raiox_site.trial.command import TrialCommand, in_words


class Command(TrialCommand):
    help = (
        "Tries the vector search on a real read replica: one that follows, is behind, hangs, is"
        " killed, lacks vectors, or was promoted. Works in two PostgreSQL servers of its own."
        " Ends with 1 when a search failed, was wrong, or waited."
    )
    requires_system_checks: list[str] = []

    def handle(self, *args: object, **options: object) -> None:
        self.begin()
        with scratch.folder(keep=False) as path:
            try:
                replicas.run(path, self.say)
            except (RuntimeError, subprocess.CalledProcessError) as error:
                raise in_words(error) from error
