"""Fetching a film from an address that somebody else wrote down."""

import logging
import time
from urllib.parse import SplitResult, urljoin, urlsplit

import requests
from django.conf import settings
from django.utils.translation import gettext as _
from requests_hardened import Config, Manager
from urllib3.exceptions import HTTPError

from cases.films import ImageUnavailable
from integrations.deadline import total_deadline
from matching import radiograph
from matching.radiograph import RadiographError

log = logging.getLogger(__name__)

LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})
TIMEOUT = (3.0, 5.0)
DEADLINE_SECONDS = 15.0
MAX_REDIRECTS = 3
CHUNK = 64 * 1024


def fetch_image(url: str) -> bytes:
    """The bytes behind `url`, at most the image limit, within 15 seconds.

    Only https and only hosts of RAIOX_FETCH_ALLOW_HOSTS (plain http for loopback hosts that
    are listed there by name); every redirect is checked like the first address. The address
    that a name resolves to is checked and pinned, so that nothing in a private network is
    reached. Raises ImageUnavailable with a sentence, ImageTooLarge.
    """
    deadline = time.monotonic() + DEADLINE_SECONDS
    try:
        for _hop in range(MAX_REDIRECTS + 1):
            parts = _checked(url)
            remaining = deadline - time.monotonic()
            with _session(parts) as session, total_deadline(session, remaining):
                response = session.request(
                    "GET",
                    url,
                    stream=True,
                    allow_redirects=False,
                    headers={"Accept-Encoding": "identity"},
                )
                # A connection that was shut down looks like the end of what was sent.
                _check_time(deadline)
                if not response.is_redirect:
                    return _body(response, deadline)
                url = urljoin(url, response.headers["Location"])
    except RadiographError:
        raise
    except (requests.RequestException, HTTPError, OSError, ValueError) as error:
        # The address may carry a key or a patient's name: only the kind of failure is logged.
        log.warning("an image could not be fetched: %s", type(error).__name__)
        raise ImageUnavailable(_("The address of the image did not answer.")) from error
    raise ImageUnavailable(_("The address of the image redirects too often."))


def _checked(url: str) -> SplitResult:
    """The parts of an address that may be fetched; raises ImageUnavailable otherwise."""
    try:
        parts = urlsplit(url)
        host = (parts.hostname or "").rstrip(".").lower()
        _port = parts.port
    except ValueError as error:
        raise ImageUnavailable(_("The address of the image is not valid.")) from error
    if parts.scheme not in ("http", "https") or not host or parts.username or parts.password:
        raise ImageUnavailable(_("The address of the image is not valid."))
    allowed = {name.lower() for name in settings.RAIOX_FETCH_ALLOW_HOSTS}
    if host not in allowed and ("*" not in allowed or host in LOOPBACK):
        raise ImageUnavailable(_("Images are not fetched from this host."))
    if parts.scheme != "https" and host not in LOOPBACK:
        raise ImageUnavailable(_("Images are fetched over https only."))
    return parts


def _session(parts: SplitResult) -> requests.Session:
    manager = Manager(
        Config(
            default_timeout=TIMEOUT,
            never_redirect=True,
            ip_filter_enable=True,
            ip_filter_allow_loopback_ips=parts.hostname in LOOPBACK,
        )
    )
    session: requests.Session = manager.get_session()
    # A proxy from the environment would resolve the name itself, behind our check.
    session.trust_env = False
    return session


def _body(response: requests.Response, deadline: float) -> bytes:
    if response.status_code != requests.codes.ok:
        raise ImageUnavailable(
            _("The address of the image answered with error %(status)d.")
            % {"status": response.status_code}
        )
    if response.headers.get("Content-Encoding", "identity") != "identity":
        raise ImageUnavailable(_("The address of the image sent an encoded body."))
    length = response.headers.get("Content-Length", "")
    radiograph.check_size(int(length) if length.isdecimal() else 0)
    body = bytearray()
    while chunk := response.raw.read1(CHUNK):
        body += chunk
        radiograph.check_size(len(body))
    _check_time(deadline)
    return _not_a_page(bytes(body))


def _check_time(deadline: float) -> None:
    if time.monotonic() > deadline:
        raise ImageUnavailable(_("The address of the image sends too slowly."))


def _not_a_page(body: bytes) -> bytes:
    """Refuse an empty body and a web page: a login page comes with status 200."""
    if not body:
        raise ImageUnavailable(_("The address of the image sent an empty file."))
    start = body[:256].lstrip().lower()
    if start.startswith((b"<!doctype", b"<html")):
        raise ImageUnavailable(_("The address of the image sent a web page, not an image."))
    return body
