"""`/health` is red exactly when somebody must get up."""

import threading
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.db import OperationalError
from django.test import Client
from django.utils import timezone
from django_q.models import OrmQ

from cases.models import Case
from integrations.models import ResultReturn, StaffNotice
from matching import following
from matching.models import EncoderChoice
from raiox_site import heartbeat, parts
from raiox_site.models import Heartbeat
from raiox_site.probes import MOST_HANGING, Probe, TooLate
from raiox_site.processes import wait_until
from raiox_site.running import free_port

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def beating() -> None:
    heartbeat.beat()


def test_it_is_green_while_a_worker_beats(client: Client, beating: None, settings: Any) -> None:
    answer = client.get("/health")
    body = answer.json()
    assert answer.status_code == 200
    told = (body["database"], body["storage"], body["disk"], body["queue"]["status"])
    assert told == ("ok", "ok", "ok", "ok")
    assert body["encoder"]["name"] == settings.RAIOX_ENCODER
    assert "replica" not in body
    assert "cache" not in body


def test_it_is_red_when_the_encoder_cannot_be_loaded(
    client: Client, beating: None, settings: Any
) -> None:
    settings.RAIOX_ENCODER = "ViT-B-32/nowhere.pt"
    answer = client.get("/health")
    assert (answer.status_code, answer.json()["encoder"]["status"]) == (503, "down")


