"""An hour of everyday work, while something is killed every minute."""

import json
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import psutil
from django.conf import settings
from django.db import connection

from cases.models import Case, CaseEvent, client_hash
from integrations.jotform.simulation.loopback import FileServer
from integrations.jotform.simulation.standin import JotformStandIn
from raiox_site import running
from raiox_site.processes import wait_until
from raiox_site.trial import hosts_verdict, rest, scratch, services, stock, verdict
from raiox_site.trial.cluster import ADDRESS, Cluster, free_port, use
from raiox_site.trial.desk import FIELDS, Desk
from raiox_site.trial.evidence import Evidence
from raiox_site.trial.kills import Kills
from raiox_site.trial.memory import Memory
from raiox_site.trial.plan import Plan
from raiox_site.trial.reviewer import Reviewer
from raiox_site.trial.summary import Outcome, Row
from raiox_site.trial.traffic import REPEATED, Traffic

# While something rises again it is said so, or nobody answers, and whose login was interrupted is
# still logged out (401), or waits (429); an error of ours is none of these.
ALLOWED = frozenset({0, 200, 502, 503})
ALLOWED_OF_STAFF = ALLOWED | {401, 429}
BACK_WITHIN = 60.0
Say = Callable[[str], object]


@dataclass(frozen=True)
class Options:
    """`pause` are the seconds between two kills, `patience` how long the end may take."""

    minutes: float = 60.0
    rate: float = 5.0
    pause: float = 60.0
    seed: int = 0
    patience: float = 15 * 60
    keep: bool = False

    @property
    def seconds(self) -> float:
        return self.minutes * 60


def run(options: Options, say: Say) -> Outcome:
    """Raises CalledProcessError and TimeoutError where the processes do not start."""
    with ExitStack() as stack:
        path = stack.enter_context(scratch.folder(keep=options.keep))
        cluster = stack.enter_context(Cluster(path, ADDRESS, free_port(ADDRESS)))
        standin = stack.enter_context(JotformStandIn())
        files = stack.enter_context(FileServer())
        say(f"folder {path}")
        desk = Desk(standin, Plan((), frozenset(), ()), seed=options.seed)
        trial = Trial(options, path, cluster, desk, files)
        stack.callback(trial.end)
        trial.happen(say)
        return trial.outcome()


