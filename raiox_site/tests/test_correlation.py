"""One id for what a request sets off: in its answer, in its tasks, in the history and the log."""

import io
import logging
from multiprocessing import Value
from queue import Queue

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.dispatch import Signal
from django_q.models import OrmQ
from django_q.signing import SignedPackage
from django_q.tasks import async_task
from django_q.worker import worker

from cases import correlation
from cases.models import CaseEvent
from cases.tests.making_cases import make_case

ASKED = "my-request.0123456789_abcdefghijklmnopqrstuvwxyz"


def queued():
    return [SignedPackage.loads(row.payload) for row in OrmQ.objects.order_by("pk")]


@pytest.fixture
def work_off(monkeypatch):
    """Run every queued task in django-q2's own worker; gives the tasks that it ran."""
    # What a worker does as it starts is not for the process of the tests.
    monkeypatch.setattr("django_q.worker.post_spawn", Signal())

    def run():
        tasks = queued()
        OrmQ.objects.all().delete()
        waiting, done = Queue(), Queue()
        for task in tasks:
            waiting.put({**task, "sync": True})
        waiting.put("STOP")
        worker(waiting, done, Value("f", -1), timeout=-1)
        return tasks

    return run


@pytest.fixture(autouse=True)
def outside_of_everything():
    correlation.end()
    yield
    correlation.end()


def send(client, film, **headers):
    file = SimpleUploadedFile("film.jpg", film)
    return client.post("/jotform", {"file": file, "nome": "Dra. Exemplo"}, headers=headers)


def test_the_tasks_of_a_request_write_its_id_into_the_history(client, catalogue, film, work_off):
    answer = send(client, film(), **{"X-Request-ID": ASKED})
    assert answer["X-Request-ID"] == ASKED
    tasks = work_off()
    assert tasks
    assert {task["correlation_id"] for task in tasks} == {ASKED}
    events = CaseEvent.objects.filter(case_id=answer.json()["case_id"])
    assert [event.what for event in events] == ["received", "matched"]
    assert {event.correlation_id for event in events} == {ASKED}


def test_the_tasks_of_two_requests_are_told_apart(client, catalogue, film, work_off):
    answers = [send(client, film(seed)) for seed in (1, 2)]
    work_off()
    for answer in answers:
        events = CaseEvent.objects.filter(case_id=answer.json()["case_id"])
        assert {event.correlation_id for event in events} == {answer["X-Request-ID"]}


def remember():
    _remembered.append(correlation.known())


_remembered: list[str] = []


def test_what_runs_by_the_clock_has_an_id_of_its_own_each_time(db, work_off):
    _remembered.clear()
    for _run in range(2):
        async_task("raiox_site.tests.test_correlation.remember")
    assert [task.get("correlation_id") for task in queued()] == [None, None]
    work_off()
    first, second = _remembered
    assert first != second
    assert len(first) == len(second) == 32
    assert correlation.known() == ""


def test_a_forged_id_in_a_task_is_not_taken_over(db, work_off):
    _remembered.clear()
    async_task("raiox_site.tests.test_correlation.remember")
    row = OrmQ.objects.get()
    task = SignedPackage.loads(row.payload)
    row.payload = SignedPackage.dumps({**task, "correlation_id": "a\nb" * 40})
    row.save()
    work_off()
    assert len(_remembered[0]) == 32


def test_a_command_has_one_id_for_all_it_writes(db):
    case = make_case([])
    ids = {case.record(CaseEvent.What.UPDATED).correlation_id for _ in range(2)}
    assert len(ids) == 1
    assert len(ids.pop()) == 32


@pytest.mark.parametrize("sent", ["", "x" * 65, "a b c d e f g h", "ümlaut-ümlaut", "a,b,c,d,e"])
def test_an_id_that_does_not_fit_is_replaced(client, sent):
    given = client.get("/ping", headers={"X-Request-ID": sent})["X-Request-ID"]
    assert given != sent
    assert len(given) == 32


@pytest.fixture
def log():
    handler = logging.getLogger().handlers[0]
    console = logging.getLogger("django").handlers[0]
    assert isinstance(console, logging.StreamHandler)
    text = io.StringIO()
    before = [(one, one.setStream(text)) for one in {handler, console}]
    yield text
    for one, stream in before:
        one.setStream(stream)


@pytest.mark.parametrize("logger", ["cases", "django", "django-q", "gunicorn.error"])
def test_the_log_says_the_whole_id(log, logger):
    correlation.start(ASKED)
    configured = logging.getLogger(logger)
    handler = (configured.handlers or logging.getLogger().handlers)[0]
    before = handler.setStream(log)
    configured.error("something happened\nat 10:00")
    if before:
        handler.setStream(before)
    assert f"[{ASKED}] something happened\\nat 10:00\n" in log.getvalue()
