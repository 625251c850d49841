"""Every way that is known to get past a JWT."""

import base64
import json
import threading
import time
from collections.abc import Callable
from typing import Any

import jwt
import pytest
from django.conf import settings
from django.db import connections
from django.test import Client
from rest_framework_simplejwt.token_blacklist.models import OutstandingToken

from cases.models import Case
from raiox_site.access.signing import Access, Refresh
from raiox_site.tests.test_tokens import PASSWORD, claims, refresh, token

KEY = settings.SIMPLE_JWT["SIGNING_KEY"]


def cases(client: Client, access: str) -> int:
    return client.get("/cases", headers={"Authorization": f"Bearer {access}"}).status_code


def part(value: object) -> str:
    return base64.urlsafe_b64encode(json.dumps(value).encode()).rstrip(b"=").decode()


@pytest.fixture
def good(client: Client, approver: Any) -> dict[str, str]:
    """A pair of tokens that is accepted; what a test changes is all that is wrong with it."""
    issued: dict[str, str] = token(client, "brenda").json()
    assert cases(client, issued["access"]) == 200
    return issued


@pytest.mark.parametrize("algorithm", ["none", "None", "NONE", "nOnE", "", None])
@pytest.mark.parametrize("signature", ["", "kept"])
def test_an_unsigned_token_opens_nothing(
    client: Client, good: dict[str, str], algorithm: object, signature: str
) -> None:
    _header, payload, signed = good["access"].split(".")
    end = signed if signature else ""
    header = part({"alg": algorithm, "typ": "JWT"})
    assert cases(client, f"{header}.{payload}.{end}") == 401
    assert cases(client, jwt.encode(claims(good["access"]), None, algorithm="none")) == 401


@pytest.mark.parametrize("algorithm", ["HS384", "HS512"])
def test_another_algorithm_with_the_right_key_opens_nothing(
    client: Client, good: dict[str, str], algorithm: str
) -> None:
    assert cases(client, jwt.encode(claims(good["access"]), KEY, algorithm=algorithm)) == 401


@pytest.mark.parametrize("algorithm", ["RS256", "ES256", "PS256", "EdDSA", "HS256\x00", ["HS256"]])
def test_an_algorithm_that_is_only_named_opens_nothing(
    client: Client, good: dict[str, str], algorithm: object
) -> None:
    _header, payload, signature = good["access"].split(".")
    assert cases(client, f"{part({'alg': algorithm})}.{payload}.{signature}") == 401


@pytest.mark.parametrize(
    "header",
    [
        {"jwk": {"kty": "oct", "k": "azEyMzQ1"}},
        {"jku": "http://127.0.0.1/keys.json"},
        {"x5u": "http://127.0.0.1/cert.pem"},
        {"kid": "../../../../dev/null"},
        {"kid": "x' UNION SELECT 'k"},
        {"kid": 7},
        {"crit": ["exp"]},
        {"b64": False, "crit": ["b64"]},
    ],
    ids=str,
)
def test_a_key_that_the_token_brings_along_is_not_used(
    client: Client, good: dict[str, str], header: dict[str, Any]
) -> None:
    payload = good["access"].split(".")[1]
    start = f"{part({'alg': 'HS256', 'typ': 'JWT', **header})}.{payload}"
    for key in (b"", b"k12345", b"\x00"):
        signed = jwt.api_jws.PyJWS().get_algorithm_by_name("HS256").sign(start.encode(), key)
        end = base64.urlsafe_b64encode(signed).rstrip(b"=").decode()
        assert cases(client, f"{start}.{end}") == 401


@pytest.mark.parametrize(
    "key",
    ["k" * 32, settings.SECRET_KEY, "raiox", "secret" * 6],
    ids=["another", "the sessions' key", "short", "guessed"],
)
def test_a_token_signed_with_a_foreign_key_opens_nothing(
    client: Client, good: dict[str, str], key: str
) -> None:
    assert cases(client, jwt.encode(claims(good["access"]), key, algorithm="HS256")) == 401
    assert refresh(client, jwt.encode(claims(good["refresh"]), key)).status_code == 401


@pytest.mark.parametrize(
    "change",
    [
        {"exp": int(time.time()) - 1},
        {"exp": None},
        {"exp": "tomorrow"},
        {"nbf": int(time.time()) + 3600},
        {"iss": "somebody"},
        {"iss": None},
        {"aud": "another-api"},
        {"aud": None},
        {"token_type": "refresh"},
        {"token_type": None},
        {"jti": None},
        {"user_id": None},
        {"user_id": "999999"},
        {"hash_password": "0" * 32},
        {"hash_password": None},
    ],
    # Processes that share the tests must name them alike, whatever the time.
    ids=lambda change: " ".join(
        f"{name} {'now' if isinstance(value, int) else value}" for name, value in change.items()
    ),
)
def test_a_signed_token_is_refused_for_each_claim_that_is_wrong_or_missing(
    client: Client, good: dict[str, str], change: dict[str, Any]
) -> None:
    payload = {**claims(good["access"]), **change}
    payload = {name: value for name, value in payload.items() if value is not None}
    assert cases(client, jwt.encode(payload, KEY, algorithm="HS256")) == 401


