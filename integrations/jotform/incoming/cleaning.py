"""Texts from outside, made fit to keep."""

import html
import math
import re
from collections.abc import Callable, Mapping
from itertools import islice
from urllib.parse import urlsplit

MAX_DEPTH = 8
MAX_FIELDS = 200
MAX_TEXT = 20_000
REDACTED = "[redacted]"

_SECRET = re.compile(
    r"\b((?:access_?|webhook_?)?token|secret|api_?key|password|signature)=[^&\s\"'<>\\]+", re.I
)
_SECRET_NAME = re.compile(r"(?:access_?|webhook_?)?token|secret|api_?key|password", re.I)
_DATA_URI = re.compile(r"data:[\w.+-]+\\?/[\w.+-]+(?:;[\w=.+-]+)*;base64,[\w+/=\\-]*")
# Only those with their semicolon: `&copy=1` is a part of an address, not a sign.
_ESCAPE = re.compile(r"&(?:#[0-9]{1,7}|#[xX][0-9a-fA-F]{1,6}|[A-Za-z][A-Za-z0-9]{1,31});")
_UNSTORABLE = dict.fromkeys(code for code in (*range(32), 127) if chr(code) not in "\t\n\r")


def redact(fields: Mapping[str, object]) -> dict[str, object]:
    """The delivery as it may be kept: no secrets, no inline images, nothing oversized."""
    return {
        clean_text(name)[:100]: _redact_field(name, value)
        for name, value in islice(fields.items(), MAX_FIELDS)
    }


def clean_text(value: object) -> str:
    """A string or number as one line without HTML escapes; "" for anything else."""
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        return ""
    return " ".join(unescaped(str(value)).split())


def unescaped(text: str) -> str:
    return _storable(_ESCAPE.sub(lambda match: html.unescape(match[0]), text))


def _storable(text: str) -> str:
    """Without NUL, other control characters and lone surrogates, which PostgreSQL refuses."""
    return text.encode("utf-8", "ignore").decode().translate(_UNSTORABLE)


def each_text(value: object, change: Callable[[str], str], depth: int = 0) -> object:
    """`value` with every string in it changed; what is nested too deeply becomes None."""
    if depth > MAX_DEPTH:
        return None
    if isinstance(value, str):
        return change(value)
    if isinstance(value, list | tuple):
        return [each_text(item, change, depth + 1) for item in value]
    if isinstance(value, Mapping):
        return {
            _storable(str(key)): each_text(item, change, depth + 1) for key, item in value.items()
        }
    return str(value) if isinstance(value, float) and not math.isfinite(value) else value


def _redact_field(name: str, value: object) -> object:
    if _SECRET_NAME.fullmatch(name):
        return REDACTED
    if name == "webhookURL":
        return _redact_address(clean_text(value))
    return each_text(value, _redact_text)


def _redact_address(url: str) -> str:
    """Our own address without what follows the first part of its path: there the token is."""
    try:
        parts = urlsplit(url)
        host = parts.netloc.rpartition("@")[2]
    except ValueError:
        return REDACTED
    first, _slash, rest = parts.path.lstrip("/").partition("/")
    secret = f"/{REDACTED}" if rest or parts.query or parts.fragment else ""
    return f"{parts.scheme}://{host}/{first}{secret}" if host else REDACTED


def _redact_text(text: str) -> str:
    text = _DATA_URI.sub(lambda match: f"[inline file, {len(match[0])} characters]", text)
    text = _storable(_SECRET.sub(rf"\1={REDACTED}", text))
    excess = len(text) - MAX_TEXT
    return text if excess <= 0 else f"{text[:MAX_TEXT]}[{excess} more characters]"
