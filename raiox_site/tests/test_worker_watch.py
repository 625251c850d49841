"""The watcher, against real process trees shaped like a django-q2 cluster."""

import json
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from raiox_site import processes, worker
from raiox_site.processes import is_alive, wait_until

# main -> sentinel -> two workers; SIGTERM to the main process drains, as in django-q2.
CLUSTER = """
import os, signal, sys, time

def child(work):
    pid = os.fork()
    if pid == 0:
        work()
        os._exit(0)
    return pid

def sleep():
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    time.sleep(600)

def sentinel():
    workers = [child(sleep), child(sleep)]
    def drain(*_):
        for pid in workers:
            os.kill(pid, signal.SIGTERM)
        for pid in workers:
            os.waitpid(pid, 0)
        open(sys.argv[1], "a").write("drained\\n")
        os._exit(0)
    signal.signal(signal.SIGUSR1, drain)
    while True:
        time.sleep(600)

guard = child(sentinel)

def stop(*_):
    os.kill(guard, signal.SIGUSR1)

signal.signal(signal.SIGTERM, stop)
os.waitpid(guard, 0)
"""
DEAF = "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); time.sleep(600)"


@pytest.fixture
def drained(tmp_path: Path) -> Path:
    return tmp_path / "drained"


@pytest.fixture
def command(drained: Path) -> list[str]:
    return [sys.executable, "-c", CLUSTER, str(drained)]


@pytest.fixture
def state_file(tmp_path: Path) -> Path:
    return tmp_path / "run" / "worker.json"


class Watcher:
    def __init__(self, command: list[str], state_file: Path) -> None:
        self.state_file = state_file
        self.stopping = threading.Event()
        self.thread = threading.Thread(
            target=worker.run,
            args=(command, state_file, self.stopping),
            kwargs={"grace_s": 5},
            daemon=True,
        )
        self.thread.start()

    def recorded(self) -> list[psutil.Process]:
        """Main process, sentinel and two workers, once all are noted down and alive."""
        found: list[psutil.Process] = []

        def complete() -> bool:
            try:
                members = json.loads(self.state_file.read_text())["members"]
            except (OSError, ValueError):
                return False
            found[:] = [one for one in (processes.recognise(*pair) for pair in members) if one]
            return len(found) == 4

        assert wait_until(complete, 10)
        return sorted(found, key=lambda process: (process.create_time(), process.pid))

    def stop(self) -> None:
        self.stopping.set()
        self.thread.join(15)
        assert not self.thread.is_alive()


@pytest.fixture
def watcher(command: list[str], state_file: Path) -> Iterator[Watcher]:
    watching = Watcher(command, state_file)
    yield watching
    watching.stop()


@pytest.mark.parametrize("victim", [0, 1, 3], ids=["main", "sentinel", "worker"])
def test_when_a_member_is_killed_the_whole_cluster_is_replaced(
    watcher: Watcher, victim: int
) -> None:
    before = watcher.recorded()

    before[victim].kill()

    assert wait_until(lambda: not any(map(is_alive, before)), 15)
    after = watcher.recorded()
    assert not set(before) & set(after)


def test_at_the_end_the_cluster_drains_and_nothing_is_left(
    watcher: Watcher, drained: Path, state_file: Path
) -> None:
    members = watcher.recorded()

    watcher.stop()

    assert drained.read_text() == "drained\n"
    assert not any(map(is_alive, members))
    assert not state_file.exists()


def test_a_cluster_that_does_not_obey_is_killed() -> None:
    child, cluster = worker.start([sys.executable, "-c", DEAF])
    worker.end(cluster, grace_s=0.5)
    assert child.wait(5) != 0


def test_what_a_killed_watcher_left_behind_is_ended(command: list[str], state_file: Path) -> None:
    child, cluster = worker.start(command)
    assert wait_until(lambda: worker.notice_members(cluster) and len(cluster.members) == 4, 10)
    worker.remember(cluster, state_file)

    worker.end_leftovers(state_file)

    assert cluster.everyone() == []
    child.wait(5)


def test_orphans_are_ended_although_their_main_process_is_gone(
    command: list[str], state_file: Path
) -> None:
    child, cluster = worker.start(command)
    assert wait_until(lambda: worker.notice_members(cluster) and len(cluster.members) == 4, 10)
    worker.remember(cluster, state_file)
    child.kill()
    child.wait()

    worker.end_leftovers(state_file)

    assert not any(map(is_alive, cluster.members))


def test_a_process_that_only_has_the_recorded_pid_is_spared(state_file: Path) -> None:
    bystander = subprocess.Popen(
        [sys.executable, "-c", "import time; time.sleep(600)"], start_new_session=True
    )
    try:
        since = psutil.Process(bystander.pid).create_time()
        state = {"pgid": bystander.pid, "members": [[bystander.pid, since - 3600]]}
        state_file.parent.mkdir()
        state_file.write_text(json.dumps(state))

        worker.end_leftovers(state_file)

        assert bystander.poll() is None
    finally:
        bystander.kill()
        bystander.wait()


@pytest.mark.parametrize("content", ["", "{", "[]", '{"pgid": 1}'])
def test_an_unreadable_note_is_ignored(state_file: Path, content: str) -> None:
    state_file.parent.mkdir()
    state_file.write_text(content)
    worker.end_leftovers(state_file)


def test_only_processes_that_carry_the_mark_of_a_run_are_ended(tmp_path: Path) -> None:
    sleeping = [sys.executable, "-c", "import time; time.sleep(600)"]
    ours = subprocess.Popen(sleeping, env={**os.environ, processes.RUN_MARK: str(tmp_path)})
    other = subprocess.Popen(sleeping, env={**os.environ, processes.RUN_MARK: "/elsewhere"})
    try:
        assert wait_until(lambda: len(processes.of_run(tmp_path)) == 1, 5)
        assert processes.end_run(tmp_path, grace_s=5) == 1
        assert ours.wait(5) != 0
        assert other.poll() is None
    finally:
        other.kill()
        other.wait()


def test_a_recorded_process_is_found_alive_and_then_dead(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
    note = tmp_path / "dev.pid"
    assert processes.main(["identity", str(child.pid)]) == 0
    note.write_text(capsys.readouterr().out)
    assert processes.main(["is-alive", str(note)]) == 0

    child.kill()
    child.wait()

    assert processes.main(["is-alive", str(note)]) == 1
    assert processes.main(["is-alive", str(tmp_path / "missing")]) == 1


def test_an_orphaned_guard_is_not_asked_to_stop_the_database(tmp_path: Path) -> None:
    noting = "import signal, sys, time, pathlib\n"
    noting += "signal.signal(signal.SIGTERM, lambda *_: pathlib.Path(sys.argv[1]).touch())\n"
    noting += "print('ready', flush=True)\nwhile True: time.sleep(600)\n"
    guard = subprocess.Popen(
        [sys.executable, "-c", noting, str(tmp_path / "asked"), "raiox_site.embedded_postgres"],
        env={**os.environ, processes.RUN_MARK: str(tmp_path)},
        stdout=subprocess.PIPE,
    )
    assert guard.stdout is not None
    assert guard.stdout.readline() == b"ready\n"

    assert processes.main(["end-run", str(tmp_path)]) == 0

    assert guard.wait(5) != 0
    guard.stdout.close()
    assert not (tmp_path / "asked").exists()
