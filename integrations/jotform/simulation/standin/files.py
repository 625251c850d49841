"""Jotform's file host."""

import secrets
import time
from dataclasses import dataclass, field
from urllib.parse import quote, unquote

from integrations.jotform.simulation.standin.faults import LOGIN_PAGE, Late, Recorded

HTML = "text/html; charset=utf-8"
BYTES = "application/octet-stream"
SIGNED_SECONDS = 60


@dataclass
class Reply:
    status: int
    body: bytes = b""
    content_type: str = BYTES
    location: str = ""


@dataclass
class FileHost:
    """`files` are contents by unquoted path."""

    files: dict[str, bytes] = field(default_factory=dict)
    need_login: bool = False
    # Anonymous requests are sent to /login instead of seeing its page at once.
    login_by_redirect: bool = False
    key_in_header_works: bool = True
    key_in_query_works: bool = True
    # Who may see a file is sent on to a signed address, valid for a minute.
    signed_redirect: bool = False
    # Where signed addresses lie; the same host when empty.
    signed_base: str = ""
    late: dict[str, list[Late]] = field(default_factory=dict)
    signed: dict[str, tuple[str, float]] = field(default_factory=dict)

    def reply(self, request: Recorded, api_key: str) -> Reply:
        path = unquote(request.path)
        if path.startswith("/_fs/"):
            return self._signed_file(path, request)
        if self.need_login and not self._has_key(request, api_key):
            return self._login(path)
        if waiting := self.late.get(path):
            return _not_yet(waiting.pop(0))
        if path not in self.files:
            return Reply(404, LOGIN_PAGE, HTML)
        return self._sent_on(path) if self.signed_redirect else Reply(200, self.files[path])

    def _has_key(self, request: Recorded, api_key: str) -> bool:
        in_header = self.key_in_header_works and request.headers.get("apikey") == api_key
        return in_header or (self.key_in_query_works and request.query.get("apiKey") == api_key)

    def _login(self, path: str) -> Reply:
        if self.login_by_redirect:
            return Reply(302, location=f"/login?rp={quote(path, safe='')}")
        return Reply(200, LOGIN_PAGE, HTML)

    def _sent_on(self, path: str) -> Reply:
        token, expires = secrets.token_urlsafe(16), time.time() + SIGNED_SECONDS
        self.signed[token] = (path, expires)
        below = quote(path.removeprefix("/uploads/"))
        place = f"/_fs/jufs-0001/{below}?md5={token}&expires={int(expires)}"
        return Reply(302, location=self.signed_base + place)

    def _signed_file(self, path: str, request: Recorded) -> Reply:
        original, expires = self.signed.get(request.query.get("md5", ""), ("", 0.0))
        is_right = original and path.endswith(original.removeprefix("/uploads/"))
        if not is_right or expires < time.time():
            return Reply(403, LOGIN_PAGE, HTML)
        return Reply(200, self.files[original])


def _not_yet(how: Late) -> Reply:
    match how:
        case Late.MISSING:
            return Reply(404, LOGIN_PAGE, HTML)
        case Late.EMPTY:
            return Reply(200)
        case Late.HTML:
            return Reply(200, LOGIN_PAGE, HTML)
