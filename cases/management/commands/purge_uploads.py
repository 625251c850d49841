import signal
from argparse import ArgumentParser
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError
from tqdm import tqdm

from cases import erasure, leftovers, reconcile, retention
from cases.retention import Report

NAMED = 20


class Command(BaseCommand):
    help = (
        "Erases what is older than the retention period: films, what was derived from them,"
        " personal data, deliveries and old rows of the machinery; finishes erasures that are"
        " open, and compares storage and database. Figures and decisions stay. Safe to interrupt"
        " and to repeat. Ends with 1 when something could not be deleted."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument(
            "--days", type=int, help="older than so many days (RAIOX_RETENTION_DAYS)"
        )
        parser.add_argument("--dry-run", action="store_true", help="only count, change nothing")
        parser.add_argument(
            "--reconcile", action="store_true", help="only compare storage and database"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        days, dry_run = options["days"], options["dry_run"]
        if days is not None and days < 1:
            raise CommandError("--days must be at least 1.")
        signal.signal(signal.SIGTERM, signal.default_int_handler)
        failed = 0
        if not options["reconcile"]:
            self._say(f"retention: {days or settings.RAIOX_RETENTION_DAYS} days")
            failed = self._count(days) if dry_run else self._purge(days)
        found = reconcile.run(may_change=not dry_run)
        for line in found.lines():
            self._say(line)
        if dry_run:
            self._say("Nothing was changed.")
        if failed or found.is_broken:
            raise CommandError("Not everything could be deleted: the next run tries again.")

    def _count(self, days: int | None) -> int:
        self._say(f"cases that would be erased: {retention.due(days=days).count()}")
        old = leftovers.count(leftovers.limits(days=days))
        self._say(f"rows that would go: {leftovers.in_words(old) or '0'}")
        return 0

    def _purge(self, days: int | None) -> int:
        """How many cases could not be erased."""
        total = retention.due(days=days).count()
        with tqdm(total=total, unit="case", disable=None) as bar:
            report = retention.purge(days=days, progress=bar.update)
        erasure.go_on_with_all()
        gone, _is_done = leftovers.purge(leftovers.limits(days=days))
        self._report(total, report)
        self._say(f"rows that went: {leftovers.in_words(gone) or '0'}")
        return len(report.failed) + erasure.open_ones()

    def _report(self, total: int, report: Report) -> None:
        self._say(f"cases due: {total}")
        self._say(f"cases erased: {report.erased}")
        self._say(f"cases not erased: {len(report.failed)}")
        if report.failed:
            named = ", ".join(f"#{pk}" for pk in sorted(report.failed)[:NAMED])
            more = len(report.failed) - NAMED
            self._say(f"  {named}" + (f" and {more} more" if more > 0 else ""))
        if unfinished := erasure.open_ones():
            self._say(f"erasures that are not complete: {unfinished}")

    def _say(self, text: str) -> None:
        self.stdout.write(text)
