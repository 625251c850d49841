"""One trial, from its beginning to its verdict."""

import json
import re
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from concurrent.futures import TimeoutError as TooLate
from contextlib import ExitStack, suppress
from pathlib import Path

from cases.models import Case
from integrations.jotform.simulation.standin import JotformStandIn
from raiox_site import running
from raiox_site.processes import wait_until
from raiox_site.trial import plan, rest, scratch, services, stock, summary, verdict
from raiox_site.trial.desk import FIELDS, Desk
from raiox_site.trial.evidence import Evidence
from raiox_site.trial.killer import Killer
from raiox_site.trial.plan import Options, Plan
from raiox_site.trial.reviewer import Reviewer
from raiox_site.trial.senders import Senders
from raiox_site.trial.summary import Outcome
from raiox_site.trial.trouble import Trouble

REVIEWERS = 2
# Failures go on until so many of the cases are decided, or for so long.
SHARE_UNDER_TROUBLE, SECONDS_UNDER_TROUBLE = 0.8, 300.0
Say = Callable[[str], object]


def run(options: Options, say: Say) -> Outcome:
    """Raises ValueError for a plan that cannot be, CalledProcessError and TimeoutError when the
    processes do not start."""
    drawn, started = plan.draw(options), time.monotonic()
    with ExitStack() as stack:
        path = stack.enter_context(scratch.folder(keep=options.keep))
        database = stack.enter_context(scratch.database(keep=options.keep))
        say(f"database {database}, folder {path}")
        standin = stack.enter_context(JotformStandIn())
        variables = scratch.variables(path, database, **_settings(standin, options))
        trial = Trial(options, drawn, Desk(standin, drawn, seed=options.seed), path, variables)
        stack.callback(trial.services.end, path)
        trial.prepare()
        trial.happen(say)
        return Outcome(trial.summary(started), verdict.violations(trial.evidence))


def _settings(standin: JotformStandIn, options: Options) -> dict[str, str]:
    return {
        "JOTFORM_API_BASE": standin.base,
        "JOTFORM_API_KEY": standin.api_key if options.with_key else "",
        "JOTFORM_FIELDS": json.dumps(FIELDS),
        "RAIOX_JOTFORM_SYNC_MINUTES": "1",
        "RAIOX_LOGIN_RATE": "",
    }


class Trial:
    def __init__(
        self, options: Options, drawn: Plan, desk: Desk, path: Path, variables: dict[str, str]
    ) -> None:
        self.options, self.plan, self.desk, self.path = options, drawn, desk, path
        self.variables, self.log = variables, path / "processes.log"
        self.services = services.made(variables, port=running.free_port(), log=self.log)
        self.evidence = Evidence(desk, drawn.submissions, with_key=options.with_key)
        door, seconds = f"{self.services.base}/jotform", options.seconds
        self.senders = Senders(drawn, desk, doors=[door], seconds=seconds)
        self.killer = Killer(self.services, times=options.kills, seconds=seconds, seed=options.seed)
        self.trouble = Trouble(desk, seed=options.seed)
        self.reviewers: list[Reviewer] = []
        # Our own edits are announced like anybody's: they must not come back as new ones.
        desk.standin.webhook_url, desk.standin.refires = door, True

    def prepare(self) -> None:
        scratch.fill(self.variables, self.log)
        passwords = json.loads((self.path / stock.ACCOUNTS).read_text())
        self.reviewers = [
            Reviewer(self.services.base, stock.REVIEWER, passwords[stock.REVIEWER], seed=seed)
            for seed in range(REVIEWERS)
        ]
        self.services.start()
        self.services.wait()

    def happen(self, say: Say) -> None:
        """Deliveries, edits, decisions, failures and kills all at once; then only what is left
        to do, until everything is at rest."""
        calm, over = threading.Event(), threading.Event()
        with ThreadPoolExecutor(REVIEWERS + 3) as pool:
            try:
                deciding = [pool.submit(one.run, over) for one in self.reviewers]
                say(f"{len(self.plan.deliveries)} deliveries in {self.options.seconds:.0f} s")
                self._storm(pool, calm)
                say("all is sent: waiting until everything is at rest")
                self._settle()
            finally:
                calm.set()
                over.set()
        for one in deciding:
            one.result()
        self._gather()

    def summary(self, started: float) -> list[summary.Row]:
        harm = {way.value: count for way, count in self.killer.killed.items()}
        return [
            *summary.of_sending(self.plan, self.evidence),
            *summary.of_cases(self.evidence),
            *summary.of_harm(harm, self.trouble.injected),
            ("seconds", f"{time.monotonic() - started:.0f}"),
        ]

    def _storm(self, pool: ThreadPoolExecutor, calm: threading.Event) -> None:
        harm: list[Future[None]] = [pool.submit(self.killer.run, calm)]
        if self.options.with_faults:
            harm.append(pool.submit(self.trouble.run, calm))
        sending = pool.submit(self.senders.run, calm)
        with suppress(TooLate):
            sending.result(self.options.seconds + self.options.patience)
        for one in self.reviewers:
            one.is_hasty = True
        harm[0].result()
        if self.options.with_faults:
            wait_until(self._most_are_decided, SECONDS_UNDER_TROUBLE, pause=1.0)
        calm.set()
        for end in (*harm, sending):
            end.result()

    def _most_are_decided(self) -> bool:
        decided = Case.objects.filter(status__in=rest.DECIDED).count()
        return decided >= SHARE_UNDER_TROUBLE * len(self.plan.submissions)

    def _settle(self) -> None:
        self.services.start()
        self.services.wait()
        until = time.monotonic() + self.options.patience
        rest.settle(self.evidence, poll=self._poll, until=until)
        self.desk.standin.wait_for_webhooks()

    def _poll(self) -> int:
        """How many submissions `manage.py jotform_sync` found to be read."""
        if not self.options.with_key:
            return 0
        said = scratch.manage("jotform_sync", environment=self.variables, log=self.log)
        return int(re.findall(r"\d+", said)[-1])

    def _gather(self) -> None:
        evidence = self.evidence
        evidence.take_in(self.plan, self.senders, self.reviewers)
        evidence.setbacks = self.killer.killed.total() + self.trouble.injected.total()