class Trial:
    def __init__(
        self,
        options: Options,
        path: Path,
        cluster: Cluster,
        desk: Desk,
        files: FileServer,
    ) -> None:
        self.options, self.path, self.cluster, self.desk = options, path, cluster, desk
        self.log = path / "processes.log"
        self.variables = _variables(path, cluster, desk.standin)
        port = running.free_port()
        self.services = services.made(self.variables, port=port, log=self.log)
        login = self._prepare()
        self.traffic = Traffic(
            self.services.base,
            desk,
            files,
            login=login,
            rate=options.rate,
            seed=options.seed,
        )
        self.kills = Kills(self.services, cluster, pause=options.pause, seed=options.seed)
        self.memory = Memory(options.seconds, self._everyone)
        self.reviewer = Reviewer(self.services.base, *login, seed=options.seed)
        self.reviewer.is_hasty = True
        self.evidence = Evidence(desk, ())
        self.took = self.started = 0.0

    def happen(self, say: Say) -> None:
        calm, over = threading.Event(), threading.Event()
        self.services.start()
        self.services.wait()
        self.started = time.monotonic()
        say(f"{self.options.minutes:g} minutes at {self.options.rate:g} requests/s")
        with ThreadPoolExecutor(4) as pool:
            try:
                deciding = pool.submit(self.reviewer.run, over)
                killing = pool.submit(self.kills.run, calm, seconds=self.options.seconds)
                watching = pool.submit(
                    self.memory.run,
                    calm,
                    clock=lambda: time.monotonic() - self.started,
                    pause=max(self.options.seconds / 360, 2.0),
                )
                sending = pool.submit(self.traffic.run, over, seconds=self.options.seconds)
                self._tell(say, sending.done)
                sending.result()
                self.took = time.monotonic() - self.started
                calm.set()
                killing.result()
                watching.result()
                say("all is sent: waiting until everything is at rest")
                self._settle()
            finally:
                calm.set()
                over.set()
        deciding.result()

    def outcome(self) -> Outcome:
        return Outcome([*self._rows()], [*self._violations()])

    def end(self) -> None:
        self.services.end(self.path)
        connection.close()

    def _prepare(self) -> tuple[str, str]:
        self.cluster.execute("CREATE DATABASE raiox TEMPLATE template0")
        use(self.cluster.url("raiox"))
        scratch.fill(self.variables, self.log)
        passwords = json.loads((self.path / stock.ACCOUNTS).read_text())
        return stock.REVIEWER, passwords[stock.REVIEWER]

    def _tell(self, say: Say, is_over: Callable[[], bool]) -> None:
        """A line every five minutes: nobody looks at a silent terminal for an hour."""
        while not wait_until(is_over, 300.0, 1.0):
            passed = time.monotonic() - self.started
            kills = self.kills.killed.total()
            say(f"{passed / 60:.0f} min: {self.traffic.done} requests done, {kills} kills")

    def _settle(self) -> None:
        self.kills.revive()
        self.services.wait()
        connection.close()
        self.evidence.submissions = sorted(self.traffic.sent)
        self.evidence.decisions = self.reviewer.answers
        until = time.monotonic() + self.options.patience
        rest.settle(self.evidence, poll=lambda: 0, until=until)
        rest.wait_for_an_empty_queue()

    def _everyone(self) -> Iterable[psutil.Process]:
        postmaster = self.cluster.postmaster()
        database = running.family(postmaster.pid) if postmaster else []
        return [*self.services.everyone(), *database]

    def _rows(self) -> Iterator[Row]:
        traffic, happened = self.traffic, Counter(CaseEvent.objects.values_list("what", flat=True))
        yield "minutes", f"{self.took / 60:.1f}"
        reached = f"{traffic.done / self.took:.2f} of {self.options.rate:g}"
        yield "requests per second, reached of wanted", reached
        for kind, seen in sorted(traffic.seen.items()):
            middle, slow, longest = traffic.latencies(kind)
            yield f"  {kind}", f"{len(seen.seconds)} answered"
            yield "    p50, p95, longest", f"{middle:.2f}, {slow:.2f}, {longest:.1f} s"
            wrong = {str(code): n for code, n in sorted(seen.statuses.items()) if code != 200}
            yield "    no answer (0) or another than 200", json.dumps(wrong)
        yield "longest time without an answer", f"{traffic.longest_silence:.1f} s"
        yield "kills", str(self.kills.killed.total())
        for target, count in self.kills.killed.items():
            yield f"  {target.value}", str(count)
        yield "cases", str(Case.objects.count())
        yield "  of Jotform", f"{len(traffic.submissions)} accepted"
        yield "  of uploads and webhooks", f"{len(traffic.clients)} accepted"
        yield "decisions", str(happened["approved"] + happened["rejected"])
        yield "answers at Jotform", str(len(self.desk.standin.edits()))
        yield "memory of one process (USS)", "median and highest"
        yield from self.memory.rows()

    def _violations(self) -> Iterator[str]:
        evidence, traffic = self.evidence, self.traffic
        yield from verdict.came_to_rest(evidence)
        for check in (
            verdict.cases_say_what_jotform_says,
            verdict.every_case_is_decided,
            hosts_verdict.everything_happened_once,
            hosts_verdict.every_answer_was_sent_once,
            hosts_verdict.every_task_came_to_an_end,
        ):
            yield from check(evidence)
        if lost := traffic.sent - traffic.submissions:
            yield f"{len(lost)} submissions were never accepted"
        hashes = set(Case.objects.values_list("client_hash", flat=True))
        for client in traffic.clients:
            if client_hash(client) not in hashes:
                yield f"the film of {client} was accepted and is no case"
        for kind, seen in sorted(traffic.seen.items()):
            allowed = ALLOWED if kind in REPEATED else ALLOWED_OF_STAFF
            for status, count in seen.statuses.items():
                if status not in allowed:
                    yield f"{count} requests ({kind}) were answered with {status}"
        if traffic.longest_silence > BACK_WITHIN:
            yield f"nothing was answered for {traffic.longest_silence:.0f} s"
        yield from self.memory.violations()


def _variables(path: Path, cluster: Cluster, standin: JotformStandIn) -> dict[str, str]:
    return scratch.variables(
        path,
        "",
        DATABASE_URL=cluster.url("raiox"),
        JOTFORM_API_BASE=standin.base,
        JOTFORM_API_KEY=standin.api_key,
        JOTFORM_FIELDS=json.dumps(FIELDS),
        RAIOX_JOTFORM_SYNC_MINUTES="1",
        RAIOX_HASH_KEY=str(settings.RAIOX_HASH_KEY),
        RAIOX_LOGIN_RATE="",
        RAIOX_TOKEN_RATE="",  # nosec B106 # no limit, no password
    )
