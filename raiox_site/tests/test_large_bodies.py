"""Who may send how much, before anything is read."""

from typing import Any

import pytest
from django.test import Client

MEGABYTE = 1024 * 1024
ADD = "/admin/implants/referenceimage/add/"
LARGE = {"CONTENT_LENGTH": str(20 * MEGABYTE)}
pytestmark = pytest.mark.django_db


def send(client: Client, path: str) -> int:
    return int(client.post(path, b"", "application/octet-stream", **LARGE).status_code)


def test_whoever_is_logged_in_may_send_many_films(client: Client, curator: Any) -> None:
    client.force_login(curator)
    assert send(client, ADD) != 413


@pytest.mark.parametrize("cookie", ["", "made-up"])
def test_a_made_up_cookie_does_not_make_room(client: Client, settings: Any, cookie: str) -> None:
    client.cookies[settings.SESSION_COOKIE_NAME] = cookie
    assert send(client, ADD) == 413


def test_a_session_that_ended_does_not_make_room(
    client: Client, curator: Any, settings: Any
) -> None:
    client.force_login(curator)
    key = client.cookies[settings.SESSION_COOKIE_NAME].value
    curator.set_password("another password of the test")
    curator.save()
    client.cookies[settings.SESSION_COOKIE_NAME] = key
    assert send(client, ADD) == 413


@pytest.mark.parametrize("path", ["/admin/login/", "/admin/login/code/", "/admin/logout/"])
def test_the_doorstep_takes_a_small_form_from_everybody(
    client: Client, curator: Any, path: str
) -> None:
    client.force_login(curator)
    assert send(client, path) == 413


def test_an_address_that_only_begins_like_a_door_is_none(client: Client) -> None:
    large = {"CONTENT_LENGTH": str(5 * MEGABYTE)}
    for path in ("/uploadx", "/webhooks", "/jotform/a/b"):
        answer = client.post(path, b"", "application/octet-stream", **large)
        assert answer.status_code == 413, path
