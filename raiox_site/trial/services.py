"""The real processes of a trial, which are killed and started again."""

import subprocess
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import psutil

from raiox_site import processes, running
from raiox_site.running import wait_for

Choose = Callable[[list[psutil.Process]], psutil.Process]


@dataclass
class Service:
    """One process with its descendants; `prefix` says where it runs. What kills says whether it
    met what it was to kill."""

    command: tuple[str, ...]
    environment: dict[str, str]
    log: Path
    prefix: tuple[str, ...] = ()
    child: subprocess.Popen[bytes] | None = field(default=None, init=False)

    def start(self) -> None:
        """Start it unless it runs."""
        if self.child is None or self.child.poll() is not None:
            self.child = running.start(
                *self.command, environment=self.environment, log=self.log, prefix=self.prefix
            )

    def stop(self) -> None:
        if self.child is not None:
            running.stop(self.child)

    def kill_all(self) -> bool:
        if self.child is None or self.child.poll() is not None:
            return False
        running.kill_nine(self.child)
        return True

    def kill_first(self) -> bool:
        """Kill the process that was started, and leave its descendants behind."""
        if self.child is None or self.child.poll() is not None:
            return False
        self.child.kill()
        self.child.wait()
        return True

    def kill_one(self, generation: int, choose: Choose) -> bool:
        """Kill one descendant: a child is of generation 1, a child of a child of generation 2."""
        family = self._generation(generation)
        if not family:
            return False
        try:
            choose(family).kill()
        except psutil.NoSuchProcess:
            return False
        return True

    def _generation(self, number: int) -> list[psutil.Process]:
        if self.child is None or self.child.poll() is not None:
            return []
        family = [psutil.Process(self.child.pid)]
        for _step in range(number):
            try:
                family = [child for parent in family for child in parent.children()]
            except psutil.NoSuchProcess:
                return []
        return family


@dataclass
class Services:
    web: Service
    worker: Service
    base: str

    def everyone(self) -> list[psutil.Process]:
        """All processes of both, also those that hide where they come from."""
        children = [one.child for one in (self.web, self.worker) if one.child is not None]
        found = [running.family(child.pid) for child in children]
        return [process for family in found for process in family]

    def start(self) -> None:
        self.web.start()
        self.worker.start()

    def wait(self) -> None:
        """Raises TimeoutError."""
        wait_for(lambda: running.is_up(self.base), 60)

    def end(self, run_dir: Path) -> None:
        """Stop both, and whatever else they have left behind."""
        self.worker.stop()
        self.web.stop()
        processes.end_run(run_dir, grace_s=5)


def made(variables: dict[str, str], *, port: int, log: Path) -> Services:
    variables = {**variables, "PORT": str(port)}
    web = Service(running.WEB, variables, log)
    worker = Service(running.WORKER, variables, log)
    return Services(web, worker, f"http://127.0.0.1:{port}")
