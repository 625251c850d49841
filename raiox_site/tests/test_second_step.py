"""The code that follows the password: setting it up, logging in with it, getting past it."""

import re
import threading
from collections.abc import Callable
from contextlib import suppress
from datetime import timedelta
from typing import Any

import pytest
from django.db import connections
from django.test import Client
from django.utils import timezone
from django_otp.oath import TOTP
from django_otp.plugins.otp_static.models import StaticDevice, StaticToken
from django_otp.plugins.otp_totp.models import TOTPDevice

from raiox_site.access import second_step
from raiox_site.tests.test_tokens import PASSWORD, refresh, token

PAGE, LOGIN, CODE = "/admin/second-step/", "/admin/login/", "/admin/login/code/"


def code_of(key: str, ahead: int = 0) -> str:
    """What the app shows for the key, `ahead` steps of 30 seconds from now."""
    totp = TOTP(bytes.fromhex(key))
    totp.time = timezone.now().timestamp() + 30 * ahead
    return f"{totp.token():06d}"


def wrong_code(key: str) -> str:
    """Six digits that are not the code of now, nor of the steps beside it."""
    near = {code_of(key, ahead) for ahead in range(-2, 3)}
    return next(f"{number:06d}" for number in range(9) if f"{number:06d}" not in near)


def log_in(client: Client, target: str = "/admin/") -> Any:
    body = {"username": "brenda", "password": PASSWORD, "next": target}
    return client.post(LOGIN, body)


def patience() -> None:
    """As if the pause after a wrong code were over."""
    earlier = timezone.now() - timedelta(hours=1)
    TOTPDevice.objects.update(throttling_failure_timestamp=earlier)
    StaticDevice.objects.update(throttling_failure_timestamp=earlier)


def may_try_again() -> None:
    """As if the code of now had not been used yet."""
    TOTPDevice.objects.update(last_t=-1)


@pytest.fixture
def key(approver: Any) -> str:
    """The secret of a second step that is on for Brenda, with a code not used yet."""
    secret = second_step.new_key()
    second_step.confirm(user=approver, key=secret, code=code_of(secret))
    may_try_again()
    return secret


@pytest.fixture
def backup(approver: Any, key: str) -> list[str]:
    return second_step.new_codes(user=approver)


def test_it_is_set_up_with_the_apps_code_and_the_password(client: Client, approver: Any) -> None:
    client.force_login(approver)
    shown = client.get(PAGE)
    picture = client.get("/admin/second-step/qr.svg")
    assert picture["Content-Type"] == "image/svg+xml"
    assert "no-store" in picture["Cache-Control"]
    assert b"<svg" in picture.content
    key = client.session["second_step_key"]
    assert second_step.written_key(key) in shown.content.decode()

    body = {"action": "confirm", "code": code_of(key), "password": PASSWORD}
    done = client.post(PAGE, body)
    codes = re.findall(r"<code>([a-z0-9]{5}-[a-z0-9]{5})</code>", done.content.decode())
    assert (done.status_code, len(set(codes))) == (200, 10)
    assert client.get("/admin/").status_code == 200
    again = client.get(PAGE).content.decode()
    assert not any(code in again for code in codes)
    assert key not in again


@pytest.mark.parametrize("wrong", ["code", "password"])
def test_it_is_not_switched_on_by_a_wrong_code_or_password(
    client: Client, approver: Any, wrong: str
) -> None:
    client.force_login(approver)
    client.get(PAGE)
    key = client.session["second_step_key"]
    body = {"action": "confirm", "code": code_of(key), "password": PASSWORD}
    body[wrong] = wrong_code(key)
    assert client.post(PAGE, body).status_code == 400
    assert not TOTPDevice.objects.exists()


def test_the_code_is_asked_for_after_the_password_and_then_the_panel_opens(
    client: Client, key: str
) -> None:
    first = log_in(client, "/admin/cases/case/")
    assert first["Location"] == CODE
    assert client.get("/admin/cases/case/").status_code == 302
    assert client.get(CODE).status_code == 200
    second = client.post(CODE, {"code": code_of(key)})
    assert second["Location"] == "/admin/cases/case/"
    assert client.get("/admin/cases/case/").status_code == 200


def test_the_password_alone_opens_nothing(client: Client, key: str) -> None:
    log_in(client)
    for path in ("/admin/", "/admin/cases/case/", PAGE, "/admin/password_change/"):
        assert client.get(path)["Location"].startswith(LOGIN), path
    assert "_auth_user_id" not in client.session


def test_the_session_gets_a_new_number_at_either_step(client: Client, key: str) -> None:
    client.get(LOGIN)
    session = client.session
    session["planted"] = "x"
    session.save()
    numbers = [session.session_key]
    log_in(client)
    numbers.append(client.session.session_key)
    client.post(CODE, {"code": code_of(key)})
    numbers.append(client.session.session_key)
    assert len(set(numbers)) == 3
    assert "planted" not in client.session


