"""Small real HTTP servers for the tests."""

import ssl
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler
from ipaddress import ip_address
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID

from integrations.jotform.simulation.loopback import LoopbackServer

Answer = Callable[[BaseHTTPRequestHandler], None]


@contextmanager
def serving(answer: Answer, *, certificate: Path | None = None) -> Iterator[str]:
    """Serve GET requests with `answer` on a free loopback port; yields the base address.

    With a `certificate` (PEM, its key included) over https.
    """

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            # The client may hang up in the middle of what it refuses.
            with suppress(ConnectionError):
                answer(self)

        def log_message(self, *args: object) -> None:
            pass

    server = LoopbackServer(Handler)
    if certificate:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate)
        server._server.socket = context.wrap_socket(server._server.socket, server_side=True)
    with server:
        yield server.base.replace("http:", "https:") if certificate else server.base


def write_certificate(path: Path, address: str) -> Path:
    """A self-signed certificate of an IP address, valid for a day, with its key."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "test")])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ip_address(address))]), False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), True)
        .sign(key, SHA256())
    )
    plain = NoEncryption()
    private = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, plain)
    path.write_bytes(certificate.public_bytes(Encoding.PEM) + private)
    return path


def sending(
    body: bytes, *, status: int = 200, content_type: str = "image/jpeg", **headers: str
) -> Answer:
    def answer(handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(status)
        handler.send_header("Content-Type", content_type)
        handler.send_header("Content-Length", str(len(body)))
        for name, value in headers.items():
            handler.send_header(name.replace("_", "-"), value)
        handler.end_headers()
        handler.wfile.write(body)

    return answer


def dripping(beginning: bytes) -> Answer:
    """Sends `beginning` and then ten bytes a second, for ten seconds."""

    def answer(handler: BaseHTTPRequestHandler) -> None:
        handler.wfile.write(beginning)
        for _ in range(100):
            handler.wfile.write(b"x")
            handler.wfile.flush()
            time.sleep(0.1)

    return answer


def raw(answer: bytes) -> Answer:
    """Sends these bytes as its whole answer, status line included, and hangs up."""

    def send(handler: BaseHTTPRequestHandler) -> None:
        handler.wfile.write(answer)
        handler.close_connection = True

    return send
