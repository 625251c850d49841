"""Whoever lost its lock, its time or its turn does not write: somebody else may have written."""

import socket
import threading
from collections.abc import Callable
from contextlib import closing
from datetime import timedelta
from typing import Any

import pytest
import requests
from django.db import DatabaseError, connection, connections
from django.db.models import F

from integrations.deadline import total_deadline
from integrations.jotform.client import JotformClient
from integrations.jotform.incoming import readings
from integrations.jotform.outgoing import writing
from integrations.jotform.simulation.standin import JotformStandIn
from integrations.models import JotformSubmission, ResultReturn
from integrations.tests.answering import Status, send, when_its_time_has_come
from matching.locks import LockLost, is_locked, require_lock, work_lock

pytestmark = pytest.mark.django_db(transaction=True)


def after_reading(monkeypatch: pytest.MonkeyPatch, happens: Callable[[], object]) -> None:
    read = JotformClient.read_submission

    def read_and(self: JotformClient, submission_id: str) -> dict[str, Any]:
        content = read(self, submission_id)
        happens()
        return content

    monkeypatch.setattr(JotformClient, "read_submission", read_and)


def lose_the_session() -> None:
    """As after a restart of PostgreSQL, with an error in between that was dealt with."""
    connection.close()


def test_an_attempt_whose_lock_is_gone_writes_nothing(
    jotform: JotformStandIn, answer: ResultReturn, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        after_reading(patch, lose_the_session)
        with pytest.raises(LockLost):
            send(answer)
    assert jotform.edits() == []

    assert when_its_time_has_come(answer).status == Status.SENT
    assert len(jotform.edits()) == 1


def test_an_attempt_that_was_overtaken_writes_nothing(
    jotform: JotformStandIn, answer: ResultReturn, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        rows = ResultReturn.objects.filter(pk=answer.pk)
        after_reading(patch, lambda: rows.update(attempts=F("attempts") + 1))
        send(answer)

    assert jotform.edits() == []
    assert (answer.status, answer.attempts) == (Status.QUEUED, 2), "the other one's"


def test_an_attempt_that_was_held_up_writes_nothing(
    jotform: JotformStandIn, answer: ResultReturn, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(writing, "BEGINS_WITHIN", timedelta(seconds=-1))
        assert send(answer).status == Status.WAITING
    assert jotform.edits() == []

    assert when_its_time_has_come(answer).status == Status.SENT


def test_a_reading_whose_lock_is_gone_changes_nothing(
    jotform: JotformStandIn, answer: ResultReturn, monkeypatch: pytest.MonkeyPatch
) -> None:
    submission_id = str(answer.case.jotform_submission_id)
    jotform.edit(submission_id, {"6": "47"})
    readings.ask(submission_id=submission_id, case=answer.case)
    row = JotformSubmission.objects.get(submission_id=submission_id)
    with monkeypatch.context() as patch:
        after_reading(patch, lose_the_session)
        with pytest.raises(LockLost):
            readings.read(row_id=row.pk)
    answer.case.refresh_from_db()
    assert answer.case.tooth != 47

    readings.read(row_id=row.pk)
    answer.case.refresh_from_db()
    assert answer.case.tooth == 47


def test_a_lock_is_missed_only_by_who_took_it() -> None:
    require_lock("raiox.test", 1)
    with work_lock("raiox.test", 1) as acquired:
        assert acquired
        require_lock("raiox.test", 1)
        lose_the_session()
        with pytest.raises(LockLost):
            require_lock("raiox.test", 1)
    require_lock("raiox.test", 1)


def test_the_lock_of_an_ended_session_is_free_and_its_work_fails() -> None:
    other = connections["default"].copy()
    with closing(other), work_lock("raiox.test", 2):
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_backend_pid()")
            pid = cursor.fetchone()[0]
        with other.cursor() as cursor:
            cursor.execute("SELECT pg_terminate_backend(%s, 5000)", [pid])
        with pytest.raises(DatabaseError):
            ResultReturn.objects.exists()
    connection.close()
    assert not is_locked("raiox.test", 2)


def test_what_was_not_sent_by_the_deadline_is_forgotten() -> None:
    """The server sees the connection reset, not closed after whatever else was to be sent."""
    met: list[str] = []
    with closing(socket.create_server(("127.0.0.1", 0))) as server:

        def serve() -> None:
            taken, _address = server.accept()
            with taken:
                taken.settimeout(10)
                try:
                    while taken.recv(4096):
                        pass
                    met.append("closed")
                except ConnectionResetError:
                    met.append("reset")

        thread = threading.Thread(target=serve)
        thread.start()
        port = server.getsockname()[1]
        with (
            pytest.raises(requests.RequestException),
            requests.Session() as session,
            total_deadline(session, 5.0),
        ):
            session.get(f"http://127.0.0.1:{port}/", timeout=0.3)
        thread.join(10)
    assert met == ["reset"]
