"""Watching the django-q2 cluster from outside.

A cluster that loses one process may hang in silence (an idle worker killed while it holds the
queue), go on without a scheduler (the sentinel killed) or leave orphans (the main process
killed). So when any process of it vanishes, or all live and no task comes through any more, all
of it is ended and a new one is started. Tasks are safe to run twice; the domain rows, not the
queue, say what is done.

systemd is told that all is well once for every time that a task came through, and not otherwise:
where this process hangs too, its watchdog starts all of it anew.

A worker that leaves after `recycle` tasks looks the same from here and has the same effect,
after the others have finished what they hold.
"""

import json
import logging
import os
import subprocess
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import psutil

from matching import priority
from raiox_site import metric_files, systemd
from raiox_site.processes import is_alive, kill, recognise, wait_until

log = logging.getLogger(__name__)

POLL_S = 0.5
# After a loss the cluster may be unable to drain, and the work should go on within seconds.
LOSS_GRACE_S = 8.0
SETTLED_S = 30.0
LONGEST_PAUSE_S = 10.0
# Twice as long as one task may take: then one of those that a full cluster waits for is done.
STALL_S = 120.0
# So many times as long until the first one: each task process loads the encoder before it.
FIRST_TIMES = 2.5
# On a host that they share, deliveries are taken in first: what waits in the queue is safe.
NICENESS = 10
PULSE_DIR = "RAIOX_PULSE_DIR"
# A task came all the way through; the process that minds the others went round.
TASKS, GUARD = "tasks", "guard"
# Nobody waits for an answer here, and the machine may be busy.
DECODE_SECONDS = "20"


@dataclass
class Cluster:
    """A process group of its own: the main process, and all that descends from it."""

    pgid: int
    members: set[psutil.Process] = field(default_factory=set)

    @property
    def main_process(self) -> psutil.Process | None:
        return next((member for member in self.members if member.pid == self.pgid), None)

    def main_is_alive(self) -> bool:
        main = self.main_process
        return main is not None and is_alive(main)

    def lost(self) -> list[psutil.Process]:
        return [member for member in self.members if not is_alive(member)]

    def everyone(self) -> list[psutil.Process]:
        """All processes of the group.

        A group keeps its number as long as a member lives, so one known survivor proves that
        the group is still ours; without one the number may have gone to somebody else.
        """
        if not any(map(is_alive, self.members)):
            return []
        return [process for process in psutil.process_iter() if _group_of(process) == self.pgid]


def _group_of(process: psutil.Process) -> int | None:
    try:
        return os.getpgid(process.pid) if is_alive(process) else None
    except ProcessLookupError:
        return None


@dataclass
class Pulse:
    """The marks that a cluster leaves in a folder, and when they last changed (monotonic)."""

    folder: Path
    seen: dict[str, int] = field(default_factory=dict)
    since: dict[str, float] = field(default_factory=dict)

    def begin(self) -> None:
        """What an earlier cluster left counts no more."""
        self.folder.mkdir(parents=True, exist_ok=True)
        for name in (TASKS, GUARD):
            (self.folder / name).unlink(missing_ok=True)
        self.seen, self.since = {}, dict.fromkeys((TASKS, GUARD), time.monotonic())

    def came(self, name: str) -> bool:
        """Whether the mark was left anew since the last call."""
        try:
            left = (self.folder / name).stat().st_mtime_ns
        except OSError:
            return False
        if self.seen.get(name) == left:
            return False
        self.seen[name], self.since[name] = left, time.monotonic()
        return True

    def ever_came(self, name: str) -> bool:
        return name in self.seen

    def silence(self) -> float:
        """Seconds since the mark that is the older one."""
        return time.monotonic() - min(self.since.values())


def start(
    command: Sequence[str], pulse: Path | None = None
) -> tuple[subprocess.Popen[bytes], Cluster]:
    variables = {"RAIOX_DECODE_SECONDS": DECODE_SECONDS, **systemd.for_children(os.environ)}
    if pulse:
        variables[PULSE_DIR] = str(pulse)
    child = subprocess.Popen(command, start_new_session=True, env=variables)
    priority.lower(child.pid, NICENESS)
    return child, Cluster(pgid=child.pid, members={psutil.Process(child.pid)})