def test_an_expired_refresh_token_is_refused(client: Client, good: dict[str, str]) -> None:
    payload = {**claims(good["refresh"]), "exp": int(time.time()) - 1}
    assert refresh(client, jwt.encode(payload, KEY, algorithm="HS256")).status_code == 401


def test_a_scope_written_into_a_token_breaks_its_signature(
    client: Client, make_user: Callable[..., Any], catalogue: list[Any]
) -> None:
    make_user("reader", username="leitura")
    header, _payload, signature = token(client, "leitura").json()["access"].split(".")
    payload = {**claims(token(client, "leitura").json()["access"]), "scope": "approver"}
    assert cases(client, f"{header}.{part(payload)}.{signature}") == 401


def test_a_scope_that_the_user_has_not_is_worth_nothing_even_when_signed(
    client: Client, reader: Any
) -> None:
    payload = {**claims(token(client, "leitura").json()["access"]), "scope": "approver curator"}
    signed = {"Authorization": f"Bearer {jwt.encode(payload, KEY, algorithm='HS256')}"}
    assert client.delete("/cases/1", headers=signed).status_code == 403


@pytest.mark.parametrize("scope", [None, 7, ["approver"], {"approver": 1}, "APPROVER", "approver,"])
def test_a_scope_that_is_no_list_of_words_opens_nothing(
    client: Client, good: dict[str, str], scope: object
) -> None:
    payload = {**claims(good["access"]), "scope": scope}
    assert cases(client, jwt.encode(payload, KEY, algorithm="HS256")) == 403


def test_a_refresh_token_opens_no_door_and_an_access_token_renews_nothing(
    client: Client, good: dict[str, str]
) -> None:
    assert cases(client, good["refresh"]) == 401
    assert refresh(client, good["access"]).status_code == 401
    body = {"refresh": good["access"]}
    assert client.post("/auth/logout", body, content_type="application/json").status_code == 401


def test_a_replayed_refresh_token_is_refused(client: Client, good: dict[str, str]) -> None:
    assert refresh(client, good["refresh"]).status_code == 200
    assert refresh(client, good["refresh"]).status_code == 401


