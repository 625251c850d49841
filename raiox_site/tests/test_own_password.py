"""Changing one's own password, and guessing the old one with a session that was stolen."""

from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client

from raiox_site.tests.test_tokens import PASSWORD

PAGE = "/admin/password_change/"
NEW = "a new password for the test"


@pytest.fixture
def stolen(client: Client, approver: Any) -> Client:
    client.force_login(approver)
    return client


def change(client: Client, old: str, new: str = NEW) -> Any:
    body = {"old_password": old, "new_password1": new, "new_password2": new}
    return client.post(PAGE, body)


def test_with_the_old_password_a_new_one_is_set_and_the_session_goes_on(stolen: Client) -> None:
    assert "<h1>" in stolen.get(PAGE).content.decode()
    assert change(stolen, PASSWORD)["Location"] == "/admin/password_change/done/"
    assert User.objects.get(username="brenda").check_password(NEW)
    assert stolen.get("/admin/").status_code == 200


def test_the_old_password_cannot_be_guessed_without_end(stolen: Client) -> None:
    answers = [change(stolen, f"guess {number}").status_code for number in range(5)]
    assert answers == [200] * 4 + [429]
    refused = change(stolen, PASSWORD)
    assert refused.status_code == 429
    assert int(refused["Retry-After"]) > 0
    assert User.objects.get(username="brenda").check_password(PASSWORD)


def test_guesses_count_also_where_the_new_password_is_no_good(stolen: Client) -> None:
    answers = [change(stolen, f"guess {number}", "").status_code for number in range(5)]
    assert answers[-1] == 429


def test_guesses_here_close_the_login_too(stolen: Client) -> None:
    for number in range(5):
        change(stolen, f"guess {number}")
    body = {"username": "brenda", "password": PASSWORD}
    answer = Client().post("/auth/token", body, content_type="application/json")
    assert answer.status_code == 429


def test_the_right_password_opens_the_count_again(stolen: Client) -> None:
    for _ in range(2):
        answers = [change(stolen, f"guess {number}").status_code for number in range(4)]
        assert answers == [200] * 4
        assert change(stolen, PASSWORD, "123").status_code == 200
