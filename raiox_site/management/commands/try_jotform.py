import subprocess
from argparse import ArgumentParser

from raiox_site.trial.command import TrialCommand, in_words
from raiox_site.trial.plan import Options
from raiox_site.trial.run import run


class Command(TrialCommand):
    help = (
        "Tries the whole system against a stand-in for Jotform: webhooks that come shuffled,"
        " twice, too late or never, edits, decisions, and processes killed with -9. Works in a"
        " database and a folder of its own. Ends with 1 when something is not as it must be."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        usual = Options()
        parser.add_argument("--deliveries", type=int, default=usual.deliveries)
        parser.add_argument("--submissions", type=int, default=usual.submissions)
        parser.add_argument("--kills", type=int, default=usual.kills)
        parser.add_argument("--seed", type=int, default=usual.seed)
        parser.add_argument(
            "--patience", type=float, default=usual.patience, help="seconds for the end to come"
        )
        parser.add_argument(
            "--without-key", action="store_true", help="deliveries are all that is known"
        )
        parser.add_argument("--faults", action="store_true", help="Jotform fails now and then")
        parser.add_argument("--keep", action="store_true", help="keep database and folder")

    def handle(self, *args: object, without_key: bool, faults: bool, **options: object) -> None:
        self.begin()
        names = ("deliveries", "submissions", "kills", "seed", "patience", "keep")
        chosen = {name: options[name] for name in names}
        wanted = Options(with_key=not without_key, with_faults=faults, **chosen)  # type: ignore[arg-type]
        try:
            outcome = run(wanted, self.say)
        except (ValueError, TimeoutError, subprocess.CalledProcessError) as error:
            raise in_words(error) from error
        self.report(outcome, widths=(45, 8), success="Everything is as it must be.")
