"""What has to be done to a restored database before anybody works with it: it does not know what
happened after its dump."""

from collections.abc import Callable

from django.db import connection
from django.db.migrations.loader import MigrationLoader
from rest_framework_simplejwt.token_blacklist.models import BlacklistedToken, OutstandingToken

from cases.models import Case
from cases.records import audit
from integrations.models import ResultReturn
from raiox_site.backup.manifest import Manifest

Say = Callable[[str], object]


def migrations_ahead() -> list[str]:
    """Migrations of ours that were applied and that this code does not have: the dump is from
    a later release."""
    loader = MigrationLoader(connection)
    ours = {name for name in loader.migrated_apps if not name.startswith(("django", "auth"))}
    unknown = set(loader.applied_migrations) - set(loader.disk_migrations)
    return sorted(f"{app}.{name}" for app, name in unknown if app in ours)


def settle(made: Manifest, say: Say) -> None:
    """Precondition: nobody works on the database, and erasures were repeated.

    Tasks are left: each looks at its row first. An answer that left after the dump is on its way
    again, and is not written twice: Jotform is read before, and shows it.
    """
    tokens = _end_tokens()
    audit("restored", dump=made.dump, made_at=made.made_at.isoformat())
    waiting = Case.objects.awaiting_review().count()
    answers = ResultReturn.objects.unsent().count()
    say(f"{tokens} API sessions ended; everybody logs in again")
    say(f"{answers} answers go out again; those that Jotform shows already are not written twice")
    say(
        f"{waiting} cases await review; those that were decided after {made.made_at:%Y-%m-%d %H:%M}"
        " UTC have to be decided again (their answers are at Jotform)"
    )
    say("Accounts that were closed, and passwords that were changed, after that are as before.")


def _end_tokens() -> int:
    """A token that was called back after the dump would be good again."""
    live = OutstandingToken.objects.exclude(blacklistedtoken__isnull=False)
    made = BlacklistedToken.objects.bulk_create(
        [BlacklistedToken(token=token) for token in live], ignore_conflicts=True
    )
    return len(made)
