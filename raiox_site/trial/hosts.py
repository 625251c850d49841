"""Several web and worker hosts on one database, one bucket and one Jotform, while a worker host
is cut off, another one is killed, and PostgreSQL is restarted."""

import json
import shutil
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from random import Random

from django.db import DatabaseError, connection

from cases.models import Case
from integrations.jotform.simulation.standin import JotformStandIn
from raiox_site import processes, running
from raiox_site.processes import wait_until
from raiox_site.trial import bucket, hosts_verdict, plan, rest, scratch, stock
from raiox_site.trial.cluster import Cluster, free_port, use
from raiox_site.trial.desk import FIELDS, Desk
from raiox_site.trial.evidence import Evidence
from raiox_site.trial.misfortunes import Misfortunes
from raiox_site.trial.network import Host, Network
from raiox_site.trial.plan import Delivery, Plan
from raiox_site.trial.reviewer import Reviewer
from raiox_site.trial.senders import Senders
from raiox_site.trial.services import Service
from raiox_site.trial.summary import Outcome

WEBS, WORKERS = ("web1", "web2"), ("worker1", "worker2")
WEB_PORT = 8000
SHARE_REPEATED = 0.1
# What a host that was cut off still does comes soon after it is back.
STALE_SECONDS = 45.0
Say = Callable[[str], object]


@dataclass(frozen=True)
class Options:
    """`cut_seconds` is how long the one host is cut off, `patience` how long the end may take."""

    cases: int = 500
    seed: int = 0
    rate: float = 4.0
    cut_seconds: float = 60.0
    patience: float = 20 * 60
    keep: bool = False

    @property
    def seconds(self) -> float:
        return self.cases / self.rate


def run(options: Options, say: Say) -> Outcome:
    """Raises CalledProcessError and TimeoutError where hosts and processes do not start."""
    drawn = draw(options)
    with ExitStack() as stack:
        path = stack.enter_context(scratch.folder(keep=options.keep))
        network = stack.enter_context(Network([*WEBS, *WORKERS]))
        port = free_port(network.address)
        cluster = stack.enter_context(Cluster(path, network.address, port))
        store = stack.enter_context(bucket.served(network.address, log=path / "bucket.log"))
        standin = stack.enter_context(JotformStandIn(host=network.address))
        network.show([standin.port])
        say(f"folder {path}, network {network.address}/24")
        trial = Trial(options, drawn, path, network, cluster, store, standin)
        stack.callback(trial.end)
        trial.prepare()
        trial.happen(say)
        return trial.outcome()


def draw(options: Options) -> Plan:
    """Each case once, one in ten told twice; nothing is edited or lost at Jotform: then every
    answer has to be written exactly once."""
    rng = Random(options.seed)  # noqa: S311 # nosec B311 # invented data, the same for a seed
    ids = tuple(str(plan.FIRST_NUMBER + number) for number in range(options.cases))
    told = [(number / options.cases, one) for number, one in enumerate(ids)]
    again = rng.sample(told, round(options.cases * SHARE_REPEATED))
    told += [(min(at + rng.uniform(0, 0.2), 1.0), one) for at, one in again]
    steps = [Delivery(at, number, one, 0) for number, (at, one) in enumerate(sorted(told))]
    return Plan(ids, frozenset(), tuple(steps))


