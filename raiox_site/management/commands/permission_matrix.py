from typing import Any

from django.core.management.base import BaseCommand

from raiox_site.access.rules import ROLES, RULES


class Command(BaseCommand):
    help = "Print who may do what, as a Markdown table: every address, every method, every role."

    def handle(self, *args: Any, **options: Any) -> None:
        self.stdout.write(f"| address | method | {' | '.join(ROLES)} |")
        self.stdout.write(f"|---|---|{'---|' * len(ROLES)}")
        for path, methods in RULES.items():
            for method, who in methods.items():
                marks = " | ".join("yes" if role in who else "–" for role in ROLES)
                self.stdout.write(f"| `{path}` | {method} | {marks} |")
