"""How the processors are shared out: threads of an encoder × encoders × processes = processors."""

import os
from pathlib import Path

# Each has an encoder of its own in memory.
MOST_WEB_PROCESSES = 4


# What a container may use, as control groups of the second version say it.
LIMIT = Path("/sys/fs/cgroup/cpu.max")


def count() -> int:
    """Those that this process may use."""
    own = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    try:
        quota, period = LIMIT.read_text().split()
        return max(1, min(own, round(int(quota) / int(period))))
    except (OSError, ValueError):
        # There is none; "max" says so too.
        return own


def web_processes() -> int:
    """Where RAIOX_WEB_PROCESSES does not say: one for each processor."""
    return min(count(), MOST_WEB_PROCESSES)


def encoders_at_once(*, processes: int, threads: int) -> int:
    """Batches of films that one web process encodes at a time."""
    return max(1, count() // (processes * threads))
