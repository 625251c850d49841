"""Try the channels by which staff is told."""

from django.core.management.base import BaseCommand, CommandError

from integrations import notify


class Command(BaseCommand):
    help = (
        "Sends one test message by each configured channel (e-mail: EMAIL_URL and"
        " RAIOX_NOTIFY_EMAILS; Telegram: RAIOX_TELEGRAM_TOKEN and RAIOX_TELEGRAM_CHAT), and"
        " says what happened and how many notices wait or were given up."
    )

    def handle(self, *args: object, **options: object) -> None:
        outcomes = notify.send_trial()
        for channel, problem in outcomes:
            self.stdout.write(f"{channel}: {problem or 'sent'}")
        for channel, count, problem in notify.stuck():
            self.stdout.write(f"{channel}: {count} notice(s) not sent. {problem}")
        if not outcomes:
            raise CommandError("No channel is configured.")
        if any(problem for _channel, problem in outcomes):
            raise CommandError("Not every channel works.")
