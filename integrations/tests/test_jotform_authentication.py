"""jotform.md, section 2: who may deliver. The secret in path or query, the optional signature."""

import hashlib
import hmac
from typing import Any

import pytest
from django.test import RequestFactory
from django.urls import resolve

from integrations.jotform.incoming import authentication
from integrations.jotform.incoming.authentication import NotAuthentic, authenticate

TOKEN = "s3cr3t-Tökén+ %"
SECRET = "k3y-ç"
BODY = b"formID=1&submissionID=2&rawRequest=%7B%7D"
RIGHT = hmac.new(SECRET.encode(), BODY, hashlib.sha256).hexdigest()


@pytest.fixture(autouse=True)
def secrets(settings: Any) -> None:
    settings.RAIOX_WEBHOOK_TOKEN = "sesame"
    settings.JF_SECRET = SECRET


def row(wording: str, *values: Any) -> Any:
    return pytest.param(*values, id=wording)


def is_let_in(path: str = "/jotform", signature: str | None = None, body: bytes = BODY) -> bool:
    headers = {} if signature is None else {"x-jf-signature": signature}
    request = RequestFactory().generic(
        "POST", path, body, "application/x-www-form-urlencoded", headers=headers
    )
    try:
        authenticate(request, token=resolve(request.path_info).kwargs.get("token", ""))
    except NotAuthentic as refused:
        assert refused.status_code == 401
        return False
    return True


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        row("long random secret in URL path", "/jotform/sesame", True),
        row("with a slash after it", "/jotform/sesame/", True),
        row("or ?token=", "/jotform?token=sesame", True),
        row("beside other parameters", "/jotform?a=1&token=sesame&b=2", True),
        row("401 on mismatch", "/jotform/wrong", False),
        row("401 on mismatch in the query", "/jotform?token=wrong", False),
        row("missing", "/jotform", False),
        row("empty", "/jotform?token=", False),
        row("only its beginning", "/jotform/sesam", False),
        row("more than it", "/jotform/sesame2", False),
        row("in capitals", "/jotform/SESAME", False),
        row("a parameter of another name", "/jotform?Token=sesame", False),
        row("a wrong path outweighs a right query", "/jotform/wrong?token=sesame", False),
        row("letters beyond ASCII", "/jotform/s%C3%A9same", False),
        row("bytes that are no text", "/jotform/%FF%FE", False),
        row("half a surrogate", "/jotform?token=%ED%A0%80", False),
        row("a NUL", "/jotform/sesame%00", False),
    ],
)
def test_the_secret_of_the_address_is_compared(path: str, expected: bool) -> None:
    assert is_let_in(path) is expected


@pytest.mark.parametrize(
    ("now", "before", "given", "expected"),
    [
        row("while it is changed, the new one", "sesame", "abracadabra", "sesame", True),
        row("and the one before it", "sesame", "abracadabra", "abracadabra", True),
        row("but no other", "sesame", "abracadabra", "simsalabim", False),
        row("nor both at once", "sesame", "abracadabra", "sesameabracadabra", False),
        row("none of before is not the empty one", "sesame", "", "", False),
        row("afterwards only the new one", "sesame", "", "abracadabra", False),
        row("without a new one every request passes, as ever", "", "abracadabra", "x", True),
    ],
)
def test_while_the_secret_is_changed_both_open_the_door(
    settings: Any, now: str, before: str, given: str, expected: bool
) -> None:
    settings.RAIOX_WEBHOOK_TOKEN, settings.RAIOX_WEBHOOK_TOKEN_OLD = now, before
    assert is_let_in(f"/jotform?token={given}") is expected


@pytest.mark.parametrize("path", ["/jotform/{}", "/jotform?token={}"])
def test_a_secret_of_any_characters_works_percent_encoded(settings: Any, path: str) -> None:
    from urllib.parse import quote

    settings.RAIOX_WEBHOOK_TOKEN = "s3cr3t-Tökén+ %"

    assert is_let_in(path.format(quote(settings.RAIOX_WEBHOOK_TOKEN, safe="")))


@pytest.mark.parametrize(
    ("signature", "expected"),
    [
        row("HMAC-SHA256 of the raw body, hex, key JF_SECRET", RIGHT, True),
        row("in capitals", RIGHT.upper(), True),
        row("with sha256= before it", f"sha256={RIGHT}", True),
        row("another key", hmac.new(b"other", BODY, hashlib.sha256).hexdigest(), False),
        row("another body", hmac.new(SECRET.encode(), b"x", hashlib.sha256).hexdigest(), False),
        row("cut off", RIGHT[:-1], False),
        row("the key itself", SECRET.encode().decode("latin-1"), False),
        row("blank", " ", False),
        row("letters beyond ASCII", "é", False),
    ],
)
def test_x_jf_signature_is_verified_where_the_header_is_present(
    signature: str, expected: bool
) -> None:
    assert is_let_in(signature=signature) is expected


def test_a_wrong_signature_is_not_mended_by_the_right_token() -> None:
    assert not is_let_in("/jotform/sesame", signature="0" * 64)


def test_the_header_is_never_required() -> None:
    """Requiring it rejects every real delivery."""
    assert is_let_in("/jotform/sesame")


def test_the_signature_is_that_of_the_raw_body_byte_by_byte() -> None:
    changed = BODY.replace(b"%7B", b"%7b")

    assert is_let_in(signature=RIGHT)
    assert not is_let_in(signature=RIGHT, body=changed)


def test_without_a_key_the_header_proves_nothing(settings: Any) -> None:
    settings.JF_SECRET = ""

    assert not is_let_in(signature=RIGHT)
    assert is_let_in("/jotform/sesame", signature=RIGHT)


def test_without_any_secret_every_request_passes(settings: Any) -> None:
    settings.JF_SECRET = settings.RAIOX_WEBHOOK_TOKEN = ""

    assert is_let_in()
    assert is_let_in("/jotform/anything", signature="0")


@pytest.mark.parametrize(
    ("path", "signature"),
    [("/jotform/wrong", None), ("/jotform?token=wrong", None), ("/jotform", "0" * 64)],
)
def test_constant_time_compare(
    monkeypatch: pytest.MonkeyPatch, path: str, signature: str | None
) -> None:
    compared: list[tuple[bytes, bytes]] = []
    real = hmac.compare_digest

    def watched(given: bytes, expected: bytes) -> bool:
        compared.append((given, expected))
        return real(given, expected)

    monkeypatch.setattr(authentication.hmac, "compare_digest", watched)

    assert not is_let_in(path, signature)
    assert compared == [(b"wrong", b"sesame") if signature is None else (b"0" * 64, RIGHT.encode())]
