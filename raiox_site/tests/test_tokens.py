from collections.abc import Callable
from typing import Any

import jwt
import pytest
from django.test import Client

from raiox_site.tokens import ScopedTokenSerializer

PASSWORD = "a password of the test"


def token(client: Client, username: str, password: str = PASSWORD, **more: str) -> Any:
    return client.post(
        "/auth/token",
        {"username": username, "password": password, **more},
        content_type="application/json",
    )


def allowed(client: Client, access: str) -> tuple[int, int]:
    """What the token may do: the answers to reading cases, and to deciding one there is not."""
    headers = {"Authorization": f"Bearer {access}"}
    decision = client.post(
        "/cases/999/reject", {"reason": "x"}, content_type="application/json", headers=headers
    )
    return client.get("/cases", headers=headers).status_code, decision.status_code


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


@pytest.mark.parametrize(
    ("asked", "granted", "answers"),
    [
        ("reader", "reader", (200, 403)),
        ("approver", "approver", (200, 404)),
        ("approver reader curator", "approver reader", (200, 404)),
        ("curator", "", (403, 403)),
    ],
)
def test_a_client_may_ask_for_less_and_gets_no_more_than_the_users_roles(
    client: Client, approver: Any, asked: str, granted: str, answers: tuple[int, int]
) -> None:
    issued = token(client, "brenda", scope=asked).json()
    assert issued["scope"] == granted
    assert allowed(client, issued["access"]) == answers


def test_a_superuser_has_every_scope_and_may_ask_for_one(
    client: Client, make_user: Callable[..., Any]
) -> None:
    make_user(username="chefe", is_superuser=True)
    assert token(client, "chefe").json()["scope"] == "approver curator reader"
    assert token(client, "chefe", scope="curator").json()["scope"] == "curator"


def test_a_scope_that_there_is_not_is_refused(client: Client, approver: Any) -> None:
    answer = token(client, "brenda", scope="reader admin")
    assert answer.status_code == 400
    assert "admin" in answer.json()["scope"][0]


def test_a_refresh_never_widens_what_the_session_asked_for(client: Client, approver: Any) -> None:
    issued = token(client, "brenda", scope="reader").json()
    for _time in range(2):
        issued = refresh(client, issued["refresh"]).json()
        assert issued["scope"] == "reader"
        assert allowed(client, issued["access"]) == (200, 403)


def test_a_session_ends_after_a_week_however_often_it_is_renewed(
    client: Client, approver: Any
) -> None:
    old = ScopedTokenSerializer.get_token(approver)
    old["began"] -= 7 * 24 * 3600 + 1
    assert refresh(client, str(old)).status_code == 401


def test_a_password_may_begin_and_end_with_a_space(
    client: Client, make_user: Callable[..., Any]
) -> None:
    user = make_user("reader", username="espaco")
    user.set_password("  spaces around  ")
    user.save()
    assert token(client, "espaco", "  spaces around  ").status_code == 200
    assert token(client, "espaco", "spaces around").status_code == 401


@pytest.mark.parametrize("path", ["/auth/token/refresh", "/auth/logout"])
def test_renewing_and_ending_sessions_is_limited(
    client: Client, db: None, settings: Any, path: str
) -> None:
    settings.RAIOX_TOKEN_RATE = "2/min"
    answers = [
        client.post(path, {"refresh": "x"}, content_type="application/json") for _ in range(3)
    ]
    assert [answer.status_code for answer in answers] == [401, 401, 429]
    assert 0 < int(answers[2]["Retry-After"]) <= 60


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


@pytest.mark.parametrize("body", ["{", "[]", "{}", '{"refresh": 7}', '{"refresh": "\\u0000"}'])
@pytest.mark.parametrize("path", ["/auth/token", "/auth/token/refresh", "/auth/logout"])
def test_nothing_sent_to_the_token_doors_is_a_server_error(
    client: Client, db: None, path: str, body: str
) -> None:
    answer = client.post(path, body, content_type="application/json")
    assert 400 <= answer.status_code < 500
