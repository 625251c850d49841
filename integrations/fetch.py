"""Fetching a film from an address that somebody else wrote down."""

import logging
import time
from collections.abc import Callable
from dataclasses import dataclass
from http import HTTPStatus
from urllib.parse import SplitResult, unquote, urljoin, urlsplit

import requests
from django.conf import settings
from django.utils.translation import gettext as _
from requests_hardened.ip_filter import InvalidIPAddress
from urllib3.exceptions import HTTPError, IncompleteRead

from cases.films import ImageUnavailable
from integrations.addresses import PublicAddresses
from integrations.deadline import total_deadline
from matching import measured, radiograph
from matching.radiograph import NotAnImage, RadiographError

log = logging.getLogger(__name__)

LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})
TIMEOUT = (3.0, 5.0)
DEADLINE_SECONDS = 15.0
MAX_REDIRECTS = 3
CHUNK = 64 * 1024
PORTS = {"http": 80, "https": 443}
# A file that is not there yet, or a host that has enough to do: another day may be better.
PASSING = frozenset(
    {
        HTTPStatus.ACCEPTED,
        HTTPStatus.NO_CONTENT,
        HTTPStatus.NOT_FOUND,
        HTTPStatus.REQUEST_TIMEOUT,
        HTTPStatus.TOO_EARLY,
        HTTPStatus.TOO_MANY_REQUESTS,
    }
)
# What a file answers with that is only shown to who is logged in; Jotform also says 404.
REFUSALS = frozenset({HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN, HTTPStatus.NOT_FOUND})
PAGE_TYPES = frozenset({"text/html", "application/xhtml+xml"})
PAGE_STARTS = (b"<!doctype", b"<html", b"<head", b"<body", b"<!--")
BEFORE_A_PAGE = b"\xef\xbb\xbf\xff\xfe \t\r\n\f\v"


class LoginWall(ImageUnavailable):
    """The address answers as a file does that only a login shows: with a page, a refusal, or a
    redirect to somewhere else."""


@dataclass(frozen=True)
class Credential:
    """A secret for the scheme, host and port of the first address, and for no other. It goes
    there in the request header `header`, as long as the address `is_for` it; without a header
    it is part of the address already."""

    secret: str
    header: str = ""
    is_for: Callable[[str], bool] = lambda url: True

    @property
    def headers(self) -> dict[str, bytes]:
        # Bytes, so that a key with a stray character cannot fail to be encoded.
        return {self.header: self.secret.encode()} if self.header else {}

    def is_in(self, url: str) -> bool:
        return self.secret in url or self.secret in unquote(unquote(url))


def fetch_image(
    url: str, *, credential: Credential | None = None, seconds: float | None = None
) -> bytes:
    """The bytes behind `url`, which begin like an image: at most the image limit, in at most
    `seconds` (15 where not given).

    Only https and only hosts of RAIOX_FETCH_ALLOW_HOSTS (plain http for loopback hosts that
    are listed there by name); every redirect is checked like the first address. The address
    that a name resolves to is checked and pinned, so that nothing in a private network is
    reached. Raises ImageUnavailable (LoginWall) with a sentence, ImageTooLarge, NotAnImage.
    """
    deadline = time.monotonic() + (DEADLINE_SECONDS if seconds is None else seconds)
    try:
        with measured.stage(measured.Stage.DOWNLOAD):
            return _follow(url, credential, deadline)
    except (RadiographError, ImageUnavailable):
        raise
    except InvalidIPAddress:
        failure = _not_from_here()
    except IncompleteRead:
        failure = ImageUnavailable(_("The image arrived incomplete."), may_come=True)
    except ValueError:
        failure = ImageUnavailable(_("The address of the image is not valid."))
    except (requests.RequestException, HTTPError, OSError) as error:
        # The address may carry a key or a patient's name: only the kind of failure is logged.
        log.warning("an image could not be fetched: %s", type(error).__name__)
        failure = ImageUnavailable(_("The address of the image did not answer."), may_come=True)
    # Raised out here: as its context, the library's error would show the address in a log.
    raise failure


def origin(url: str) -> tuple[str, str, int | None]:
    """Scheme, host and port of an address; raises ValueError when it is none."""
    parts = urlsplit(url)
    return parts.scheme, parts.hostname or "", parts.port or PORTS.get(parts.scheme)


def as_sent(url: str) -> str:
    """The address as it is written in a request: parts that must be percent-encoded are, what
    is encoded already stays. Raises ValueError, also where its host can be read in two ways."""
    sent = str(requests.Request("GET", url).prepare().url)
    if urlsplit(url).netloc.isascii() and origin(url) != origin(sent):
        raise ValueError("two readings of one address")
    return sent