class Trial:
    def __init__(
        self,
        options: Options,
        drawn: Plan,
        path: Path,
        network: Network,
        cluster: Cluster,
        store: bucket.Bucket,
        standin: JotformStandIn,
    ) -> None:
        self.options, self.plan, self.path = options, drawn, path
        self.network, self.cluster, self.store = network, cluster, store
        self.desk = Desk(standin, drawn, seed=options.seed)
        self.log = path / "processes.log"
        self.variables = self._variables(standin)
        self.services = {name: self._service(network.hosts[name]) for name in network.names}
        self.bases = [f"http://{network.hosts[name].address}:{WEB_PORT}" for name in WEBS]
        self.evidence = Evidence(self.desk, drawn.submissions)
        doors = [f"{base}/jotform" for base in self.bases]
        self.senders = Senders(drawn, self.desk, doors=doors, seconds=options.seconds)
        self.reviewers: list[Reviewer] = []
        self.started = time.monotonic()
        self.misfortunes = Misfortunes(
            cut=network.hosts["worker1"],
            killed=self.services["worker2"],
            cluster=cluster,
            cut_seconds=options.cut_seconds,
        )

    def prepare(self) -> None:
        self.cluster.execute("CREATE DATABASE raiox TEMPLATE template0")
        use(self.cluster.url("raiox"))
        scratch.fill(self.variables, self.log)
        passwords = json.loads((self.path / stock.ACCOUNTS).read_text())
        self.reviewers = [
            Reviewer(base, stock.REVIEWER, passwords[stock.REVIEWER], seed=seed)
            for seed, base in enumerate(self.bases)
        ]
        for service in self.services.values():
            service.start()
        for base in self.bases:
            running.wait_for(lambda base=base: running.is_up(base), 90)  # type: ignore[misc]

    def happen(self, say: Say) -> None:
        over = threading.Event()
        with ThreadPoolExecutor(len(self.reviewers) + 1) as pool:
            try:
                deciding = [pool.submit(one.run, over) for one in self.reviewers]
                sending = pool.submit(self.senders.run, over)
                say(f"{len(self.plan.deliveries)} deliveries in {self.options.seconds:.0f} s")
                self.misfortunes.befall(self._share_decided, say, seconds=self.options.patience)
                sending.result(self.options.patience)
                for one in self.reviewers:
                    one.is_hasty = True
                say("all is sent: waiting until everything is at rest")
                self._settle()
            finally:
                over.set()
        for end in deciding:
            end.result()
        self.evidence.take_in(self.plan, self.senders, self.reviewers)

    def outcome(self) -> Outcome:
        found = hosts_verdict.violations(self.evidence, self.store.names())
        found += self.misfortunes.violations()
        seconds = ("seconds", f"{time.monotonic() - self.started:.0f}")
        rows = [*hosts_verdict.rows(self.plan, self.evidence), *self.misfortunes.rows(), seconds]
        return Outcome(rows, found)

    def end(self) -> None:
        self.network.hosts["worker1"].join()
        for service in self.services.values():
            service.stop()
        processes.end_run(self.path, grace_s=5)
        connection.close()

    def _share_decided(self) -> float:
        with suppress(DatabaseError):
            decided = Case.objects.filter(status__in=rest.DECIDED).count()
            return decided / self.options.cases
        connection.close()
        return 0.0

    def _settle(self) -> None:
        for service in self.services.values():
            service.start()
        until = time.monotonic() + self.options.patience
        rest.settle(self.evidence, poll=lambda: 0, until=until)
        back = self.misfortunes.joined_at
        wait_until(lambda: time.monotonic() > back + STALE_SECONDS, STALE_SECONDS)
        self.evidence.unrest = rest.unrest(self.evidence)
        rest.wait_for_an_empty_queue()

    def _variables(self, standin: JotformStandIn) -> dict[str, str]:
        webs = [self.network.hosts[name].address for name in WEBS]
        return scratch.variables(
            self.path,
            "",
            JOTFORM_API_BASE=standin.base,
            JOTFORM_API_KEY=standin.api_key,
            JOTFORM_FIELDS=json.dumps(FIELDS),
            RAIOX_JOTFORM_SYNC_MINUTES="1",
            RAIOX_LOGIN_RATE="",
            RAIOX_WORKERS="1",
            RAIOX_WEB_PROCESSES="1",
            ALLOWED_HOSTS=",".join(webs),
            HOST="0.0.0.0",  # noqa: S104 # nosec B104 # of a namespace of our own
            PORT=str(WEB_PORT),
            DATABASE_URL=self.cluster.url("raiox"),
            **self.store.variables(),
        )

    def _service(self, host: Host) -> Service:
        """A machine of its own: nothing on its disk is another one's."""
        command = running.WEB if host.name in WEBS else running.WORKER
        variables = {**self.variables, "RAIOX_VAR_DIR": str(self.path / host.name)}
        return Service(command, variables, self.path / f"{host.name}.log", host.prefix)


def needs() -> list[str]:
    """What this machine lacks for such a trial, as sentences."""
    missing = [
        f"{program} is missing (apt-get install iproute2 iptables procps)"
        for program in ("ip", "iptables", "sysctl")
        if not shutil.which(program)
    ]
    if find_spec("moto") is None:
        missing.append("moto is missing (pip install -r requirements-dev.txt)")
    return missing
