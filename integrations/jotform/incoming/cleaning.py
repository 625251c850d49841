"""Texts from outside, made fit to keep."""

import html
import json
import math
import re
from collections.abc import Callable, Mapping
from functools import lru_cache
from itertools import islice
from urllib.parse import quote, quote_plus, urlsplit

from django.conf import settings

MAX_DEPTH = 8
MAX_FIELDS = 200
MAX_TEXT = 20_000
# Far beyond what people write into a form; what is longer is left out, not cut in the middle.
MAX_JSON = 1_000_000
# Shorter ones are words that people write.
MIN_SECRET = 6
MAX_DIGITS = 20
REDACTED = "[redacted]"

_SENSITIVE = (
    r"(?:(?:x|jf|jotform|access|webhook|auth|client)[_-]?){0,3}"
    r"(?:token|secret|api[_-]?key|password|signature)"
)
_SECRET_NAME = re.compile(_SENSITIVE, re.I)
_ADDRESS_NAME = re.compile(r"webhook[_-]?url", re.I)
_ASSIGNED = re.compile(
    r"(?:(?<![a-z])|(?<=%[0-9a-f]{2}))"
    rf"({_SENSITIVE}\\?[\"']?\s{{0,2}}(?:[=:]|%3[DA])\s{{0,2}}\\?[\"']?)[^&\s\"'<>\\]+",
    re.I,
)
# Our own door. An account may be called so too, and the addresses of its files are needed.
_OWN_PATH = re.compile(r"(?<!uploads)((?:\\?/|%2F)jotform(?:\\?/|%2F))[^&\s\"'<>\\/?#]+", re.I)
_UPLOAD = re.compile(r"https?://[^/\s]+/uploads/")
_INLINE_FILE = re.compile(
    r"data:(?:[^,\s\"'<>]{0,100};base64,[\w+/=%\\-]*"
    r"|(?:image|application|audio|video|text|font)\\?/[\w.+-]{1,50}[^,\s\"'<>]{0,100},[^\s\"'<>]*)",
    re.I,
)
# Only those with their semicolon: `&copy=1` is a part of an address, not a sign.
_ESCAPE = re.compile(r"&(?:#[0-9]{1,7}|#[xX][0-9a-fA-F]{1,6}|[A-Za-z][A-Za-z0-9]{1,31});")
_UNSTORABLE = dict.fromkeys(code for code in (*range(32), 127) if chr(code) not in "\t\n\r")


def redact(fields: Mapping[str, object]) -> dict[str, object]:
    """The delivery as it may be kept: no secrets, no inline files, nothing oversized.

    It can still be read: JSON stays JSON, and says the same of the case.
    """
    return {
        clean_text(without_secrets(name))[:100]: _redact_field(name, value)
        for name, value in islice(fields.items(), MAX_FIELDS)
    }


def without_secrets(text: str) -> str:
    """The text without what looks like a secret, and without ours, plain or encoded."""
    # Of letters and digits alone nothing is assigned, and no address is made.
    if not text.isalnum():
        text = _OWN_PATH.sub(rf"\1{REDACTED}", _ASSIGNED.sub(rf"\1{REDACTED}", text))
    names = ("RAIOX_WEBHOOK_TOKEN", "RAIOX_WEBHOOK_TOKEN_OLD", "JF_SECRET", "JOTFORM_API_KEY")
    ours = _spellings(tuple(getattr(settings, name).strip() for name in names))
    return ours.sub(REDACTED, text) if ours else text


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
    parsed = parsed_json(value)
    if parsed is None or not isinstance(value, str):
        return _redact(name, value)
    kept = _redact(name, parsed)
    # The text as it came, unless something hides in it that its reading does not show.
    if kept == parsed and value == _redact_text(value):
        return value
    text = json.dumps(kept, ensure_ascii=False)
    return text if len(text) <= MAX_JSON else f"[{len(text)} characters]"


def parsed_json(value: object) -> object:
    """The object or list that a text is the JSON of; None for anything else."""
    if not isinstance(value, str) or value.lstrip("\ufeff \t\r\n")[:1] not in ("{", "["):
        return None
    try:
        return json.loads(value.lstrip("\ufeff"), parse_int=_integer)
    except (ValueError, RecursionError):
        return None


def _integer(digits: str) -> int | str:
    # Longer numbers are none that anybody counts with, and too long ones cannot even be read.
    return int(digits) if len(digits) <= MAX_DIGITS else digits


def _redact(name: str, value: object, depth: int = 0) -> object:
    """What is called `name`, and everything in it by its own name."""
    if depth > MAX_DEPTH + 3:
        return None
    is_secret = bool(_SECRET_NAME.fullmatch(name))
    if isinstance(value, Mapping):
        return {
            _redact_text(str(key)): _redact(name if is_secret else str(key), item, depth + 1)
            for key, item in value.items()
        }
    if isinstance(value, list | tuple):
        return [_redact(name, item, depth + 1) for item in value]
    if isinstance(value, str):
        return _redact_named(name, value, is_secret=is_secret)
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    return REDACTED if is_secret and is_number else each_text(value, str)


def _redact_named(name: str, text: str, *, is_secret: bool) -> str:
    is_file = _INLINE_FILE.match(text.lstrip()) or _UPLOAD.match(text)
    if is_secret and not is_file:
        return REDACTED
    return _redact_address(text) if _ADDRESS_NAME.fullmatch(name) else _redact_text(text)


def _redact_address(url: str) -> str:
    """Our own address without what follows the first part of its path: there the token is."""
    try:
        parts = urlsplit(clean_text(url))
        host = parts.netloc.rpartition("@")[2]
    except ValueError:
        return REDACTED
    first, _slash, rest = parts.path.lstrip("/").partition("/")
    secret = f"/{REDACTED}" if rest or parts.query or parts.fragment else ""
    return without_secrets(f"{parts.scheme}://{host}/{first}{secret}") if host else REDACTED


def _redact_text(text: str) -> str:
    # Most fields of a delivery.
    if not text:
        return text
    text = _storable(text)
    if _INLINE_FILE.match(text.lstrip()):
        return _inline_note(text)
    text = without_secrets(_INLINE_FILE.sub(lambda match: _inline_note(match[0]), text))
    excess = len(text) - MAX_TEXT
    return text if excess <= 0 else f"{text[:MAX_TEXT]}[{excess} more characters]"


def _inline_note(file: str) -> str:
    """Stands for an inline file, and is still read as one: a signature gives consent."""
    return f"data:,[inline file, {len(file)} characters]"


@lru_cache(maxsize=8)
def _spellings(secrets: tuple[str, ...]) -> re.Pattern[str] | None:
    """Finds these secrets however they are written."""
    found = {
        spelling
        for secret in secrets
        if len(secret) >= MIN_SECRET
        for spelling in _encodings(secret)
    }
    longest_first = sorted(found, key=len, reverse=True)
    return re.compile("|".join(map(re.escape, longest_first)), re.I) if found else None


def _encodings(secret: str) -> list[str]:
    in_json = [json.dumps(secret)[1:-1], json.dumps(secret, ensure_ascii=False)[1:-1]]
    return [
        secret,
        quote(secret, safe=""),
        quote(secret),
        quote_plus(secret),
        html.escape(secret),
        *in_json,
        *(text.replace("/", "\\/") for text in in_json),
    ]
