"""What lies in a private network is refused, and no connection to it is even tried."""

import select
import socket
import threading
import time
from collections.abc import Callable, Iterator
from itertools import repeat
from typing import Any

import pytest

from cases.films import ImageUnavailable
from integrations import fetch
from integrations.jotform import files
from integrations.tests.servers import sending, serving

PUBLIC = "93.184.216.34"

LOOPBACK = [
    pytest.param("127.0.0.1", id="loopback"),
    pytest.param("127.0.0.2", id="another address of loopback"),
    pytest.param("localhost", id="loopback by name"),
    pytest.param("LOCALHOST", id="upper case"),
    pytest.param("localhost.", id="trailing dot"),
    pytest.param("127.0.0.1.", id="address with a trailing dot"),
    pytest.param("127.1", id="two parts"),
    pytest.param("127.0.1", id="three parts"),
    pytest.param("2130706433", id="decimal"),
    pytest.param("0x7f000001", id="hex"),
    pytest.param("0x7F.0.0.1", id="partly hex"),
    pytest.param("0177.0.0.1", id="octal"),
    pytest.param("017700000001", id="octal in one part"),
    pytest.param("127。0。0。1", id="ideographic full stops"),
    pytest.param("127．0．0．1", id="fullwidth full stops"),
    pytest.param("１２７.0.0.1", id="fullwidth digits"),
    pytest.param("①②⑦.⓪.⓪.①", id="circled digits"),
    pytest.param("ⓛocalhost", id="circled letter"),
    pytest.param("127%2e0%2e0%2e1", id="percent-encoded dots"),
    pytest.param("0.0.0.0", id="this host"),
    pytest.param("0", id="this host in one part"),
    pytest.param("[::1]", id="IPv6 loopback"),
    pytest.param("[0:0:0:0:0:0:0:1]", id="IPv6 loopback in full"),
    pytest.param("[::]", id="IPv6 unspecified"),
    pytest.param("[::ffff:127.0.0.1]", id="IPv4-mapped"),
    pytest.param("[::ffff:7f00:1]", id="IPv4-mapped in hex"),
    pytest.param("[::127.0.0.1]", id="IPv4-compatible"),
    pytest.param("[::ffff:0:127.0.0.1]", id="IPv4-translated"),
    pytest.param("[64:ff9b::127.0.0.1]", id="NAT64"),
    pytest.param("[64:ff9b:1::7f00:1]", id="local NAT64"),
    pytest.param("[2002:7f00:1::]", id="6to4"),
    pytest.param("[2001:0:7f00:1::80ff:fffe]", id="Teredo"),
]
ELSEWHERE = [
    pytest.param("10.0.0.1", id="10/8"),
    pytest.param("172.16.0.1", id="172.16/12"),
    pytest.param("172.31.255.254", id="end of 172.16/12"),
    pytest.param("192.168.1.1", id="192.168/16"),
    pytest.param("169.254.169.254", id="metadata service"),
    pytest.param("2852039166", id="metadata service in decimal"),
    pytest.param("0xa9fea9fe", id="metadata service in hex"),
    pytest.param("0251.0376.0251.0376", id="metadata service in octal"),
    pytest.param("[::ffff:a9fe:a9fe]", id="metadata service IPv4-mapped"),
    pytest.param("[::a9fe:a9fe]", id="metadata service IPv4-compatible"),
    pytest.param("[::ffff:0:a9fe:a9fe]", id="metadata service IPv4-translated"),
    pytest.param("[64:ff9b::a9fe:a9fe]", id="metadata service by NAT64"),
    pytest.param("[fd00:ec2::254]", id="metadata service in IPv6"),
    pytest.param("100.64.0.1", id="carrier-grade NAT"),
    pytest.param("192.0.0.192", id="protocol assignments"),
    pytest.param("198.18.0.1", id="benchmarks"),
    pytest.param("192.88.99.1", id="6to4 relays"),
    pytest.param("224.0.0.1", id="multicast"),
    pytest.param("240.0.0.1", id="reserved"),
    pytest.param("255.255.255.255", id="broadcast"),
    pytest.param("[::ffff:10.0.0.1]", id="10/8 IPv4-mapped"),
    pytest.param("[fe80::1]", id="IPv6 link-local"),
    pytest.param("[fe80::1%25lo]", id="IPv6 link-local with its zone"),
    pytest.param("[fec0::1]", id="IPv6 site-local"),
    pytest.param("[fc00::1]", id="IPv6 unique local"),
    pytest.param("[ff02::1]", id="IPv6 multicast"),
    pytest.param("[2002:a00:1::]", id="10/8 by 6to4"),
]
TRICKS = [
    pytest.param("https://www.jotform.com@127.0.0.1:{port}/", id="host as a user name"),
    pytest.param("https://www.jotform.com:443@127.0.0.1:{port}/", id="host and port as user"),
    pytest.param("https://www.jotform.com%2F@127.0.0.1:{port}/", id="encoded slash in the user"),
    pytest.param("https://@127.0.0.1:{port}/", id="empty user"),
    pytest.param("https://127.0.0.1:{port}#@www.jotform.com/", id="host in the fragment"),
    pytest.param("https://127.0.0.1:{port}?@www.jotform.com/", id="host in the query"),
    pytest.param("https://127.0.0.1:{port}\\@www.jotform.com/", id="backslash before the host"),
    pytest.param("https://www.jotform.com\\@127.0.0.1:{port}/", id="backslash behind the host"),
    pytest.param("https:\\\\127.0.0.1:{port}/", id="backslashes for slashes"),
    pytest.param("https:127.0.0.1:{port}/", id="no slashes"),
    pytest.param("//127.0.0.1:{port}/", id="no scheme"),
    pytest.param(" https://127.0.0.1:{port}/", id="leading space"),
    pytest.param("https://127.0.\t0.1:{port}/", id="tab in the host"),
    pytest.param("https://127.0.0.1 :{port}/", id="space behind the host"),
    pytest.param("HTTPS://127.0.0.1:{port}/", id="scheme in upper case"),
    pytest.param("http://127.0.0.1:{port}/", id="no TLS"),
    pytest.param("http://www.jotform.com:{port}/", id="no TLS to an allowed host"),
    pytest.param("ftp://127.0.0.1:{port}/", id="ftp"),
    pytest.param("gopher://127.0.0.1:{port}/", id="gopher"),
    pytest.param("file:///etc/passwd", id="file"),
    pytest.param("data:image/png;base64,AAAA", id="data"),
    pytest.param("https://127.0.0.1:99999/", id="impossible port"),
    pytest.param("https://[::1/", id="half an address"),
    pytest.param("https:///x", id="no host"),
    pytest.param("no address", id="no address"),
    pytest.param("", id="nothing"),
]
WIDTHS = [
    pytest.param(None, id="default hosts"),
    pytest.param(["*"], id="any host"),
]