@pytest.mark.parametrize("code", ["", "000", "abcdef", "１２３４５６", "\x00", "9" * 500])
def test_a_wrong_code_is_refused_with_a_sentence(client: Client, key: str, code: str) -> None:
    log_in(client)
    answer = client.post(CODE, {"code": code})
    assert answer.status_code == 400
    assert answer.context["problem"]
    assert client.get("/admin/").status_code == 302


def test_a_code_is_good_once(client: Client, key: str) -> None:
    code = code_of(key)
    log_in(client)
    assert client.post(CODE, {"code": code}).status_code == 302
    other = Client()
    log_in(other)
    assert other.post(CODE, {"code": code}).status_code == 400


@pytest.mark.django_db(transaction=True)
def test_a_code_sent_many_times_at_once_is_taken_once(approver: Any, key: str) -> None:
    code, taken = code_of(key), []
    start = threading.Barrier(6)

    def send() -> None:
        start.wait()
        with suppress(second_step.CodeRefused):
            taken.append(second_step.verify(user=approver, code=code))
        connections.close_all()

    threads = [threading.Thread(target=send) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(taken) == 1


def test_a_backup_code_logs_in_once(client: Client, backup: list[str], approver: Any) -> None:
    log_in(client)
    assert client.post(CODE, {"code": backup[0].upper()}).status_code == 302
    assert second_step.codes_left(approver) == 9
    other = Client()
    log_in(other)
    assert other.post(CODE, {"code": backup[0]}).status_code == 400


def test_backup_codes_are_not_kept_as_they_are(backup: list[str]) -> None:
    stored = set(StaticToken.objects.values_list("token", flat=True))
    assert not stored & {code.replace("-", "") for code in backup}


def test_a_wrong_code_is_followed_by_a_pause_in_which_the_right_one_does_not_help(
    client: Client, key: str
) -> None:
    log_in(client)
    client.post(CODE, {"code": wrong_code(key)})
    assert client.post(CODE, {"code": code_of(key)}).status_code == 400
    patience()
    assert client.post(CODE, {"code": code_of(key)}).status_code == 302


def test_guessing_codes_closes_the_door(client: Client, key: str) -> None:
    log_in(client)
    codes = []
    for _guess in range(5):
        codes.append(client.post(CODE, {"code": wrong_code(key)}).status_code)
        patience()
    assert codes == [400, 400, 400, 429, 429]
    assert client.post(CODE, {"code": code_of(key)}).status_code == 429
    assert token(client, "brenda", otp=code_of(key)).status_code == 429


def test_the_page_of_the_code_is_of_use_to_nobody_without_the_password(
    client: Client, key: str
) -> None:
    for answer in (client.get(CODE), client.post(CODE, {"code": code_of(key)})):
        assert answer["Location"] == LOGIN
    assert client.get("/admin/").status_code == 302


def test_the_time_for_the_code_is_short(client: Client, key: str) -> None:
    log_in(client)
    session = client.session
    session["second_step_due"] = {**session["second_step_due"], "at": 0}
    session.save()
    assert client.post(CODE, {"code": code_of(key)})["Location"] == LOGIN


@pytest.mark.parametrize("change", ["password", "is_active", "is_staff"])
def test_what_ends_an_account_between_the_steps_ends_the_login(
    client: Client, key: str, approver: Any, change: str
) -> None:
    log_in(client)
    if change == "password":
        approver.set_password("another password of the test")
    else:
        setattr(approver, change, False)
    approver.save()
    assert client.post(CODE, {"code": code_of(key)})["Location"] == LOGIN


def test_the_code_of_a_colleague_is_none(
    client: Client, key: str, make_user: Callable[..., Any]
) -> None:
    other, secret = make_user("approver", username="outra"), second_step.new_key()
    second_step.confirm(user=other, key=secret, code=code_of(secret))
    may_try_again()
    log_in(client)
    assert client.post(CODE, {"code": code_of(secret)}).status_code == 400


@pytest.mark.parametrize("target", ["https://evil.example", "//evil.example", "/\\evil.example"])
def test_the_second_step_leads_to_no_other_site(client: Client, key: str, target: str) -> None:
    log_in(client, target)
    assert client.post(CODE, {"code": code_of(key)})["Location"] == "/admin/"


def test_a_session_from_before_the_second_step_must_pass_it(client: Client, approver: Any) -> None:
    client.force_login(approver)
    assert client.get("/admin/").status_code == 200
    secret = second_step.new_key()
    second_step.confirm(user=approver, key=secret, code=code_of(secret))
    may_try_again()
    assert client.get("/admin/")["Location"].startswith(LOGIN)
    assert client.get(LOGIN)["Location"] == CODE
    assert client.post(CODE, {"code": code_of(secret)}).status_code == 302
    assert client.get("/admin/").status_code == 200


def test_the_api_is_no_way_around_it(client: Client, key: str) -> None:
    without = token(client, "brenda")
    assert (without.status_code, without.json()["code"]) == (401, "otp_required")
    assert token(client, "brenda", otp=wrong_code(key)).status_code == 401
    patience()
    assert token(client, "brenda", "wrong", otp=code_of(key)).status_code == 401
    assert token(client, "brenda", otp=code_of(key)).status_code == 200
    assert token(client, "brenda", otp=code_of(key)).status_code == 401


def test_a_wrong_password_is_answered_alike_with_and_without_a_second_step(
    client: Client, key: str, reader: Any
) -> None:
    told = [token(client, name, "wrong").content for name in ("brenda", "leitura", "nobody")]
    assert len(set(told)) == 1


def test_guessing_codes_at_the_api_closes_the_door(client: Client, key: str) -> None:
    codes = []
    for _guess in range(6):
        codes.append(token(client, "brenda", otp=wrong_code(key)).status_code)
        patience()
    assert codes == [401] * 5 + [429]
    assert token(client, "brenda", otp=code_of(key)).status_code == 429


def test_sessions_that_the_password_alone_opened_end_when_it_is_switched_on(
    client: Client, approver: Any
) -> None:
    issued = token(client, "brenda").json()
    secret = second_step.new_key()
    second_step.confirm(user=approver, key=secret, code=code_of(secret))
    assert refresh(client, issued["refresh"]).status_code == 401


def test_it_is_switched_off_with_password_and_code_only(
    client: Client, key: str, approver: Any
) -> None:
    log_in(client)
    client.post(CODE, {"code": code_of(key)})
    may_try_again()
    body = {"action": "remove", "password": PASSWORD, "code": code_of(key)}
    assert client.post(PAGE, {**body, "password": "wrong"}).status_code == 400
    assert client.post(PAGE, {**body, "code": wrong_code(key)}).status_code == 400
    patience()
    assert client.post(PAGE, body).status_code == 302
    assert not TOTPDevice.objects.exists()
    assert not StaticDevice.objects.exists()
    assert client.get("/admin/").status_code == 200


def test_new_backup_codes_replace_the_old_ones(client: Client, key: str, backup: list[str]) -> None:
    log_in(client)
    client.post(CODE, {"code": code_of(key)})
    assert client.post(PAGE, {"action": "codes", "password": "wrong"}).status_code == 400
    fresh = client.post(PAGE, {"action": "codes", "password": PASSWORD}).context["codes"]
    assert len(fresh) == 10
    assert not set(fresh) & set(backup)
    other = Client()
    log_in(other)
    assert other.post(CODE, {"code": backup[0]}).status_code == 400


def test_guessing_the_password_on_the_page_closes_the_door_too(
    client: Client, approver: Any
) -> None:
    client.force_login(approver)
    body = {"action": "codes", "password": "wrong"}
    codes = [client.post(PAGE, body).status_code for _guess in range(6)]
    assert codes == [400] * 4 + [429] * 2


def test_an_operator_takes_away_a_lost_phone(
    client: Client, key: str, approver: Any, make_user: Callable[..., Any]
) -> None:
    boss = Client()
    boss.force_login(make_user(username="chefe", is_superuser=True))
    action = {"action": "remove_second_step", "_selected_action": [approver.pk]}
    assert boss.post("/admin/auth/user/", action).status_code == 302
    assert log_in(client)["Location"] == "/admin/"


def test_nobody_else_takes_it_away(client: Client, key: str, approver: Any, curator: Any) -> None:
    client.force_login(curator)
    action = {"action": "remove_second_step", "_selected_action": [approver.pk]}
    assert client.post("/admin/auth/user/", action).status_code == 403
    assert TOTPDevice.objects.filter(user=approver).exists()


def test_where_it_is_required_staff_set_it_up_before_anything_else(
    client: Client, approver: Any, settings: Any
) -> None:
    settings.RAIOX_REQUIRE_TOTP = True
    log_in(client)
    for path in ("/admin/", "/admin/cases/case/"):
        assert client.get(path)["Location"].startswith(LOGIN)
    assert client.get(LOGIN)["Location"] == PAGE
    assert client.get(PAGE).status_code == 200
    assert token(client, "brenda").status_code == 403
    body = {"action": "confirm", "password": PASSWORD}
    body["code"] = code_of(client.session["second_step_key"])
    assert client.post(PAGE, body).status_code == 200
    assert client.get("/admin/cases/case/").status_code == 200


def test_where_it_is_required_who_has_none_can_still_log_out(
    client: Client, approver: Any, settings: Any
) -> None:
    settings.RAIOX_REQUIRE_TOTP = True
    log_in(client)
    assert client.post("/admin/logout/").status_code == 200
    assert "_auth_user_id" not in client.session


def test_the_key_is_shown_to_its_owner_only(client: Client, reader: Any, key: str) -> None:
    assert client.get("/admin/second-step/qr.svg")["Location"].startswith(LOGIN)
    client.force_login(reader)
    assert client.get("/admin/second-step/qr.svg").status_code == 404
    assert key not in client.get(PAGE).content.decode()
