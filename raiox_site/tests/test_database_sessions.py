"""What sessions with PostgreSQL ask for: locks are to be free soon after a host is lost."""

import sys
from typing import Any

import pytest
from django.core.checks import run_checks
from django.db import connection

from integrations.jotform.client import DEADLINE_SECONDS
from integrations.jotform.outgoing.writing import BEGINS_WITHIN, OWN_TIME
from raiox_site import database_sessions
from raiox_site.configuration import services


def shown(name: str) -> str:
    with connection.cursor() as cursor:
        cursor.execute(f"SHOW {name}")
        return str(cursor.fetchone()[0])


@pytest.mark.django_db
@pytest.mark.parametrize(("name", "value"), [*database_sessions.OF_ALL.items()])
def test_the_server_was_told(name: str, value: str) -> None:
    # Through a socket of the machine keepalives are accepted and mean nothing.
    with connection.cursor() as cursor:
        cursor.execute("SELECT setting, source FROM pg_settings WHERE name = %s", [name])
        row = cursor.fetchone()
    is_on_socket = str(connection.get_connection_params().get("host", "")).startswith("/")
    if name.startswith("tcp_") and is_on_socket:
        assert row[1] == "session"
    else:
        assert shown(name) == value


@pytest.mark.django_db(transaction=True)
def test_a_new_session_is_told_too() -> None:
    connection.close()
    assert shown("idle_in_transaction_session_timeout") == "10min"


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("program", "limit"), [("web", "30s"), ("worker", "55s"), ("migrate", "0")]
)
def test_statements_end_before_their_process_is_killed(
    program: str, limit: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    commands = {
        "web": ["/venv/bin/gunicorn"],
        "worker": ["manage.py", "qcluster"],
        "migrate": ["manage.py", "migrate"],
    }
    monkeypatch.setattr(sys, "argv", commands[program])
    other = connection.copy()
    try:
        with other.cursor() as cursor:
            cursor.execute("SHOW statement_timeout")
            assert cursor.fetchone()[0] == limit
    finally:
        other.close()


@pytest.mark.parametrize(
    ("arguments", "kind"),
    [
        (["/venv/bin/gunicorn", "raiox_site.wsgi"], "web"),
        (["/venv/lib/python3/site-packages/gunicorn/__main__.py"], "web"),
        (["/opt/raiox/current/manage.py", "qcluster"], "worker"),
        (["manage.py", "worker"], "watcher"),
        (["manage.py", "migrate"], "migrate"),
        (["-c"], "-c"),
        ([], "python"),
    ],
)
def test_a_process_says_what_it_is(arguments: list[str], kind: str) -> None:
    assert services.process_kind(arguments) == kind


def test_the_name_of_a_session_fits(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("socket.gethostname", lambda: "máquina " + 100 * "x")
    name = services.application_name(["manage.py", "worker"])
    assert name.startswith("raiox-watcher@m-quina-x")
    assert len(name) == services.NAME_LENGTH


def test_a_lost_host_gives_up_before_others_take_over() -> None:
    given_up = services.KEEPALIVES["tcp_user_timeout"] / 1000
    assert given_up < database_sessions.FREED_AFTER_SECONDS < 60
    writes_until = BEGINS_WITHIN.total_seconds() + DEADLINE_SECONDS
    assert writes_until < min(database_sessions.FREED_AFTER_SECONDS, OWN_TIME.total_seconds())


@pytest.mark.django_db(transaction=True)
def test_a_session_of_ones_own_is_recognised() -> None:
    assert not database_sessions.is_shared()
    assert not [one for one in run_checks(databases=["default"]) if one.id == "raiox_site.E001"]


@pytest.mark.django_db(transaction=True)
def test_a_pool_that_shares_sessions_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(database_sessions, "is_shared", lambda alias="default": True)
    found: list[Any] = run_checks(databases=["default"])
    assert "raiox_site.E001" in [one.id for one in found]
