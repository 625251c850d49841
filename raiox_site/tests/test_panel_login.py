"""The panel's login, attacked: fixed sessions, foreign targets, ended accounts."""

from collections.abc import Callable
from typing import Any

import pytest
from django.contrib.sessions.models import Session
from django.test import Client

from raiox_site.tests.test_tokens import PASSWORD

LOGIN = "/admin/login/"


def log_in(client: Client, target: str = "/admin/", **body: str) -> Any:
    return client.post(LOGIN, {"username": "brenda", "password": PASSWORD, "next": target, **body})


def test_a_login_leads_to_the_page_that_was_asked_for(client: Client, approver: Any) -> None:
    asked = client.get("/admin/cases/case/")
    assert asked["Location"] == "/admin/login/?next=/admin/cases/case/"
    assert log_in(client, "/admin/cases/case/")["Location"] == "/admin/cases/case/"
    assert client.get("/admin/cases/case/").status_code == 200


@pytest.mark.parametrize(
    "target",
    [
        "https://evil.example",
        "//evil.example",
        "///evil.example",
        "/\\evil.example",
        "\\\\evil.example",
        "http:evil.example",
        "javascript:alert(1)",
        "https:///evil.example",
        "https://testserver@evil.example/",
        "//testserver.evil.example",
        "\thttps://evil.example",
        "\x00//evil.example",
        "data:text/html,x",
    ],
)
def test_a_login_leads_to_no_other_site(client: Client, approver: Any, target: str) -> None:
    assert log_in(client, target)["Location"] == "/admin/"
    client.logout()
    answer = client.post(f"{LOGIN}?next={target}", {"username": "brenda", "password": PASSWORD})
    assert answer["Location"] == "/admin/"


def test_a_session_that_somebody_prepared_is_not_the_one_that_is_logged_in(
    client: Client, approver: Any
) -> None:
    session = client.session
    session["planted"] = "by an attacker"
    session.save()
    prepared = session.session_key
    log_in(client)
    assert client.cookies["sessionid"].value != prepared
    assert not Session.objects.filter(session_key=prepared).exists()
    client.cookies["sessionid"] = prepared
    assert client.get("/admin/").status_code == 302


def test_the_cookies_are_out_of_reach_of_scripts_and_other_sites(
    client: Client, approver: Any
) -> None:
    cookie = log_in(client).cookies["sessionid"]
    assert cookie["httponly"]
    assert cookie["samesite"] == "Lax"


@pytest.mark.parametrize("field", ["is_active", "is_staff"])
def test_a_session_ends_with_the_next_request_once_the_account_is_closed(
    client: Client, approver: Any, field: str
) -> None:
    log_in(client)
    assert client.get("/admin/").status_code == 200
    setattr(approver, field, False)
    approver.save()
    assert client.get("/admin/")["Location"].startswith(LOGIN)


def test_a_session_ends_when_the_user_is_deleted_or_gets_another_password(
    client: Client, approver: Any, make_user: Callable[..., Any]
) -> None:
    log_in(client)
    approver.set_password("another password of the test")
    approver.save()
    assert client.get("/admin/").status_code == 302
    client.force_login(approver)
    approver.delete()
    assert client.get("/admin/").status_code == 302


def test_who_leaves_the_group_sees_no_case_with_the_next_click(
    client: Client, approver: Any
) -> None:
    log_in(client)
    assert client.get("/admin/cases/case/").status_code == 200
    approver.groups.clear()
    assert client.get("/admin/cases/case/").status_code == 403


def test_logging_out_ends_the_session_on_the_server(client: Client, approver: Any) -> None:
    log_in(client)
    key = client.cookies["sessionid"].value
    assert client.get("/admin/logout/").status_code == 405
    client.post("/admin/logout/")
    client.cookies["sessionid"] = key
    assert client.get("/admin/").status_code == 302


def test_a_login_without_the_forms_own_token_is_refused(approver: Any) -> None:
    strict = Client(enforce_csrf_checks=True)
    assert log_in(strict).status_code == 403
    assert "sessionid" not in strict.cookies


def test_an_account_that_is_not_staff_learns_nothing_from_the_panel(
    client: Client, approver: Any
) -> None:
    approver.is_staff = False
    approver.save()
    right, wrong = log_in(client), log_in(client, password="wrong")
    assert right.status_code == wrong.status_code == 200
    assert right.context["form"].errors == wrong.context["form"].errors


def test_nobody_sees_the_tokens_and_keys_of_others_in_the_panel(admin_client: Client) -> None:
    for kind in (
        "token_blacklist/outstandingtoken",
        "token_blacklist/blacklistedtoken",
        "otp_totp/totpdevice",
        "otp_static/staticdevice",
    ):
        assert admin_client.get(f"/admin/{kind}/").status_code == 404
