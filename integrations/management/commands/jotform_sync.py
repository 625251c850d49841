"""Take in what no webhook brought."""

from argparse import ArgumentParser
from datetime import datetime, timedelta

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone

from integrations.jotform.client import JotformError
from integrations.jotform.incoming import readings, sync


class Command(BaseCommand):
    help = (
        "Asks Jotform for submissions that were made or edited since the last poll (a week ago"
        " the first time) and has those read that are new; the worker takes them in. The worker"
        " does this by itself every RAIOX_JOTFORM_SYNC_MINUTES."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--days", type=int, help="begin so many days ago")

    def handle(self, *args: object, days: int | None, **options: object) -> None:
        if not settings.JOTFORM_API_KEY.strip():
            raise CommandError("JOTFORM_API_KEY is not set.")
        since: datetime | None = timezone.now() - timedelta(days=days) if days else None
        try:
            report = sync.sync(since=since)
        except JotformError as error:
            raise CommandError(str(error)) from error
        readings.ask_due()
        self.stdout.write(f"{report.seen} submissions seen, {report.asked} going to be read.")
