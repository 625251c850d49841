from argparse import ArgumentParser
from typing import Any

from django.conf import settings
from django.contrib.auth.models import User
from django.core.management.base import BaseCommand, CommandError

from matching import demo
from matching.phantoms import DIFFICULTIES
from raiox_site import demo_cases
from raiox_site.demo_accounts import ROLES
from raiox_site.roles import APPROVER

DAYS = 30


class Command(BaseCommand):
    help = (
        "Fill a demo or staging instance with cases made from phantoms: waiting ones, or with"
        " --decided such as were decided in the last 30 days. Not in production."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--count", type=int, default=5)
        parser.add_argument("--difficulty", choices=sorted(DIFFICULTIES), default="clinic")
        parser.add_argument(
            "--decided", action="store_true", help="match and decide them here, spread over days"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        if settings.PRODUCTION:
            raise CommandError("Cases are never made up in production.")
        if options["count"] < 1:
            raise CommandError("--count must be at least 1.")
        made = {"implants": demo.demo_implants(), "difficulty": options["difficulty"]}
        if not made["implants"]:
            raise CommandError("There is no demo catalogue: run setup_demo first.")
        if options["decided"]:
            demo_cases.add_decided(options["count"], **made, reviewer=_reviewer(), days=DAYS)
            self.stdout.write(f"{options['count']} cases decided.")
        else:
            demo_cases.add_waiting(options["count"], **made)
            self.stdout.write(f"{options['count']} cases queued; the worker matches them.")


def _reviewer() -> User:
    names = [name for name, role in ROLES.items() if role == APPROVER]
    reviewer = User.objects.filter(username__in=names).first()
    if reviewer is None:
        raise CommandError("There is no demo reviewer: run setup_demo first.")
    return reviewer
