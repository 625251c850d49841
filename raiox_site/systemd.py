"""Telling systemd how a service is (sd_notify), where it is systemd that started this process."""

import contextlib
import os
import socket
from collections.abc import Mapping

SOCKET = "NOTIFY_SOCKET"
# A child that had them could speak, or be watched, in place of the service's own process.
OWN = (SOCKET, "WATCHDOG_PID", "WATCHDOG_USEC")


def tell(*said: str) -> None:
    """Send assignments such as `READY=1`; nothing where there is no systemd, or it does not
    listen: a service must not fail for that."""
    address = os.environ.get(SOCKET, "")
    if not address:
        return
    # An abstract socket is written with an at sign.
    address = f"\0{address[1:]}" if address.startswith("@") else address
    with contextlib.suppress(OSError):
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as speaker:
            speaker.setblocking(False)
            speaker.sendto("\n".join(said).encode(), address)


def for_children(environment: Mapping[str, str]) -> dict[str, str]:
    """The environment without what is meant for the service's own process."""
    return {name: value for name, value in environment.items() if name not in OWN}