@pytest.mark.django_db(transaction=True)
def test_of_the_same_refresh_token_sent_many_times_at_once_one_is_taken(
    client: Client, approver: Any
) -> None:
    value, codes = token(client, "brenda").json()["refresh"], []
    start = threading.Barrier(8)

    def send() -> None:
        start.wait()
        codes.append(refresh(Client(), value).status_code)
        connections.close_all()

    threads = [threading.Thread(target=send) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(codes) == [200] + [401] * 7


def test_logging_out_ends_the_session_for_good(client: Client, good: dict[str, str]) -> None:
    renewed = refresh(client, good["refresh"]).json()
    body = {"refresh": renewed["refresh"]}
    assert client.post("/auth/logout", body, content_type="application/json").status_code == 204
    assert refresh(client, renewed["refresh"]).status_code == 401
    assert refresh(client, good["refresh"]).status_code == 401


def deactivate(user: Any) -> None:
    user.is_active = False
    user.save()


def change_password(user: Any) -> None:
    user.set_password("another password of the test")
    user.save()


@pytest.mark.parametrize("end", [lambda user: user.delete(), deactivate, change_password])
def test_a_deleted_or_deactivated_user_or_a_changed_password_ends_both_tokens_at_once(
    client: Client, good: dict[str, str], approver: Any, end: Callable[[Any], object]
) -> None:
    end(approver)
    assert cases(client, good["access"]) == 401
    assert refresh(client, good["refresh"]).status_code == 401
    assert token(client, "brenda").status_code == 401


def test_a_demoted_user_may_nothing_with_either_token(
    client: Client, good: dict[str, str], approver: Any
) -> None:
    approver.groups.clear()
    assert cases(client, good["access"]) == 403
    renewed = refresh(client, good["refresh"]).json()
    assert renewed["scope"] == ""
    assert cases(client, renewed["access"]) == 403


def test_the_account_of_a_program_needs_no_access_to_the_panel(
    client: Client, good: dict[str, str], approver: Any
) -> None:
    approver.is_staff = False
    approver.save()
    assert cases(client, good["access"]) == 200


def test_a_direct_permission_does_not_replace_the_role_that_was_taken_away(
    client: Client, good: dict[str, str], approver: Any
) -> None:
    from django.contrib.auth.models import Permission

    approver.user_permissions.set(Permission.objects.filter(content_type__app_label="cases"))
    approver.groups.clear()
    assert cases(client, good["access"]) == 403


ENDPOINTS = [
    ("get", "/cases"),
    ("get", "/cases/{case}"),
    ("delete", "/cases/{case}"),
    ("get", "/cases/{case}/films/{film}"),
    ("post", "/cases/{case}/approve"),
    ("post", "/cases/{case}/reject"),
    ("post", "/cases/{case}/undo"),
    ("post", "/cases/{case}/callback"),
    ("post", "/privacy/erasure"),
]


@pytest.mark.parametrize(("method", "path"), ENDPOINTS)
def test_the_token_of_a_deleted_user_is_401_everywhere_and_changes_nothing(
    client: Client, good: dict[str, str], approver: Any, method: str, path: str
) -> None:
    case = Case.objects.create(source=Case.Source.UPLOAD)
    approver.delete()
    answer = getattr(client, method)(
        path.format(case=case.pk, film=1),
        headers={"Authorization": f"Bearer {good['access']}"},
        content_type="application/json",
    )
    assert answer.status_code == 401
    assert answer.json()["detail"]
    assert Case.objects.get(pk=case.pk).status == case.status


DEEP = base64.urlsafe_b64encode(b"[" * 6000).decode()
GARBAGE = [
    "",
    " ",
    "x",
    "a.b",
    "a.b.c",
    "..",
    "a" * 200_000,
    ".".join("a" * 1000),
    "\x00",
    "a.\x00.c",
    "\xff\xfe.\xff.\xff",
    f"{DEEP}.e30.x",
    f"e30.{DEEP}.x",
    part({"alg": "HS256", "n": 10**400}) + ".e30.x",
    base64.urlsafe_b64encode(b'{"alg":' + b"9" * 5000 + b"}").decode() + ".e30.x",
    base64.urlsafe_b64encode(b'{"alg":NaN}').decode() + ".e30.x",
    part([]) + "." + part("x") + ".x",
]


@pytest.mark.parametrize("garbage", GARBAGE, ids=range(len(GARBAGE)))
def test_garbage_in_place_of_a_token_is_401(client: Client, db: None, garbage: str) -> None:
    for words in (f"Bearer {garbage}", f"Bearer {garbage} {garbage}", f"bearer {garbage}", garbage):
        answer = client.get("/cases", headers={"Authorization": words})
        assert answer.status_code == 401
        assert answer.json()["detail"]
    for path in ("/auth/token/refresh", "/auth/logout"):
        sent = client.post(path, {"refresh": garbage}, content_type="application/json")
        assert sent.status_code in (400, 401)


def test_no_token_is_taken_from_the_address_a_cookie_or_a_form(
    client: Client, good: dict[str, str]
) -> None:
    access = good["access"]
    client.cookies["access"] = client.cookies["Authorization"] = access
    assert client.get(f"/cases?access_token={access}&token={access}").status_code == 401
    assert client.get("/cases", headers={"X-Authorization": f"Bearer {access}"}).status_code == 401


def test_a_session_of_the_panel_is_no_key_to_the_api(client: Client, approver: Any) -> None:
    client.force_login(approver)
    assert client.get("/cases").status_code == 401
    assert client.post("/privacy/erasure", {"email": "a@example.org"}).status_code == 401


def test_a_token_is_no_key_to_the_panel(client: Client, good: dict[str, str]) -> None:
    answer = client.get("/admin/", headers={"Authorization": f"Bearer {good['access']}"})
    assert answer.status_code == 302
    assert answer["Location"].startswith("/admin/login/")


def test_the_database_keeps_no_token_that_could_be_used(
    client: Client, good: dict[str, str]
) -> None:
    refresh(client, good["refresh"])
    assert set(OutstandingToken.objects.values_list("token", flat=True)) == {""}


def test_tokens_of_the_former_key_stay_good_while_it_is_named_and_not_longer(
    client: Client, good: dict[str, str], settings: Any
) -> None:
    former = settings.SIMPLE_JWT["SIGNING_KEY"]
    settings.SIMPLE_JWT = {**settings.SIMPLE_JWT, "SIGNING_KEY": "n" * 48}
    assert cases(client, good["access"]) == 401
    settings.RAIOX_JWT_KEY_OLD = former
    assert cases(client, good["access"]) == 200
    payload = {**claims(good["access"]), "exp": int(time.time()) - 1}
    assert cases(client, jwt.encode(payload, former)) == 401
    assert cases(client, jwt.encode({**payload, "aud": "x"}, former)) == 401
    renewed = refresh(client, good["refresh"]).json()
    settings.RAIOX_JWT_KEY_OLD = ""
    assert cases(client, renewed["access"]) == 200
    assert cases(client, good["access"]) == 401


def test_the_signing_key_is_not_the_secret_key(client: Client, good: dict[str, str]) -> None:
    assert KEY != settings.SECRET_KEY
    assert len(KEY.encode()) >= 32
    for kind, value in ((Access, good["access"]), (Refresh, good["refresh"])):
        assert kind(value).payload["scope"] == "approver"  # type: ignore[arg-type]


def test_who_cannot_log_in_is_told_the_same_for_every_reason(
    client: Client, make_user: Callable[..., Any]
) -> None:
    make_user("reader", username="leitura")
    make_user("reader", username="fechada", is_active=False)
    told = [
        token(client, "leitura", "wrong"),
        token(client, "nobody", "wrong"),
        token(client, "fechada", "wrong"),
        token(client, "fechada", PASSWORD),
    ]
    assert {answer.status_code for answer in told} == {401}
    assert len({answer.content for answer in told}) == 1
