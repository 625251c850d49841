from collections.abc import Callable
from typing import Any

import jwt
import pytest
from django.test import Client

PASSWORD = "a password of the test"


def token(client: Client, username: str, password: str = PASSWORD) -> Any:
    return client.post(
        "/auth/token",
        {"username": username, "password": password},
        content_type="application/json",
    )


def refresh(client: Client, value: str) -> Any:
    return client.post("/auth/token/refresh", {"refresh": value}, content_type="application/json")


def claims(value: str) -> Any:
    return jwt.decode(value, options={"verify_signature": False})


@pytest.mark.parametrize(
    ("roles", "scope"), [(["reader"], "reader"), (["approver", "curator"], "approver curator")]
)
def test_a_token_carries_the_users_roles_as_scope(
    client: Client, make_user: Callable[..., Any], roles: list[str], scope: str
) -> None:
    make_user(*roles, username="pessoa")
    answer = token(client, "pessoa")
    assert answer.status_code == 200
    assert answer.json()["scope"] == scope
    assert claims(answer.json()["access"])["scope"] == scope


def test_a_wrong_password_is_401(client: Client, approver: Any) -> None:
    assert token(client, "brenda", "wrong").status_code == 401


def test_guessing_passwords_is_stopped(client: Client, approver: Any, settings: Any) -> None:
    settings.RAIOX_LOGIN_RATE = "3/min"
    codes = [token(client, "brenda", f"guess {number}").status_code for number in range(5)]
    assert codes == [401, 401, 401, 429, 429]


def test_a_refreshed_token_has_the_scope_of_now_and_the_old_one_is_used_up(
    client: Client, approver: Any
) -> None:
    first = token(client, "brenda").json()
    approver.groups.clear()
    second = refresh(client, first["refresh"])
    assert second.status_code == 200
    assert claims(second.json()["access"])["scope"] == ""
    assert refresh(client, first["refresh"]).status_code == 401
    assert refresh(client, second.json()["refresh"]).status_code == 200


@pytest.mark.parametrize("end", ["delete", "deactivate"])
def test_a_deleted_or_deactivated_user_gets_no_new_token(
    client: Client, approver: Any, end: str
) -> None:
    issued = token(client, "brenda").json()
    if end == "delete":
        approver.delete()
    else:
        approver.is_active = False
        approver.save()
    assert refresh(client, issued["refresh"]).status_code == 401
    headers = {"Authorization": f"Bearer {issued['access']}"}
    assert client.get("/cases", headers=headers).status_code == 401


def test_logging_out_ends_the_refresh_token(client: Client, approver: Any) -> None:
    issued = token(client, "brenda").json()
    body = {"refresh": issued["refresh"]}
    assert client.post("/auth/logout", body, content_type="application/json").status_code == 204
    assert refresh(client, issued["refresh"]).status_code == 401
    assert client.post("/auth/logout", body, content_type="application/json").status_code == 401


@pytest.mark.parametrize("forged", ["none", "foreign key"])
def test_a_forged_token_opens_nothing(client: Client, approver: Any, forged: str) -> None:
    payload = claims(token(client, "brenda").json()["access"])
    if forged == "none":
        value = jwt.encode(payload, None, algorithm="none")
    else:
        value = jwt.encode(payload, "k" * 32, algorithm="HS256")
    assert client.get("/cases", headers={"Authorization": f"Bearer {value}"}).status_code == 401


@pytest.mark.parametrize("body", ["{", "[]", "{}", '{"refresh": 7}', '{"refresh": "\\u0000"}'])
@pytest.mark.parametrize("path", ["/auth/token", "/auth/token/refresh", "/auth/logout"])
def test_nothing_sent_to_the_token_doors_is_a_server_error(
    client: Client, db: None, path: str, body: str
) -> None:
    answer = client.post(path, body, content_type="application/json")
    assert 400 <= answer.status_code < 500
