"""Which network addresses may be reached: public ones, checked and then pinned."""

import ipaddress
import socket
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar
from urllib.parse import urlsplit

import requests
from requests_hardened.ip_filter import InvalidIPAddress, filter_host
from requests_hardened.ip_filter_adapter import IPFilterAdapter

T = TypeVar("T")

# The only part of IPv6 that is given out; IPv4-compatible, translated (`::ffff:0:a.b.c.d`) and
# site-local addresses lie outside of it.
GLOBAL_UNICAST = ipaddress.ip_network("2000::/3")


class PublicAddresses(IPFilterAdapter):  # type: ignore[misc]
    """The adapter of requests-hardened, stricter in what it lets through.

    Names are looked up within `seconds`, a name is refused when any of its addresses is private,
    and so is IPv6 that leads to IPv4 or nowhere. Raises InvalidIPAddress, TimeoutError.
    """

    def __init__(self, *, is_https: bool, allow_loopback: bool, seconds: float) -> None:
        super().__init__(is_https_proto=is_https, allow_loopback=allow_loopback)
        self._seconds = seconds

    def build_connection_pool_key_attributes(
        self, request: requests.PreparedRequest, *args: Any, **options: Any
    ) -> tuple[dict[str, Any], dict[str, Any]]:
        def pinned() -> tuple[dict[str, Any], dict[str, Any]]:
            self._check_all(urlsplit(str(request.url)).hostname or "")
            host, options_of_pool = pin(request, *args, **options)
            # The name was looked up once more, and may have got another answer.
            self._check(host["host"].strip("[]"))
            return host, options_of_pool

        pin = super().build_connection_pool_key_attributes
        return _within(self._seconds, pinned)

    def _check_all(self, name: str) -> None:
        try:
            found = socket.getaddrinfo(name, None, type=socket.SOCK_STREAM)
        except socket.gaierror as error:
            raise requests.ConnectionError("the name is not known") from error
        for address in {str(entry[4][0]) for entry in found}:
            self._check(address)

    def _check(self, address: str) -> None:
        checked = filter_host(address, None, allow_loopback=self._allow_loopback)
        ip = ipaddress.ip_address(checked.strip("[]"))
        if ip.is_loopback:
            return
        if not ip.is_global or (ip.version == 6 and ip not in GLOBAL_UNICAST):
            raise InvalidIPAddress(ip)


def _within(seconds: float, work: Callable[[], T]) -> T:
    """What `work` returns or raises; TimeoutError when it takes longer. A name server that does
    not answer holds its thread, which nothing can end, but not the caller."""
    pool = ThreadPoolExecutor(max_workers=1)
    try:
        return pool.submit(work).result(max(seconds, 0.0))
    finally:
        pool.shutdown(wait=False)
