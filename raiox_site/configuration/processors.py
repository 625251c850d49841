"""How the processors are shared out: threads of an encoder × encoders × processes = processors."""

import os

# Each has an encoder of its own in memory.
MOST_WEB_PROCESSES = 4


def count() -> int:
    """Those that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def web_processes() -> int:
    """Where RAIOX_WEB_PROCESSES does not say: one for each processor."""
    return min(count(), MOST_WEB_PROCESSES)


def encoders_at_once(*, processes: int, threads: int) -> int:
    """Batches of films that one web process encodes at a time."""
    return max(1, count() // (processes * threads))
