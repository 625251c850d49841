"""Finding and ending processes so that neither a reused pid nor a zombie misleads.

`deploy/dev.sh` calls `python -m raiox_site.processes` for what an earlier run left behind.
No Django here: it also runs before anything is migrated.
"""

import argparse
import os
import sys
import time
from collections.abc import Callable, Iterable
from pathlib import Path

import psutil

RUN_MARK = "RAIOX_RUN_DIR"
# The clock that psutil derives start times from may be stepped while a process lives.
CLOCK_TOLERANCE_S = 2.0


def is_alive(process: psutil.Process) -> bool:
    """Whether it still runs. A zombie does not: where PID 1 reaps nothing, it stays for ever."""
    try:
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    except psutil.Error:
        return False


def recognise(pid: int, create_time: float) -> psutil.Process | None:
    """The living process with that pid, unless the pid went to another one since."""
    try:
        process = psutil.Process(pid)
        same = abs(process.create_time() - create_time) < CLOCK_TOLERANCE_S
    except psutil.Error:
        return None
    return process if same and is_alive(process) else None


def wait_until(condition: Callable[[], bool], seconds: float, pause: float = 0.05) -> bool:
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() >= deadline:
            return False
        time.sleep(pause)
    return True


def end(processes: Iterable[psutil.Process], grace_s: float) -> None:
    """SIGTERM, `grace_s` seconds to obey, SIGKILL."""
    ours = list(processes)
    _signal(ours, psutil.Process.terminate)
    if not wait_until(lambda: not any(map(is_alive, ours)), grace_s):
        kill(ours)


def kill(processes: Iterable[psutil.Process]) -> None:
    ours = list(processes)
    _signal(ours, psutil.Process.kill)
    wait_until(lambda: not any(map(is_alive, ours)), 5)


def _signal(processes: Iterable[psutil.Process], send: Callable[[psutil.Process], None]) -> None:
    for process in processes:
        try:
            send(process)
        except psutil.Error:
            continue


def of_run(run_dir: Path) -> list[psutil.Process]:
    """Every living process that a run with this directory started, whoever its parent is now."""
    own = psutil.Process()
    spared = {own.pid, *(parent.pid for parent in own.parents())}
    return [
        process
        for process in psutil.process_iter()
        if process.pid not in spared and is_alive(process) and _run_of(process) == str(run_dir)
    ]


def _run_of(process: psutil.Process) -> str | None:
    try:
        return process.environ().get(RUN_MARK)
    except (psutil.Error, OSError):
        return None


def end_run(run_dir: Path, grace_s: float = 30) -> int:
    """End what a killed run left behind and say how many processes that were.

    Only the topmost ones are asked, so that each ends its own children in order.
    """
    left = of_run(run_dir)
    pids = {process.pid for process in left}
    roots = [process for process in left if _parent_pid(process) not in pids]
    guards = [process for process in roots if _guards_the_database(process)]
    # A guard that is asked to end stops PostgreSQL, under the feet of a draining worker.
    kill(guards)
    end([process for process in roots if process not in guards], grace_s)
    kill(of_run(run_dir))
    return len(left)


def _parent_pid(process: psutil.Process) -> int | None:
    try:
        return process.ppid()
    except psutil.Error:
        return None


def _guards_the_database(process: psutil.Process) -> bool:
    try:
        return "raiox_site.embedded_postgres" in process.cmdline()
    except psutil.Error:
        return False


def main(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(prog="raiox_site.processes")
    parser.add_argument("action", choices=["end-run", "is-alive", "identity"])
    parser.add_argument("target", help="a run directory, a file made by `identity`, or a pid")
    options = parser.parse_args(arguments)
    if options.action == "end-run":
        count = end_run(Path(options.target))
        if count:
            sys.stdout.write(f"Ended {count} processes of an earlier run.\n")
    elif options.action == "identity":
        pid = int(options.target)
        sys.stdout.write(f"{pid} {psutil.Process(pid).create_time()}\n")
    else:
        return 0 if _recorded_is_alive(Path(options.target)) else 1
    return 0


def _recorded_is_alive(file: Path) -> bool:
    try:
        pid, create_time = file.read_text(encoding="ascii").split()
        return int(pid) != os.getpid() and recognise(int(pid), float(create_time)) is not None
    except (OSError, ValueError):
        return False


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