def _follow(url: str, credential: Credential | None, deadline: float) -> bytes:
    url = as_sent(url)
    _check(urlsplit(url))
    headers = credential.headers if credential else {}
    for _hop in range(MAX_REDIRECTS + 1):
        answer = _exchange(url, headers, deadline)
        if isinstance(answer, bytes):
            return answer
        target = as_sent(urljoin(url, answer))
        _check_redirect(target)
        if credential and not credential.is_for(target):
            headers = {}
        if origin(target) != origin(url):
            headers = {}
            if credential and credential.is_in(target):
                raise _not_from_here()
        url = target
    raise LoginWall(_("The address of the image redirects too often."))


def _exchange(url: str, headers: dict[str, bytes], deadline: float) -> bytes | str:
    """The image, or the address that the answer redirects to."""
    _check_time(deadline)
    request = requests.Request("GET", url, headers={**_plain_headers(), **headers}).prepare()
    seconds = deadline - time.monotonic()
    with _session(urlsplit(url), seconds) as session, total_deadline(session, seconds):
        with session.send(request, stream=True, allow_redirects=False, timeout=TIMEOUT) as response:
            # A connection that was shut down looks like the end of what was sent.
            _check_time(deadline)
            target = session.get_redirect_target(response)
            return _body(response, deadline) if target is None else target


def _plain_headers() -> dict[str, str]:
    return {"Accept": "*/*", "Accept-Encoding": "identity", "User-Agent": "raiox"}


def _check(parts: SplitResult) -> None:
    """Raise ImageUnavailable for an address that may not be fetched."""
    host = (parts.hostname or "").rstrip(".").lower()
    if parts.scheme not in PORTS or not host or set("@%") & set(parts.netloc):
        raise ImageUnavailable(_("The address of the image is not valid."))
    allowed = {name.lower() for name in settings.RAIOX_FETCH_ALLOW_HOSTS}
    if host not in allowed and ("*" not in allowed or host in LOOPBACK):
        raise _not_from_here()
    if parts.scheme != "https" and host not in LOOPBACK:
        raise ImageUnavailable(_("Images are fetched over https only."))


def _check_redirect(url: str) -> None:
    try:
        _check(urlsplit(url))
    except ImageUnavailable as error:
        raise LoginWall(str(error)) from None


def _not_from_here() -> ImageUnavailable:
    return ImageUnavailable(_("Images are not fetched from this host."))


def _session(parts: SplitResult, seconds: float) -> requests.Session:
    session = requests.Session()
    # A proxy from the environment would resolve the name itself, behind our check.
    session.trust_env = False
    session.adapters.clear()
    adapter = PublicAddresses(
        is_https=parts.scheme == "https",
        allow_loopback=parts.hostname in LOOPBACK,
        seconds=seconds,
    )
    session.mount(f"{parts.scheme}://", adapter)
    return session


def _body(response: requests.Response, deadline: float) -> bytes:
    _check_status(response.status_code)
    if response.headers.get("Content-Encoding", "identity").lower() != "identity":
        raise ImageUnavailable(_("The address of the image sent an encoded body."))
    length = response.headers.get("Content-Length", "")
    radiograph.check_size(int(length) if length.isdecimal() else 0)
    body = bytearray()
    while chunk := response.raw.read1(CHUNK):
        body += chunk
        radiograph.check_size(len(body))
    _check_time(deadline)
    return _image(bytes(body), response.headers.get("Content-Type", ""))


def _check_status(status: int) -> None:
    if status == HTTPStatus.OK:
        return
    kind = LoginWall if status in REFUSALS else ImageUnavailable
    raise kind(
        _("The address of the image answered with error %(status)d.") % {"status": status},
        may_come=status in PASSING or status >= HTTPStatus.INTERNAL_SERVER_ERROR,
    )


def _check_time(deadline: float) -> None:
    if time.monotonic() > deadline:
        raise ImageUnavailable(_("The address of the image sends too slowly."), may_come=True)


def _image(body: bytes, content_type: str) -> bytes:
    """`body`, unless it is empty or a web page (a login page comes with status 200).

    Raises ImageUnavailable, and NotAnImage for anything else that is no image.
    """
    if not body:
        raise ImageUnavailable(_("The address of the image sent an empty file."), may_come=True)
    try:
        radiograph.check_beginning(body)
    except NotAnImage:
        if _is_page(body, content_type):
            raise LoginWall(
                _("The address of the image sent a web page, not an image."), may_come=True
            ) from None
        raise
    return body


def _is_page(body: bytes, content_type: str) -> bool:
    # Without its zero bytes, the beginning of a page in UTF-16 reads like any other.
    start = body[:4096].replace(b"\0", b"").lstrip(BEFORE_A_PAGE).lower()
    is_declared = content_type.partition(";")[0].strip().lower() in PAGE_TYPES
    return is_declared or start.startswith(PAGE_STARTS)
