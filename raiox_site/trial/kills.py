"""kill -9 of anything that an installation consists of, one thing at a time."""

import enum
import threading
import time
from collections import Counter
from collections.abc import Callable
from random import Random

import psutil

from raiox_site.trial.cluster import Cluster
from raiox_site.trial.memory import kind_of
from raiox_site.trial.services import Services

# Who starts it again in an installation (systemd) waits a moment.
RISES_AFTER = 2.0


class Target(enum.Enum):
    WEB = "web, all of it"
    WEB_PROCESS = "one process of web"
    WORKER = "worker, all of it"
    WATCHER = "watcher of the cluster alone"
    CLUSTER = "main process of the cluster"
    TASK = "one process of the cluster"
    DECODER = "one decoder"
    DATABASE = "PostgreSQL, its main process"
    SESSION = "PostgreSQL, one session"


class Kills:
    """`killed` counts what was really hit. In an hour everything has its turn."""

    def __init__(self, services: Services, cluster: Cluster, *, pause: float, seed: int) -> None:
        self.killed: Counter[Target] = Counter()
        self._services, self._cluster, self._pause = services, cluster, pause
        self._rng = Random(seed)  # noqa: S311 # nosec B311 # invented data, the same for a seed
        self._left: list[Target] = []

    def run(self, stopping: threading.Event, *, seconds: float) -> None:
        """Kill for so long: who still repeats a request then gets its answer."""
        end = time.monotonic() + seconds
        while time.monotonic() + self._pause < end and not stopping.wait(self._pause):
            if not self._left:
                self._left = self._rng.sample([*Target], len(Target))
            target = self._left.pop()
            # A cluster that is just being replaced has no such process for a while.
            for _try in range(20):
                if self._hit(target):
                    self.killed[target] += 1
                    break
                if stopping.wait(0.5):
                    break
            stopping.wait(RISES_AFTER)
            self.revive()

    def revive(self) -> None:
        if self._cluster.postmaster() is None:
            self._cluster.start()
        self._services.start()

    def _hit(self, target: Target) -> bool:
        web, worker = self._services.web, self._services.worker
        match target:
            case Target.WEB:
                return web.kill_all()
            case Target.WEB_PROCESS:
                return web.kill_one(1, self._rng.choice)
            case Target.WORKER:
                return worker.kill_all()
            case Target.WATCHER:
                return worker.kill_first()
            case Target.CLUSTER:
                return worker.kill_one(1, self._rng.choice)
            case Target.TASK:
                return worker.kill_one(3, self._rng.choice)
            case Target.DECODER:
                return self._hit_any(self._services.everyone(), _is_decoder)
            case Target.DATABASE:
                return self._cluster.kill()
            case Target.SESSION:
                postmaster = self._cluster.postmaster()
                family = postmaster.children() if postmaster else []
                return self._hit_any(family, _is_session)

    def _hit_any(
        self, family: list[psutil.Process], is_meant: Callable[[psutil.Process], bool]
    ) -> bool:
        try:
            self._rng.choice([one for one in family if is_meant(one)]).kill()
        except (IndexError, psutil.Error):
            return False
        return True


def _is_decoder(process: psutil.Process) -> bool:
    return kind_of(" ".join(process.cmdline())) == "decoder"


def _is_session(process: psutil.Process) -> bool:
    return "127.0.0.1" in " ".join(process.cmdline())