def test_it_says_why_the_encoder_that_was_switched_to_is_not_used(
    client: Client, beating: None, settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(following, "_process", following.Following())
    settings.RAIOX_FOLLOW_SECONDS = 0.0
    EncoderChoice.objects.create(
        name="ViT-B-32/nowhere.pt", encoder="x@0/y", instead_of=settings.RAIOX_ENCODER
    )
    answer = client.get("/health")
    encoder = answer.json()["encoder"]
    assert (answer.status_code, encoder["status"]) == (200, "ok")
    assert encoder["name"] == settings.RAIOX_ENCODER
    assert "there is no file nowhere.pt" in encoder["note"]


def test_it_is_red_without_a_heartbeat(client: Client) -> None:
    assert client.get("/health").status_code == 503
    Heartbeat.objects.create(name=heartbeat.WORKER, at=timezone.now() - timedelta(minutes=10))
    assert client.get("/health").json()["queue"]["status"] == "stuck"


def waits(*, minutes: float) -> None:
    OrmQ.objects.create(key="raiox", payload="x", lock=timezone.now() - timedelta(minutes=minutes))


def test_it_is_red_when_a_task_waits_for_minutes_and_none_is_done(client: Client) -> None:
    Heartbeat.objects.create(name=heartbeat.WORKER, at=timezone.now() - timedelta(minutes=3))
    assert client.get("/health").status_code == 200
    waits(minutes=6)
    answer = client.get("/health")
    assert answer.status_code == 503
    assert answer.json()["queue"]["oldest_seconds"] > 300


def test_it_stays_green_while_a_long_queue_is_worked_off_but_not_for_an_hour(
    client: Client, beating: None
) -> None:
    waits(minutes=20)
    assert client.get("/health").status_code == 200
    waits(minutes=61)
    assert client.get("/health").status_code == 503


def test_every_process_that_works_beats_and_one_that_only_proves_itself_does_not(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(heartbeat, "EVERY_SECONDS", 0.0)
    tasks = heartbeat.Tasks()
    for name, is_done in ((heartbeat.PROOF, True), ("a case", False)):
        tasks.begins()
        tasks.ended(task={"name": name, "success": is_done})
    tasks.begins()
    assert heartbeat.last() is None
    tasks.ended(task={"name": "a case", "success": True})
    assert heartbeat.last() is None
    tasks.begins()
    assert heartbeat.last() is not None


def test_it_stays_green_while_a_task_waits_for_its_time(client: Client, beating: None) -> None:
    OrmQ.objects.create(key="raiox", payload="x", lock=timezone.now() + timedelta(minutes=6))
    assert client.get("/health").status_code == 200


@pytest.mark.parametrize("path", ["/health", "/healthcheck"])
def test_it_is_red_while_the_database_is_down(client: Client, outage: None, path: str) -> None:
    answer = client.get(path)
    assert answer.status_code == 503
    assert answer.json()["status"] == "error"
    assert answer.json().get("database", "down") == "down"


@pytest.mark.parametrize("path", ["/health", "/healthcheck"])
def test_it_is_red_and_answers_while_the_database_hangs(
    client: Client, monkeypatch: pytest.MonkeyPatch, path: str
) -> None:
    over = threading.Event()
    monkeypatch.setitem(parts._PROBES, "queue", Probe(lambda: over.wait(60), seconds=0.2))
    try:
        assert client.get(path).status_code == 503
    finally:
        over.set()


def test_it_is_red_while_the_storage_is_gone(
    client: Client, beating: None, settings: Any, tmp_path: Path
) -> None:
    (tmp_path / "media").touch()
    settings.STORAGES = {
        **settings.STORAGES,
        "default": {
            "BACKEND": "django.core.files.storage.FileSystemStorage",
            "OPTIONS": {"location": tmp_path / "media"},
        },
    }
    answer = client.get("/health")
    assert (answer.status_code, answer.json()["storage"]) == (503, "down")


def test_it_is_red_when_the_disk_is_full(
    client: Client, beating: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(parts, "FREE_SPACE_BYTES", 2**62)
    answer = client.get("/health")
    assert (answer.status_code, answer.json()["disk"]) == (503, "full")


def test_it_stays_green_without_the_cache_for_which_nothing_waits(
    client: Client, beating: None, settings: Any
) -> None:
    settings.CACHES = {
        "default": {
            "BACKEND": "django.core.cache.backends.redis.RedisCache",
            "LOCATION": f"redis://127.0.0.1:{free_port()}/0",
        }
    }
    answer = client.get("/health")
    assert (answer.status_code, answer.json()["cache"]) == (200, "down")


def test_it_stays_green_without_the_replica_that_searches_fall_back_from(
    client: Client, beating: None, settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    def down() -> str:
        raise OperationalError("no route to host")

    replica = {**settings.DATABASES["default"], "ATOMIC_REQUESTS": False}
    monkeypatch.setitem(settings.DATABASES, parts.REPLICA, replica)
    monkeypatch.setitem(parts._PROBES, parts.REPLICA, Probe(down))
    answer = client.get("/health")
    assert (answer.status_code, answer.json()["replica"]) == (200, "down")


def test_it_stays_green_while_an_answer_failed_and_mail_does_not_go_out(
    client: Client, beating: None
) -> None:
    case = Case.objects.create(source=Case.Source.JOTFORM)
    ResultReturn.objects.create(case=case, status=ResultReturn.Status.GIVEN_UP, attempts=12)
    StaffNotice.objects.create(kind="new_case", channel="email", case=case, attempts=50)
    assert client.get("/health").status_code == 200


def hanging() -> int:
    return sum(one.name == "probe" for one in threading.enumerate())


def test_a_hanging_question_never_holds_more_than_a_few_threads() -> None:
    over = threading.Event()
    probe = Probe(lambda: over.wait(60), seconds=0.01)
    before, outcomes = hanging(), []
    for _time in range(MOST_HANGING + 3):
        with pytest.raises(TooLate):
            probe.ask().answer()
        outcomes.append(hanging() - before)
    over.set()
    assert outcomes == [1, 2, 3, 3, 3, 3]


def test_a_question_is_answered_again_when_what_hung_does_not_hang_any_more() -> None:
    over = threading.Event()
    probe = Probe(lambda: over.wait(60), seconds=0.01)
    for _time in range(MOST_HANGING + 1):
        with pytest.raises(TooLate):
            probe.ask().answer()
    over.set()
    assert wait_until(lambda: is_answered(probe), 10)


def is_answered(probe: Probe[bool]) -> bool:
    try:
        return probe.ask().answer()
    except TooLate:
        return False
