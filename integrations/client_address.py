"""Which network address a request comes from, also behind reverse proxies."""

import re
from ipaddress import IPv4Address, IPv6Address, IPv6Network, ip_address

from django.conf import settings
from django.http import HttpRequest

# Some proxies write the port beside the address.
WITH_PORT = re.compile(r"\[(?P<v6>[^\]]+)\](?::\d+)?|(?P<v4>[\d.]+):\d+")
# Whoever rents one IPv6 network has 2^64 addresses in it.
COUNTED_PREFIX = 64


def client_address(request: HttpRequest) -> str:
    """The client's address: that of the connection, or behind RAIOX_PROXY_COUNT proxies the one
    that the outermost of them saw, which is that many entries from the right of
    X-Forwarded-For. What stands further left was written by the client and is never read, nor
    is any other header. An IPv4 address in IPv6 clothes is given as IPv4. Empty when the
    connection has none (a Unix socket).
    """
    address = _parsed_client(request)
    return str(address) if address else ""


def counted_address(request: HttpRequest) -> str:
    """`client_address`, with an IPv6 address reduced to its /64 network (`2001:db8::/64`)."""
    address = _parsed_client(request)
    if isinstance(address, IPv6Address):
        return str(IPv6Network((int(address), COUNTED_PREFIX), strict=False))
    return str(address) if address else ""


def _parsed_client(request: HttpRequest) -> IPv4Address | IPv6Address | None:
    hops = settings.RAIOX_PROXY_COUNT
    forwarded = request.META.get("HTTP_X_FORWARDED_FOR", "").split(",")[-hops:] if hops else []
    # Fewer entries than proxies: someone entered behind the outermost one. The next proxy saw him.
    for written in (*forwarded, request.META.get("REMOTE_ADDR", "")):
        if address := _parsed(written):
            return address
    return None


def _parsed(written: str) -> IPv4Address | IPv6Address | None:
    text = written.strip()
    if match := WITH_PORT.fullmatch(text):
        text = match["v6"] or match["v4"]
    try:
        address = ip_address(text.partition("%")[0])
    except ValueError:
        return None
    return (address.ipv4_mapped or address) if isinstance(address, IPv6Address) else address