class Target:
    """Listens on loopback, IPv4 and IPv6, on one port."""

    def __init__(self) -> None:
        first = socket.create_server(("127.0.0.1", 0))
        self.port = first.getsockname()[1]
        self._listeners = [first]
        if socket.has_ipv6:
            self._listeners.append(socket.create_server(("::1", self.port), family=socket.AF_INET6))

    def was_reached(self) -> bool:
        return bool(select.select(self._listeners, [], [], 0.05)[0])

    def close(self) -> None:
        for listener in self._listeners:
            listener.close()


@pytest.fixture
def target() -> Iterator[Target]:
    target = Target()
    yield target
    target.close()


@pytest.fixture
def attempts(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The hosts that a connection was tried to; none of those beyond loopback gets through."""
    tried: list[str] = []
    connect = socket.socket.connect

    def recording(self: socket.socket, address: Any) -> None:
        tried.append(address[0])
        if address[0] not in ("127.0.0.1", "::1"):
            raise ConnectionRefusedError
        connect(self, address)

    monkeypatch.setattr(socket.socket, "connect", recording)
    return tried


@pytest.fixture
def names(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Make a name resolve to addresses: a list for each lookup, the last one from then on."""
    known: dict[str, Iterator[list[str]]] = {}
    lookup = socket.getaddrinfo

    def resolve(host: Any, *args: Any, **options: Any) -> list[Any]:
        if host not in known:
            return lookup(host, *args, **options)
        port = args[0] if args else None
        return [
            entry
            for address in next(known[host])
            for entry in lookup(address, port, type=socket.SOCK_STREAM)
        ]

    def tell(name: str, *answers: list[str]) -> None:
        known[name] = iter([*answers[:-1], *repeat(answers[-1], 20)])

    monkeypatch.setattr(socket, "getaddrinfo", resolve)
    return tell


@pytest.fixture(params=WIDTHS)
def allowed_hosts(request: pytest.FixtureRequest, settings: Any) -> None:
    if request.param is not None:
        settings.RAIOX_FETCH_ALLOW_HOSTS = request.param


@pytest.fixture
def any_host(settings: Any) -> None:
    settings.RAIOX_FETCH_ALLOW_HOSTS = ["*"]


@pytest.mark.usefixtures("allowed_hosts")
@pytest.mark.parametrize("host", [*LOOPBACK, *ELSEWHERE])
def test_a_private_address_is_refused_unconnected(
    host: str, target: Target, attempts: list[str]
) -> None:
    with pytest.raises(ImageUnavailable):
        fetch.fetch_image(f"https://{host}:{target.port}/uploads/x.jpg")
    assert not attempts
    assert not target.was_reached()


@pytest.mark.usefixtures("allowed_hosts")
@pytest.mark.parametrize("url", TRICKS)
def test_an_address_with_two_readings_is_refused_unconnected(
    url: str, target: Target, attempts: list[str]
) -> None:
    with pytest.raises(ImageUnavailable) as error:
        fetch.fetch_image(url.replace("{port}", str(target.port)))
    assert not error.value.may_come
    assert not attempts
    assert not target.was_reached()


@pytest.mark.usefixtures("any_host")
@pytest.mark.parametrize("host", ELSEWHERE)
def test_a_private_address_is_not_looked_for_again(
    host: str, attempts: list[str], settings: Any
) -> None:
    settings.JOTFORM_API_KEY = "sesame"
    with pytest.raises(ImageUnavailable) as error:
        files.fetch_film(f"https://{host}/x.jpg")
    assert not error.value.may_come
    assert not attempts


@pytest.mark.usefixtures("any_host")
@pytest.mark.parametrize(
    "address",
    [
        "127.0.0.1",
        "10.0.0.1",
        "172.16.0.1",
        "192.168.1.1",
        "169.254.169.254",
        "100.64.0.1",
        "0.0.0.0",
        "::1",
        "::ffff:127.0.0.1",
        "::127.0.0.1",
        "::ffff:0:127.0.0.1",
        "64:ff9b::7f00:1",
        "2002:7f00:1::",
        "fe80::1",
        "fec0::1",
        "fd00::1",
    ],
)
def test_a_name_that_resolves_privately_is_refused_unconnected(
    address: str, names: Callable[..., None], target: Target, attempts: list[str]
) -> None:
    names("inside.test", [address])
    with pytest.raises(ImageUnavailable) as error:
        fetch.fetch_image(f"https://inside.test:{target.port}/x.jpg")
    assert not error.value.may_come
    assert not attempts
    assert not target.was_reached()


@pytest.mark.usefixtures("any_host")
@pytest.mark.parametrize(
    "answers",
    [
        pytest.param([["127.0.0.1", PUBLIC]], id="private first"),
        pytest.param([[PUBLIC, "127.0.0.1"]], id="private second"),
        pytest.param([[PUBLIC, "::127.0.0.1"]], id="private in IPv6"),
        pytest.param([[PUBLIC], ["127.0.0.1"]], id="private at the second lookup"),
        pytest.param([[PUBLIC], ["fec0::1"]], id="private in IPv6 at the second lookup"),
    ],
)
def test_a_name_with_a_public_and_a_private_address_is_refused_unconnected(
    answers: list[list[str]], names: Callable[..., None], target: Target, attempts: list[str]
) -> None:
    names("both.test", *answers)
    with pytest.raises(ImageUnavailable) as error:
        fetch.fetch_image(f"https://both.test:{target.port}/x.jpg")
    assert not error.value.may_come
    assert not attempts
    assert not target.was_reached()


@pytest.mark.usefixtures("any_host")
def test_a_name_is_pinned_to_the_address_that_was_checked(
    names: Callable[..., None], target: Target, attempts: list[str]
) -> None:
    names("rebinding.test", [PUBLIC], [PUBLIC], ["127.0.0.1"])
    with pytest.raises(ImageUnavailable) as error:
        fetch.fetch_image(f"https://rebinding.test:{target.port}/x.jpg")
    assert error.value.may_come
    assert attempts == [PUBLIC]
    assert not target.was_reached()


def test_an_allowed_name_that_resolves_privately_is_refused_unconnected(
    names: Callable[..., None], target: Target, attempts: list[str]
) -> None:
    names("www.jotform.com", ["127.0.0.1"])
    with pytest.raises(ImageUnavailable):
        fetch.fetch_image(f"https://www.jotform.com:{target.port}/x.jpg")
    assert not attempts
    assert not target.was_reached()


@pytest.mark.parametrize("host", [*LOOPBACK, *ELSEWHERE])
def test_a_redirect_into_a_private_network_is_refused_unconnected(
    host: str, names: Callable[..., None], target: Target, attempts: list[str], settings: Any
) -> None:
    # The host that redirects is listed by another name than the one it redirects to.
    listed = "127.0.0.1" if "ocalhost" in host.lower() else "localhost"
    settings.RAIOX_FETCH_ALLOW_HOSTS = ["*", listed]
    names("localhost", ["127.0.0.1"])
    location = f"https://{host}:{target.port}/x.jpg".encode().decode("latin-1")
    with serving(sending(b"", status=302, Location=location)) as base:
        with pytest.raises(ImageUnavailable):
            fetch.fetch_image(base.replace("127.0.0.1", listed))
    assert attempts == ["127.0.0.1"]
    assert not target.was_reached()


def test_a_name_server_that_does_not_answer_is_given_up(
    monkeypatch: pytest.MonkeyPatch, settings: Any
) -> None:
    settings.RAIOX_FETCH_ALLOW_HOSTS = ["silent.test"]
    is_over = threading.Event()

    def silent(*args: Any, **options: Any) -> list[Any]:
        is_over.wait(20)
        raise socket.gaierror

    monkeypatch.setattr(socket, "getaddrinfo", silent)
    started = time.monotonic()
    with pytest.raises(ImageUnavailable) as error:
        fetch.fetch_image("https://silent.test/x.jpg", seconds=0.3)
    assert time.monotonic() - started < 5
    is_over.set()
    assert error.value.may_come


def test_a_loopback_host_is_reached_only_where_it_is_listed_by_name(
    film: Callable[..., bytes], attempts: list[str], settings: Any
) -> None:
    with serving(sending(film())) as base:
        settings.RAIOX_FETCH_ALLOW_HOSTS = ["*"]
        with pytest.raises(ImageUnavailable):
            fetch.fetch_image(base)
        assert not attempts
        settings.RAIOX_FETCH_ALLOW_HOSTS = ["127.0.0.1"]
        assert fetch.fetch_image(base) == film()
    assert attempts == ["127.0.0.1"]
