"""Answers that are written without Django: to what never became a request."""

import json

from cases import correlation
from raiox_site import security_headers


def raw(status: int, reason: str, detail: str, **others: str) -> bytes:
    """A whole answer, after which the connection ends; `others` are further headers, with _ for
    the hyphen."""
    body = json.dumps({"detail": detail}, ensure_ascii=False).encode()
    headers = {
        **security_headers.HEADERS,
        "Content-Security-Policy": security_headers.joined(security_headers.OWN),
        "X-Request-ID": correlation.current(),
        "Content-Type": "application/json",
        "Content-Length": str(len(body)),
        "Connection": "close",
        **{name.replace("_", "-"): value for name, value in others.items()},
    }
    lines = [f"HTTP/1.1 {status} {reason}", *(f"{name}: {headers[name]}" for name in headers)]
    return "\r\n".join([*lines, "", ""]).encode("latin-1") + body