def notice_members(cluster: Cluster) -> bool:
    """Take in the sentinel and its processes; what a task starts is not the cluster's concern."""
    main = cluster.main_process
    seen: set[psutil.Process] = set()
    for parent in [main, *_children(main)] if main else []:
        seen.update(_children(parent))
    new = seen - cluster.members
    cluster.members |= new
    return bool(new)


def _children(process: psutil.Process) -> list[psutil.Process]:
    try:
        return [child for child in process.children() if is_alive(child)]
    except psutil.Error:
        return []


def end(cluster: Cluster, grace_s: float) -> None:
    """SIGTERM to the main process only (workers would die mid-task), then SIGKILL to the rest."""
    main = cluster.main_process
    if main is not None and is_alive(main):
        main.terminate()
        wait_until(lambda: not cluster.main_is_alive(), grace_s)
    left = cluster.everyone()
    if left:
        log.warning("Killing %d processes of the cluster that did not end", len(left))
        kill(left)


def remember(cluster: Cluster, state_file: Path) -> None:
    """Write down who belongs to the cluster, for a successor if this process is killed."""
    members = []
    for member in cluster.members:
        try:
            members.append([member.pid, member.create_time()])
        except psutil.Error:
            continue
    state_file.parent.mkdir(parents=True, exist_ok=True)
    unfinished = state_file.with_suffix(".new")
    unfinished.write_text(json.dumps({"pgid": cluster.pgid, "members": members}), "ascii")
    unfinished.replace(state_file)


def end_leftovers(state_file: Path, grace_s: float = LOSS_GRACE_S) -> None:
    """End the cluster of an earlier watcher that was killed."""
    try:
        state = json.loads(state_file.read_text("ascii"))
        recorded = [recognise(int(pid), float(since)) for pid, since in state["members"]]
        cluster = Cluster(int(state["pgid"]), {process for process in recorded if process})
    except (OSError, ValueError, KeyError, TypeError):
        return
    if cluster.members:
        log.warning("Ending the cluster that an earlier watcher left behind")
        end(cluster, grace_s)


def watch(
    cluster: Cluster,
    state_file: Path,
    stopping: threading.Event,
    pulse: Pulse,
    *,
    stall_s: float = STALL_S,
) -> None:
    """Return when a member is lost, no task came through for `stall_s`, or `stopping` is set."""
    remember(cluster, state_file)
    while not stopping.wait(POLL_S):
        lost = cluster.lost()
        if lost:
            log.error("The cluster lost process %s", ", ".join(str(one.pid) for one in lost))
            return
        if notice_members(cluster):
            remember(cluster, state_file)
        if not _works(pulse, stall_s):
            log.error("The cluster lives, and no task came through for %.0f s", pulse.silence())
            return


def _works(pulse: Pulse, stall_s: float) -> bool:
    pulse.came(GUARD)
    came_through, silence = pulse.came(TASKS), pulse.silence()
    if came_through and silence < stall_s:
        systemd.tell("READY=1", "WATCHDOG=1", "STATUS=Tasks are executed.")
    return silence < (stall_s if pulse.ever_came(TASKS) else stall_s * FIRST_TIMES)


def run(
    command: Sequence[str],
    state_file: Path,
    stopping: threading.Event,
    *,
    grace_s: float,
    stall_s: float = STALL_S,
) -> None:
    """Keep one cluster running until `stopping` is set, then let it finish its tasks."""
    end_leftovers(state_file)
    pulse = Pulse(state_file.with_suffix(".pulse"))
    failures = 0
    while not stopping.is_set():
        started = time.monotonic()
        pulse.begin()
        child, cluster = start(command, pulse.folder)
        watch(cluster, state_file, stopping, pulse, stall_s=stall_s)
        if stopping.is_set():
            systemd.tell("STOPPING=1", "STATUS=Finishing what runs.")
        end(cluster, grace_s if stopping.is_set() else LOSS_GRACE_S)
        child.wait()
        metric_files.fold_ended()
        failures = 0 if time.monotonic() - started > SETTLED_S else failures + 1
        if failures > 1:
            stopping.wait(min(2.0 ** (failures - 2), LONGEST_PAUSE_S))
    state_file.unlink(missing_ok=True)
