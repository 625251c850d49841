"""The copy of an answer that another service gets. Real HTTP, real PostgreSQL."""

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler
from typing import Any

import pytest
from django.utils import timezone

from cases import review
from cases.models import Case
from integrations.jotform.outgoing import outbox
from integrations.jotform.simulation.loopback import LoopbackServer
from integrations.jotform.simulation.standin import JotformStandIn
from integrations.models import ResultReturn
from integrations.tests.answering import (
    SUBMISSION,
    Status,
    approve,
    history,
    reopen,
    send,
    when_its_time_has_come,
)

pytestmark = pytest.mark.django_db(transaction=True)

Channel = ResultReturn.Channel


@dataclass
class Receiver:
    url: str = ""
    statuses: list[int] = field(default_factory=list)
    headers: dict[str, str] = field(default_factory=dict)
    requests: list[tuple[dict[str, str], dict[str, Any]]] = field(default_factory=list)

    @property
    def keys(self) -> list[str]:
        return [headers["idempotency-key"] for headers, _body in self.requests]


@pytest.fixture
def receiver(settings: Any, jotform: JotformStandIn) -> Iterator[Receiver]:
    receiver = Receiver()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            headers = {name.lower(): value for name, value in self.headers.items()}
            receiver.requests.append((headers, json.loads(body)))
            self.send_response(receiver.statuses.pop(0) if receiver.statuses else 204)
            for name, value in receiver.headers.items():
                self.send_header(name, value)
            self.end_headers()

        def log_message(self, *args: object) -> None:
            pass

    with LoopbackServer(Handler) as server:
        receiver.url = settings.JOTFORM_COPY_URL = f"{server.base}/copies?secret=1"
        yield receiver


@pytest.fixture
def copy(receiver: Receiver, case: Case, approver: Any) -> ResultReturn:
    """The outbox row of the approved case's copy."""
    Case.objects.update(
        dentist_name="Dra. Exemplo",
        dentist_email="dentista@example.com",
        patient_name="Paciente Fictício",
        tooth=26,
    )
    approve(case, approver, note="Particular.")
    return ResultReturn.objects.get(channel=Channel.COPY)


def test_a_decision_has_an_answer_and_a_copy(
    jotform: JotformStandIn, receiver: Receiver, copy: ResultReturn, case: Case
) -> None:
    for row in ResultReturn.objects.order_by("pk"):
        assert send(row).status == Status.SENT

    assert len(receiver.requests) == len(jotform.edits()) == 1
    assert history(case) == ["answer_queued", "answer_sent"], "the dentist's answer alone"


def test_the_copy_names_implants_and_no_person(
    receiver: Receiver, copy: ResultReturn, case: Case
) -> None:
    send(copy)

    headers, body = receiver.requests[0]
    case.refresh_from_db()
    implant = {
        "id": case.approved_results.get().implant_id,
        "manufacturer": "Neodent",
        "name": "Helix GM",
        "type": "Cone Morse",
        "diameter_mm": 4.0,
        "length_mm": 11.5,
        "confidence": "high",
    }
    assert headers["content-type"] == "application/json"
    assert body == {
        "submissionID": SUBMISSION,
        "formID": "250000000000001",
        "status": "approved",
        "outcome": "identified",
        "decided_at": case.decided_at.isoformat(),
        "implants": [implant],
        "fixtures": [{"outcome": "identified", "tooth": None, "implants": [implant]}],
    }


def test_the_copy_of_a_rejection_leaves_the_reason_out(
    receiver: Receiver, case: Case, approver: Any
) -> None:
    review.reject(case_id=case.pk, reason="Paciente pediu.", reviewer=approver)
    send(ResultReturn.objects.get(channel=Channel.COPY))

    body = receiver.requests[0][1]
    assert (body["status"], body["implants"]) == ("rejected", [])
    assert "Paciente" not in json.dumps(body)


def test_however_often_it_is_sent_the_receiver_can_tell_it_is_the_same(
    receiver: Receiver, copy: ResultReturn, case: Case, approver: Any
) -> None:
    receiver.statuses = [503, 204]
    assert send(copy).status == Status.WAITING
    assert when_its_time_has_come(copy).status == Status.SENT
    send(copy)
    reopen(case)
    review.reject(case_id=case.pk, reason="Escura.", reviewer=approver)
    send(ResultReturn.objects.get(channel=Channel.COPY, revision=2))

    first, again, newer = receiver.keys
    assert first == again != newer


@pytest.mark.parametrize("status", [301, 408, 429, 500, 503])
def test_a_receiver_that_fails_gets_it_later(
    receiver: Receiver, copy: ResultReturn, status: int
) -> None:
    receiver.statuses = [status]
    receiver.headers = {"Location": receiver.url} if status == 301 else {}

    assert send(copy).status == Status.WAITING
    assert len(receiver.requests) == 1, "a redirect is not followed"
    assert str(status) in copy.last_error
    assert when_its_time_has_come(copy).status == Status.SENT


def test_a_receiver_that_names_a_time_is_asked_then(receiver: Receiver, copy: ResultReturn) -> None:
    receiver.statuses, receiver.headers = [429], {"Retry-After": "7200"}

    send(copy)

    assert (copy.status, copy.attempts) == (Status.WAITING, 0)
    assert 7000 < (copy.next_try_at - timezone.now()).total_seconds() <= 7200


@pytest.mark.parametrize("status", [400, 401, 404, 410, 422])
def test_a_receiver_that_does_not_want_it_is_not_asked_again(
    receiver: Receiver, copy: ResultReturn, status: int
) -> None:
    receiver.statuses = [status]

    assert send(copy).status == Status.GIVEN_UP


def test_a_copy_travels_by_https_only(
    receiver: Receiver, copy: ResultReturn, settings: Any
) -> None:
    settings.JOTFORM_COPY_URL = "http://copies.example.com/"

    assert send(copy).status == Status.GIVEN_UP


def test_an_unreachable_receiver_is_waited_for_and_its_address_not_told(
    receiver: Receiver, copy: ResultReturn, settings: Any, caplog: pytest.LogCaptureFixture
) -> None:
    settings.JOTFORM_COPY_URL = "http://127.0.0.1:9/?secret=1"

    assert send(copy).status == Status.WAITING
    assert "secret" not in copy.last_error + caplog.text


def test_a_failing_copy_does_not_hold_up_the_answer(
    jotform: JotformStandIn, receiver: Receiver, copy: ResultReturn
) -> None:
    receiver.statuses = [500]
    send(copy)

    assert send(ResultReturn.objects.get(channel=Channel.JOTFORM)).status == Status.SENT


def test_without_a_receiver_there_is_no_copy(jotform: JotformStandIn, answer: ResultReturn) -> None:
    assert [one.channel for one in ResultReturn.objects.all()] == [Channel.JOTFORM]


def test_a_copy_whose_receiver_was_taken_away_waits(
    receiver: Receiver, copy: ResultReturn, settings: Any
) -> None:
    settings.JOTFORM_COPY_URL = ""

    assert send(copy).status == Status.NOT_CONFIGURED
    assert receiver.requests == []


def test_a_copy_that_was_given_up_can_be_sent_again(
    receiver: Receiver, copy: ResultReturn, approver: Any
) -> None:
    receiver.statuses = [404]
    assert send(copy).status == Status.GIVEN_UP

    outbox.send_again(return_id=copy.pk, by=approver)

    assert send(copy).status == Status.SENT
