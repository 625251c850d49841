"""What a trial's database holds before anything arrives. Runs in a process of that database."""

from django.conf import settings
from django.core.management import call_command

from matching import demo
from raiox_site import demo_accounts

IMPLANTS = 10
ACCOUNTS = "demo-accounts.json"
REVIEWER = "brenda"


def fill() -> None:
    """Migrate, and make a catalogue of ten implants with one phantom each, and the accounts."""
    call_command("migrate", interactive=False, verbosity=0)
    call_command("createcachetable", verbosity=0)
    demo_accounts.ensure(settings.VAR_DIR / ACCOUNTS)
    due = [(implant, seed) for implant, seed in demo.missing_phantoms() if seed == 0]
    for _indexed in demo.render_references(due[:IMPLANTS]):
        pass
