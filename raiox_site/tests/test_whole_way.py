"""From Jotform's webhook to the answer in Jotform, over real HTTP and with real processes."""

import json
import re
import threading
import time
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any

import psutil
import pytest
import requests

from cases.models import Case, CaseEvent, Finding
from integrations.jotform.simulation.standin import (
    JotformStandIn,
    SimulatedSubmission,
    post_webhook,
    webhook_fields,
)
from integrations.models import ResultReturn
from integrations.tests.servers import sending, serving
from raiox_site import running
from raiox_site.models import Heartbeat
from raiox_site.running import wait_for

pytestmark = pytest.mark.django_db(transaction=True)

FIELDS = {"answer": "10", "answer_manufacturer": "11"}
PASSWORD = "a password of the test"


@pytest.fixture
def jotform() -> Iterator[JotformStandIn]:
    with JotformStandIn() as standin:
        yield standin


@pytest.fixture
def variables(private_media: Path, jotform: JotformStandIn) -> dict[str, str]:
    return running.environment(
        private_media,
        JOTFORM_API_BASE=jotform.base,
        JOTFORM_API_KEY=jotform.api_key,
        JOTFORM_FIELDS=json.dumps(FIELDS),
    )


class Hesitating:
    """Holds the first request for its film, so that the worker is in the middle of its case."""

    def __init__(self, content: bytes) -> None:
        self.content = content
        self.asked, self.answer_now = threading.Event(), threading.Event()

    def __call__(self, handler: BaseHTTPRequestHandler) -> None:
        if not self.asked.is_set():
            self.asked.set()
            self.answer_now.wait(30)
        sending(self.content)(handler)


def log_in(base: str, username: str) -> requests.Session:
    """Log in through the admin's own form, as a browser does."""
    session = requests.Session()
    session.get(f"{base}/admin/login/", timeout=10)
    answer = session.post(
        f"{base}/admin/login/?next=/admin/",
        data={
            "username": username,
            "password": PASSWORD,
            "csrfmiddlewaretoken": session.cookies["csrftoken"],
        },
        timeout=10,
    )
    assert answer.status_code == 200
    return session


def status(case_id: int) -> str:
    return Case.objects.values_list("status", flat=True).get(pk=case_id)


def test_from_the_webhook_to_the_answer_in_jotform_exactly_once(
    catalogue: list[Any],
    film: Callable[..., bytes],
    make_user: Callable[..., Any],
    jotform: JotformStandIn,
    variables: dict[str, str],
    tmp_path: Path,
    settings: Any,
) -> None:
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.PBKDF2PasswordHasher"]
    make_user("approver", username="brenda")
    submission = SimulatedSubmission("6200000000000000001", upload_base=jotform.base)
    jotform.add(submission, **{"radiografia.png": film(kind="PNG")})
    log = tmp_path / "processes.log"
    with running.web(variables, log) as base, running.worker(variables, log):
        # What a worker finds at its start it takes up under an id of its own.
        wait_for(Heartbeat.objects.exists, 60)
        answer = post_webhook(f"{base}/jotform", webhook_fields(submission))
        case_id = answer.json()["case_id"]
        wait_for(lambda: status(case_id) == "pending", 60)
        again = post_webhook(f"{base}/jotform", webhook_fields(submission))
        assert again.json() == answer.json() == {"status": "accepted", "case_id": case_id}

        session = log_in(base, "brenda")
        page = session.get(f"{base}/admin/cases/case/{case_id}/review/", timeout=10).text
        choices = re.findall(r'value="(\d+:\d+)"', page)
        assert len(choices) >= 3
        decided = session.post(
            f"{base}/admin/cases/case/{case_id}/approve/",
            data={"choice": choices[0], "csrfmiddlewaretoken": session.cookies["csrftoken"]},
            headers={"Referer": base},
            timeout=10,
        )
        assert decided.status_code == 200
        assert status(case_id) == "approved"
        wait_for(lambda: ResultReturn.objects.get(case_id=case_id).status == "sent", 60)
        time.sleep(2)

    approved = Case.objects.get(pk=case_id).approved_results.get().implant
    assert str(approved.name) in jotform.shown(submission.submission_id, "10")
    assert jotform.shown(submission.submission_id, "11") == approved.manufacturer
    assert len(jotform.edits()) == 1
    assert Case.objects.count() == 1
    events = list(CaseEvent.objects.filter(case_id=case_id).values_list("what", flat=True))
    assert events == ["received", "matched", "approved", "answer_queued", "answer_sent"]
    told = log.read_text()
    for first, wrote in ((answer, events[:2]), (decided.history[0], events[2:])):
        request_id = first.headers["X-Request-ID"]
        theirs = CaseEvent.objects.filter(case_id=case_id, correlation_id=request_id)
        assert [event.what for event in theirs] == wrote
        assert f"[{request_id}]" in told


def test_a_worker_killed_in_the_middle_of_a_case_finishes_it_once_after_its_restart(
    catalogue: list[Any],
    film: Callable[..., bytes],
    jotform: JotformStandIn,
    variables: dict[str, str],
    tmp_path: Path,
) -> None:
    door = Hesitating(film())
    log = tmp_path / "processes.log"
    with serving(door) as files, running.web(variables, log) as base:
        submission = SimulatedSubmission("6200000000000000002", upload_base=files)
        jotform.add(submission)
        with running.worker(variables, log) as worker:
            answer = post_webhook(f"{base}/jotform", webhook_fields(submission))
            case_id = answer.json()["case_id"]
            assert door.asked.wait(60)
            running.kill_nine(worker)
        assert status(case_id) == "received"
        door.answer_now.set()
        started = time.monotonic()
        with running.worker(variables, log):
            wait_for(lambda: status(case_id) == "pending", 60)
            assert time.monotonic() - started < 45
            time.sleep(2)
    assert Finding.objects.count() == 1
    assert CaseEvent.objects.filter(case_id=case_id, what="matched").count() == 1


def test_one_task_process_killed_in_the_middle_of_a_case_is_replaced_and_the_case_finished(
    catalogue: list[Any],
    film: Callable[..., bytes],
    jotform: JotformStandIn,
    variables: dict[str, str],
    tmp_path: Path,
) -> None:
    door = Hesitating(film())
    log = tmp_path / "processes.log"
    with serving(door) as files, running.web(variables, log) as base:
        submission = SimulatedSubmission("6200000000000000003", upload_base=files)
        jotform.add(submission)
        with running.worker(variables, log) as worker:
            answer = post_webhook(f"{base}/jotform", webhook_fields(submission))
            case_id = answer.json()["case_id"]
            assert door.asked.wait(60)
            fetching(worker.pid, files).kill()
            door.answer_now.set()
            wait_for(lambda: status(case_id) == "pending", 60)
    assert Finding.objects.count() == 1


def fetching(pid: int, address: str) -> psutil.Process:
    """The descendant of a process that holds a connection to an address."""
    port = int(address.rpartition(":")[2])
    (found,) = [
        child
        for child in running.descendants(pid)
        if any(peer.raddr and peer.raddr.port == port for peer in child.net_connections())
    ]
    return found
