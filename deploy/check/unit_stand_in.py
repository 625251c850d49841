"""Does for one unit what systemd would, where systemd is not the first process.

Usage: unit_stand_in.py UNIT LOG COMMAND…

Runs COMMAND with a NOTIFY_SOCKET, ends it with SIGABRT when `WATCHDOG=1` stays away for the unit's
WatchdogSec, starts it anew whenever it ends (Restart=always), and at SIGTERM ends it as
KillMode=mixed does: SIGTERM for the main process, SIGKILL for what is left of all others.
WATCHDOG_S in the environment shortens WatchdogSec. LOG gets a line for each event:
`<seconds> <event>`, on the clock that Python calls monotonic.
"""

import configparser
import contextlib
import ctypes
import os
import select
import signal
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import psutil

PR_SET_CHILD_SUBREAPER = 36


class Unit:
    def __init__(self, path: str) -> None:
        parser = configparser.RawConfigParser(strict=False, delimiters=("=",))
        parser.optionxform = str  # type: ignore[assignment,method-assign]
        parser.read(path)
        service = parser["Service"]
        wanted = {"Type": "notify", "KillMode": "mixed", "Restart": "always"}
        wrong = [name for name in wanted if service.get(name) != wanted[name]]
        if wrong:
            sys.exit(f"{path}: this stand-in cannot do what it says of {', '.join(wrong)}")
        self.watchdog = float(os.environ.get("WATCHDOG_S") or service["WatchdogSec"])
        self.stop = float(service["TimeoutStopSec"])
        self.abort = float(service["TimeoutAbortSec"])
        self.pause = float(service["RestartSec"])


class Journal:
    def __init__(self, path: str) -> None:
        self.file = Path(path).open("a", buffering=1)  # noqa: SIM115 # as long as the process

    def note(self, event: str) -> None:
        self.file.write(f"{time.monotonic():.2f} {event}\n")


def kill_all() -> None:
    """Everything that descends from here; orphans have become children."""
    for process in psutil.Process().children(recursive=True):
        with contextlib.suppress(psutil.Error):
            process.kill()
    with contextlib.suppress(ChildProcessError):
        while os.waitpid(-1, os.WNOHANG)[0]:
            pass


def end(main: subprocess.Popen[bytes], number: int, seconds: float) -> None:
    main.send_signal(number)
    try:
        main.wait(seconds)
    except subprocess.TimeoutExpired:
        main.kill()
        main.wait()


def once(unit: Unit, journal: Journal, command: list[str], asked: list[int]) -> None:
    with (
        tempfile.TemporaryDirectory() as folder,
        socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as heard,
    ):
        address = f"{folder}/notify"
        heard.bind(address)
        main = subprocess.Popen(command, env={**os.environ, "NOTIFY_SOCKET": address})
        journal.note(f"started {main.pid}")
        ready, alive = False, time.monotonic()
        while main.poll() is None and not asked:
            if select.select([heard], [], [], 0.2)[0]:
                said = heard.recv(4096).decode().splitlines()
                ready = ready or "READY=1" in said
                if "WATCHDOG=1" in said:
                    alive = time.monotonic()
                journal.note(" ".join(said))
            if ready and time.monotonic() - alive > unit.watchdog:
                journal.note("watchdog")
                end(main, signal.SIGABRT, unit.abort)
        if asked:
            journal.note("stopping")
            end(main, signal.SIGTERM, unit.stop)
    journal.note(f"ended {main.poll()}")
    kill_all()


def run() -> None:
    unit, journal = Unit(sys.argv[1]), Journal(sys.argv[2])
    asked: list[int] = []
    signal.signal(signal.SIGTERM, lambda number, _frame: asked.append(number))
    ctypes.CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
    while not asked:
        once(unit, journal, sys.argv[3:], asked)
        if not asked:
            time.sleep(unit.pause)
    journal.note("gone")


if __name__ == "__main__":
    run()
