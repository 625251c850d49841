"""kill -9, again and again, each time somewhere else."""

import enum
import threading
from collections import Counter
from random import Random

from raiox_site.trial.services import Service, Services


class Way(enum.Enum):
    WEB = "web, all of it"
    TASK = "one task process"
    WORKER = "worker, all of it"
    WEB_PROCESS = "one process of web"
    CLUSTER = "main process of the cluster"
    WATCHER = "watcher of the cluster alone"


class Killer:
    """Kills `times` processes within `seconds`; what cannot rise by itself is started again a
    moment later. `killed` counts what was really hit."""

    def __init__(self, services: Services, *, times: int, seconds: float, seed: int) -> None:
        self.killed: Counter[Way] = Counter()
        self._services, self._times, self._seconds = services, times, seconds
        self._rng = Random(seed)  # noqa: S311 # nosec B311 # invented data, the same for a seed

    def run(self, stopping: threading.Event) -> None:
        ways = list(Way)
        pause = self._seconds / max(self._times, 1)
        for number in range(self._times):
            if stopping.wait(pause * self._rng.uniform(0.5, 1.0)):
                return
            self._kill(ways[number % len(ways)], stopping)

    def _kill(self, way: Way, stopping: threading.Event) -> None:
        # A cluster that is just being replaced has no such process for a while.
        for _try in range(40):
            if self._hit(way):
                self.killed[way] += 1
                break
            if stopping.wait(0.25):
                return
        stopping.wait(self._rng.uniform(0.2, 2.0))
        self._services.start()

    def _hit(self, way: Way) -> bool:
        web, worker = self._services.web, self._services.worker
        match way:
            case Way.WEB:
                return web.kill_all()
            case Way.WEB_PROCESS:
                return self._hit_descendant(web, 1)
            case Way.WORKER:
                return worker.kill_all()
            case Way.WATCHER:
                return worker.kill_first()
            case Way.CLUSTER:
                return self._hit_descendant(worker, 1)
            case Way.TASK:
                return self._hit_descendant(worker, 3)

    def _hit_descendant(self, service: Service, generation: int) -> bool:
        return service.kill_one(generation, self._rng.choice)
