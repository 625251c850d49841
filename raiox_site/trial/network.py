"""Machines of a trial: network namespaces on a bridge of their own. Needs root and iproute2.

Whoever runs the trial is at `address`, with the database, the bucket and Jotform. What a host
asks of its own loopback at a port that is `shown` reaches the same port there.
"""

import secrets
import subprocess
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from types import TracebackType
from typing import Self

# Of 198.18.0.0/15, which is for trials (RFC 2544); one of these per run.
NETWORK = "198.18"
COMMAND_SECONDS = 20


@dataclass(frozen=True)
class Host:
    name: str
    address: str
    namespace: str
    link: str

    @property
    def prefix(self) -> tuple[str, ...]:
        """What a command begins with that is to run there."""
        return ("ip", "netns", "exec", self.namespace)

    def cut_off(self) -> None:
        """Its cable is pulled: nothing is told, connections hang."""
        _ip("link", "set", self.link, "down")

    def join(self) -> None:
        _ip("link", "set", self.link, "up")


@dataclass
class Network:
    """A context manager; raises CalledProcessError where the kernel or the rights lack."""

    names: Sequence[str]
    mark: str = field(default_factory=lambda: secrets.token_hex(2))
    hosts: dict[str, Host] = field(default_factory=dict)

    @property
    def address(self) -> str:
        return f"{NETWORK}.{int(self.mark[:2], 16)}.1"

    @property
    def bridge(self) -> str:
        return f"rx{self.mark}br"

    def __enter__(self) -> Self:
        try:
            _ip("link", "add", self.bridge, "type", "bridge")
            _ip("addr", "add", f"{self.address}/24", "dev", self.bridge)
            _ip("link", "set", self.bridge, "up")
            for number, name in enumerate(self.names):
                self._add(name, number)
        except BaseException:
            self._clear()
            raise
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._clear()

    def show(self, ports: Iterable[int]) -> None:
        """What hosts ask of their loopback at these ports is answered at `address`."""
        for host in self.hosts.values():
            _run(*host.prefix, "sysctl", "-q", "-w", "net.ipv4.conf.all.route_localnet=1")
            nat = (*host.prefix, "iptables", "-w", "-t", "nat")
            _run(*nat, "-A", "POSTROUTING", "-o", "eth0", "-j", "MASQUERADE")
            for port in ports:
                where = ("-d", "127.0.0.1", "-p", "tcp", "--dport", str(port))
                there = ("-j", "DNAT", "--to-destination", f"{self.address}:{port}")
                _run(*nat, "-A", "OUTPUT", *where, *there)

    def _add(self, name: str, number: int) -> None:
        address = self.address.removesuffix(".1") + f".{number + 11}"
        host = Host(name, address, f"raiox-{self.mark}-{name}", f"rx{self.mark}h{number}")
        _ip("netns", "add", host.namespace)
        self.hosts[name] = host
        ends = ("name", "eth0", "netns", host.namespace)
        _ip("link", "add", host.link, "type", "veth", "peer", *ends)
        _ip("link", "set", host.link, "master", self.bridge, "up")
        _ip("-n", host.namespace, "link", "set", "lo", "up")
        _ip("-n", host.namespace, "addr", "add", f"{address}/24", "dev", "eth0")
        _ip("-n", host.namespace, "link", "set", "eth0", "up")

    def _clear(self) -> None:
        for host in self.hosts.values():
            _ip("netns", "del", host.namespace, check=False)
            _ip("link", "del", host.link, check=False)
        _ip("link", "del", self.bridge, check=False)


def _ip(*arguments: str, check: bool = True) -> None:
    _run("ip", *arguments, check=check)


def _run(*command: str, check: bool = True) -> None:
    subprocess.run(command, check=check, capture_output=True, text=True, timeout=COMMAND_SECONDS)
