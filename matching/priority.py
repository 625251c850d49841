"""Giving way to other processes of the machine.

Linux may weigh whole sessions against each other before it looks at their processes
(`kernel.sched_autogroup_enabled`, on by default; sched(7)). A niceness then counts within its
session only, and a new session begins without one. Between control groups (containers, units of
systemd) neither counts: they have weights of their own.
"""

import os
import time
from contextlib import suppress
from pathlib import Path

# Without privileges the kernel takes one such change every tenth of a second, of all processes.
ATTEMPTS = 5
PAUSE_SECONDS = 0.12


def lower(leader: int, niceness: int) -> None:
    """Let a process that leads a session of its own, and all that it starts, give way by
    `niceness` (1 to 19)."""
    with suppress(OSError):
        os.setpriority(os.PRIO_PROCESS, leader, niceness)
    session = Path(f"/proc/{leader}/autogroup")
    for attempt in range(ATTEMPTS):
        if attempt:
            time.sleep(PAUSE_SECONDS)
        try:
            session.write_text(str(niceness), encoding="ascii")
        except BlockingIOError:
            continue
        except OSError:
            # It has ended, or nobody weighs sessions here.
            return
        else:
            return


def of_this() -> int:
    """The niceness of this process, 0 where it gives way to nobody."""
    return max(os.getpriority(os.PRIO_PROCESS, 0), 0)
