"""What every session of ours with PostgreSQL asks of the server, and which sessions are of use.

It is asked for by SQL once the session stands, not in the address: PgBouncer refuses startup
options. And a session must be ours alone for as long as it lasts, since the locks of work in
progress (`matching.locks`) belong to it.
"""

import secrets
import sys
from collections.abc import Sequence
from contextlib import closing
from typing import Any

from django.core.checks import CheckMessage, Error, Tags, register
from django.db import DatabaseError, connections
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.backends.signals import connection_created

from matching import replica
from raiox_site.configuration.services import process_kind

# Of a host that was cut off the server hears nothing: it probes after 10 s of silence, every
# 5 s, and ends the session, with its locks, after 25 s. By then the host itself has given its
# connection up (`configuration.services.KEEPALIVES`), and its calls to outside are over
# (`integrations.deadline`).
FREED_AFTER_SECONDS = 25
OF_ALL = {
    # pgvector ignores an unknown name in silence: a test reads these back.
    # At a million references 100 finds 98.3 % of the nearest three, 200 99.5 % (`bench search`).
    "hnsw.ef_search": "200",
    "hnsw.iterative_scan": "strict_order",
    "tcp_keepalives_idle": "10",
    "tcp_keepalives_interval": "5",
    "tcp_keepalives_count": "3",
    "tcp_user_timeout": f"{FREED_AFTER_SECONDS}s",
    # A frozen process answers keepalives, and must not hold its rows for ever.
    "idle_in_transaction_session_timeout": "10min",
}
# Ends what runs for a client that is gone; PostgreSQL 13 does not know it.
SINCE_14 = {"client_connection_check_interval": "5s"}
# Below the moment when the process is killed, with all else that it does: gunicorn's `timeout`
# and Q_CLUSTER's, 60 s each. Commands take what they need.
STATEMENT_TIMEOUTS = {"web": "30s", "worker": "55s"}
# A search that the replica does not answer at once goes to the primary.
REPLICA_TIMEOUT = "2s"
POOLING_ROUNDS = 3


def connect() -> None:
    connection_created.connect(ask, dispatch_uid="raiox_site.database_sessions.ask")


def ask(connection: BaseDatabaseWrapper, **kwargs: Any) -> None:
    """Tell the server what holds for this new session. Raises DatabaseError."""
    wanted = dict(OF_ALL)
    if connection.pg_version >= 140000:  # type: ignore[attr-defined]
        wanted |= SINCE_14
    if connection.alias == replica.ALIAS:
        wanted["statement_timeout"] = REPLICA_TIMEOUT
    elif timeout := STATEMENT_TIMEOUTS.get(process_kind(sys.argv)):
        wanted["statement_timeout"] = timeout
    calls = ", ".join(["set_config(%s, %s, false)"] * len(wanted))
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT {calls}", [part for pair in wanted.items() for part in pair])


def is_shared(alias: str = "default") -> bool:
    """Whether the server side of a session may change from one transaction to the next, as with
    PgBouncer's transaction pooling. Raises DatabaseError when there is no answer.

    One session leaves a mark, another one then takes the way that was free last: a pool that
    shares has to send the first one elsewhere.
    """
    first, second = connections[alias].copy(), connections[alias].copy()
    with closing(first), closing(second):
        for _round in range(POOLING_ROUNDS):
            mark = secrets.token_hex(8)
            with first.cursor() as cursor:
                cursor.execute("SELECT set_config('raiox.session', %s, false)", [mark])
            second.set_autocommit(False)
            with second.cursor() as cursor:
                cursor.execute("SELECT 1")
            with first.cursor() as cursor:
                cursor.execute("SELECT current_setting('raiox.session', true)")
                if cursor.fetchone()[0] != mark:
                    return True
            second.rollback()
            second.set_autocommit(True)
    return False


@register(Tags.database)
def sessions_are_ours(
    *, databases: Sequence[str] | None = None, **kwargs: Any
) -> list[CheckMessage]:
    if "default" not in (databases or []):
        return []
    try:
        shared = is_shared()
    except DatabaseError:
        return []
    if not shared:
        return []
    return [
        Error(
            "The database is reached through a pool that shares sessions between transactions.",
            hint="Use pool_mode = session in PgBouncer, or PostgreSQL directly: the locks of work"
            " in progress belong to a session, and films would be processed twice.",
            id="raiox_site.E001",
        )
    ]
