"""Waits until /health says that the wanted release answers, and that everything is well.

    gate.py http://127.0.0.1:8000 --release NAME --seconds 120 [--worker-since UNIX_TIME]
            [--while-alive PID] [--without-queue]

Ends with 0 after a few good answers in a row, with 1 and the last reason when the time is over.
Only the standard library: it also judges releases whose own code is broken.
"""

import argparse
import http.client
import json
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

IN_A_ROW = 3
PAUSE_S = 0.5
ANSWER_S = 10
# What a web process by itself, without a worker, must find in order.
OWN_PARTS = ("database", "storage", "disk", "encoder")


def answer(base: str) -> tuple[int, dict[str, object]]:
    """Status and parts. Raises OSError, HTTPException or ValueError."""
    address = urlsplit(base)
    connection = http.client.HTTPConnection(address.netloc, timeout=ANSWER_S)
    try:
        connection.request("GET", "/health")
        response = connection.getresponse()
        parts = json.loads(response.read(1_000_000))
    finally:
        connection.close()
    return response.status, parts if isinstance(parts, dict) else {}


@dataclass(frozen=True)
class Wanted:
    """`since`: the worker must have worked after that moment (Unix time; None: not looked at)."""

    release: str
    since: float | None
    with_queue: bool


def problem(status: int, parts: dict[str, object], wanted: Wanted) -> str:
    """Why this is not the answer that is waited for; empty when it is."""
    version = str(parts.get("version", ""))
    if not version.endswith(f"+{wanted.release}"):
        return f"{version or 'something else'} answers, not {wanted.release}"
    is_well = status == 200 or (not wanted.with_queue and _own_parts_are_well(status, parts))
    if not is_well:
        return f"/health is red ({status}): {json.dumps(parts)}"
    return "" if wanted.since is None else _worker_problem(parts, since=wanted.since)


def _own_parts_are_well(status: int, parts: dict[str, object]) -> bool:
    return status == 503 and all(_state(parts.get(name)) == "ok" for name in OWN_PARTS)


def _state(part: object) -> object:
    return part.get("status") if isinstance(part, dict) else part


def _worker_problem(parts: dict[str, object], *, since: float) -> str:
    queue = parts.get("queue")
    beat = queue.get("heartbeat_seconds") if isinstance(queue, dict) else None
    if isinstance(beat, int | float) and beat <= time.time() - since:
        return ""
    return "the worker has not worked since the restart"


def has_ended(pid: int) -> bool:
    """Whether a process is gone; one that nobody has waited for yet counts as gone."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
    except OSError:
        return True


def wait(base: str, wanted: Wanted, *, seconds: float, pid: int) -> str:
    """The last problem, or nothing when all is well. `pid`: give up when it ends (0: nobody)."""
    deadline, good, reason = time.monotonic() + seconds, 0, "nobody answers"
    while time.monotonic() < deadline:
        if pid and has_ended(pid):
            return "it ended by itself"
        try:
            reason = problem(*answer(base), wanted)
        except (OSError, http.client.HTTPException, ValueError) as error:
            reason = f"{base} does not answer: {error}"
        good = 0 if reason else good + 1
        if good == IN_A_ROW:
            return ""
        time.sleep(PAUSE_S)
    return reason or "it was well for too short a time"


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("base")
    parser.add_argument("--release", required=True)
    parser.add_argument("--seconds", type=float, default=120)
    parser.add_argument("--worker-since", type=float)
    parser.add_argument("--while-alive", type=int, default=0)
    parser.add_argument("--without-queue", action="store_true")
    options = parser.parse_args()
    wanted = Wanted(options.release, options.worker_since, not options.without_queue)
    reason = wait(options.base, wanted, seconds=options.seconds, pid=options.while_alive)
    if reason:
        sys.stderr.write(f"gate: {reason}\n")
    return 1 if reason else 0


if __name__ == "__main__":
    sys.exit(main())
