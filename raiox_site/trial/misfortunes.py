"""What befalls the hosts of a trial, one after the other, in the middle of their work."""

import time
from collections.abc import Callable
from dataclasses import dataclass, field

from django.db import DatabaseError, connection

from raiox_site.processes import wait_until
from raiox_site.trial.cluster import Cluster
from raiox_site.trial.network import Host
from raiox_site.trial.services import Service
from raiox_site.trial.summary import Row

# By the share of the cases that are decided.
CUT_AT, KILL_AT, RESTART_AT = 0.15, 0.4, 0.6
# The server must have freed what a host held that was cut off.
FREED_WITHIN = 45.0
AT_WORK_SECONDS = 30.0
LOCKS_OF = (
    "SELECT count(*) FROM pg_locks JOIN pg_stat_activity USING (pid)"
    " WHERE locktype = 'advisory' AND client_addr = %s::inet"
    " AND (%s = '' OR classid = hashtext(%s)::oid)"
)
SESSIONS_OF = "SELECT count(*) FROM pg_stat_activity WHERE client_addr = %s::inet"


@dataclass
class Misfortunes:
    """`cut` is cut off for `cut_seconds`, `killed` is killed and comes back."""

    cut: Host
    killed: Service
    cluster: Cluster
    cut_seconds: float
    at_work: str = ""
    locks: int = 0
    freed_after: float = 0.0
    decided_meanwhile: float = 0.0
    joined_at: float = 0.0
    happened: list[str] = field(default_factory=list)

    def befall(
        self, share: Callable[[], float], say: Callable[[str], object], *, seconds: float
    ) -> None:
        """Raises TimeoutError when the work does not get on."""
        self._wait(lambda: share() >= CUT_AT, seconds)
        before = share()
        since = self._cut_off(say)
        self._wait(lambda: share() >= KILL_AT or self._is_over(since), seconds)
        self._kill(say)
        wait_until(lambda: self._is_over(since), self.cut_seconds)
        self.decided_meanwhile = share() - before
        self.cut.join()
        self.joined_at = time.monotonic()
        say(f"{self.cut.name} is back, with what it was doing")
        self.happened.append("joined")
        self._wait(lambda: share() >= RESTART_AT, seconds)
        self.cluster.restart()
        connection.close()
        self.happened.append("restarted")
        say("PostgreSQL was restarted")

    def rows(self) -> list[Row]:
        return [
            ("cut off while at work on", self.at_work or "nothing"),
            ("  locks that it held", str(self.locks)),
            ("  freed after seconds", f"{self.freed_after:.0f}"),
            ("  cases decided meanwhile, percent", f"{100 * self.decided_meanwhile:.0f}"),
        ]

    def violations(self) -> list[str]:
        found = []
        if self.freed_after > FREED_WITHIN:
            found.append(f"the sessions of the lost host were there for {self.freed_after:.0f} s")
        if self.decided_meanwhile <= 0:
            found.append("nothing was decided while a host was cut off")
        if missing := {"joined", "killed", "restarted"} - set(self.happened):
            found.append(f"this did not happen: {', '.join(sorted(missing))}")
        return found

    def _cut_off(self, say: Callable[[str], object]) -> float:
        """In the middle of an answer if there is one, else of any work that it locked."""
        self.at_work = "an answer"
        if not wait_until(lambda: self._locked("raiox.answer.jotform"), AT_WORK_SECONDS, 0.002):
            self.at_work = "a film or a submission"
            if not wait_until(lambda: self._locked(""), AT_WORK_SECONDS, 0.005):
                self.at_work = ""
        self.cut.cut_off()
        since = time.monotonic()
        self.locks = self._count(LOCKS_OF, self.cut.address, "", "")
        say(f"{self.cut.name} is cut off while at work on {self.at_work or 'nothing'}")
        wait_until(lambda: not self._count(SESSIONS_OF, self.cut.address), 120.0, 0.5)
        self.freed_after = time.monotonic() - since
        say(f"the server ended its sessions after {self.freed_after:.0f} s")
        return since

    def _kill(self, say: Callable[[str], object]) -> None:
        wait_until(self.killed.kill_all, 20.0, 0.5)
        self.happened.append("killed")
        say("the other worker host was killed with -9")
        wait_until(lambda: False, 3.0)
        self.killed.start()

    def _is_over(self, since: float) -> bool:
        return time.monotonic() - since >= self.cut_seconds

    def _locked(self, name: str) -> bool:
        return self._count(LOCKS_OF, self.cut.address, name, name) > 0

    def _count(self, statement: str, *values: str) -> int:
        try:
            with connection.cursor() as cursor:
                cursor.execute(statement, values)
                return int(cursor.fetchone()[0])
        except DatabaseError:
            connection.close()
            return 0

    def _wait(self, condition: Callable[[], bool], seconds: float) -> None:
        if not wait_until(condition, seconds, 0.5):
            raise TimeoutError("the work did not get on")
