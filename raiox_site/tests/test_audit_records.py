"""What is written down about accounts and changes in the panel, and that it stays."""

from collections.abc import Callable
from typing import Any

import pytest
from django.contrib.auth.models import Group, User
from django.db import DatabaseError, connection, transaction
from django.test import Client

from cases.models import AuditEvent
from raiox_site.access import second_step
from raiox_site.tests.test_second_step import code_of
from raiox_site.tests.test_tokens import PASSWORD, token


def lines(what: str) -> list[AuditEvent]:
    return list(AuditEvent.objects.filter(what=what).order_by("pk"))


def log_in(client: Client, password: str = PASSWORD) -> None:
    client.post("/admin/login/", {"username": "brenda", "password": password, "next": "/admin/"})


def test_logins_and_logouts_at_both_doors_are_written_down(client: Client, approver: Any) -> None:
    log_in(client)
    client.post("/admin/logout/")
    issued = token(client, "brenda", scope="reader").json()
    client.post("/auth/logout", {"refresh": issued["refresh"]}, content_type="application/json")
    panel, api = lines("login")
    assert (panel.actor, panel.actor_label, panel.details["door"]) == (approver, "brenda", "panel")
    assert (api.details["door"], api.details["scope"]) == ("api", "reader")
    assert [line.details["door"] for line in lines("logout")] == ["panel", "api"]
    assert all(line.target == f"auth.user {approver.pk}" for line in lines("logout"))


def test_a_line_carries_the_id_of_its_request(client: Client, approver: Any) -> None:
    sent = "0123456789abcdef0123456789abcdef"
    body = {"username": "brenda", "password": PASSWORD}
    answer = client.post(
        "/auth/token", body, content_type="application/json", headers={"X-Request-ID": sent}
    )
    assert answer["X-Request-ID"] == sent
    assert lines("login")[0].correlation_id == sent


def test_failed_logins_and_the_lockout_are_written_down_without_what_was_typed(
    client: Client, approver: Any
) -> None:
    for number in range(8):
        token(client, "brenda", f"guess {number}")
    token(client, "exemplo@example.org", "typed by mistake")
    known = [line for line in lines("login_failed") if line.target]
    (unknown,) = [line for line in lines("login_failed") if not line.target]
    assert [line.target for line in known] == [f"auth.user {approver.pk}"] * 4
    assert len(lines("lockout")) == 1
    assert unknown.details == {"door": "api"}
    everything = str(list(AuditEvent.objects.values()))
    assert "example.org" not in everything
    assert "guess" not in everything


def test_the_second_step_is_written_down(client: Client, approver: Any) -> None:
    key = second_step.new_key()
    second_step.confirm(user=approver, key=key, code=code_of(key))
    token(client, "brenda", otp="000000000000")
    second_step.remove(user=approver)
    target = f"auth.user {approver.pk}"
    for what in ("second_step_added", "second_step_failed", "second_step_removed"):
        assert [line.target for line in lines(what)] == [target], what


def test_changes_of_an_account_name_the_fields_and_not_their_values(approver: Any) -> None:
    approver.is_superuser = True
    approver.set_password("another password of the test")
    approver.first_name = "Fictícia"
    approver.save()
    (line,) = lines("account_changed")
    assert line.details == {"fields": ["password", "is_superuser"]}


@pytest.mark.parametrize("side", ["user", "group"])
def test_roles_given_and_taken_are_written_down_from_either_side(reader: Any, side: str) -> None:
    group = Group.objects.get(name="approver")
    relation, other = (reader.groups, group) if side == "user" else (group.user_set, reader)
    before = len(lines("rights_added"))
    relation.add(other)
    relation.remove(other)
    given, taken = lines("rights_added")[before], lines("rights_removed")[-1]
    assert given.details["numbers"] == taken.details["numbers"] == [other.pk]
    assert given.target.startswith(f"auth.{side} ")


def test_what_an_operator_does_in_the_panel_names_who_what_and_which_fields(
    client: Client, approver: Any, make_user: Callable[..., Any]
) -> None:
    client.force_login(make_user(username="chefe", is_superuser=True))
    url = f"/admin/auth/user/{approver.pk}/change/"
    body = {"username": "brenda", "is_active": "on", "email": "exemplo@example.org"}
    assert client.post(url, body).status_code == 302
    (line,) = lines("row_changed")
    assert (line.actor_label, line.target) == ("chefe", f"auth.user {approver.pk}")
    assert line.details["fields"]
    assert "example.org" not in str(line.details)


def test_each_of_many_rows_deleted_at_once_has_its_line(
    client: Client, make_user: Callable[..., Any]
) -> None:
    users = [make_user("reader", username=f"leitura{number}") for number in range(3)]
    client.force_login(make_user(username="chefe", is_superuser=True))
    chosen = [user.pk for user in users]
    action = {"action": "delete_selected", "_selected_action": chosen, "post": "yes"}
    assert client.post("/admin/auth/user/", action).status_code == 302
    targets = {f"auth.user {number}" for number in chosen}
    assert {line.target for line in lines("row_deleted")} == targets
    assert {line.target for line in lines("account_deleted")} == targets


def test_the_lines_outlive_the_user_and_still_say_who_it_was(client: Client, approver: Any) -> None:
    log_in(client)
    number = approver.pk
    User.objects.filter(pk=number).delete()
    (line,) = lines("login")
    assert (line.actor, line.actor_label) == (None, "brenda")
    assert line.target == f"auth.user {number}"
    assert lines("account_deleted")[0].target == f"auth.user {number}"


@pytest.mark.parametrize("sql", ["UPDATE {} SET actor_label = 'nobody'", "DELETE FROM {}"])
def test_nobody_rewrites_them(client: Client, approver: Any, sql: str) -> None:
    log_in(client)
    with pytest.raises(DatabaseError), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(sql.format(AuditEvent._meta.db_table))
    assert lines("login")[0].actor_label == "brenda"
