"""`/metrics`: what is in it, who may read it, and what must not be in it."""

import os
import subprocess
import sys
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any
from urllib.request import Request, urlopen

import pytest
from django.conf import settings as configured
from django.db import OperationalError
from django.test import Client
from django.utils import timezone
from prometheus_client.parser import text_string_to_metric_families

from cases.models import Case
from implants.models import Implant
from integrations.models import ResultReturn
from matching import measured
from raiox_site import exporter, heartbeat, metric_files, parts
from raiox_site.backup import record
from raiox_site.measured_requests import template
from raiox_site.models import Heartbeat
from raiox_site.running import free_port

SCRAPED = pytest.mark.django_db(transaction=True)
COUNTING = """
import os
from prometheus_client import Counter, Gauge, Histogram
errors, seconds = Counter("e", "x", ["kind"]), Histogram("s", "x", buckets=(1, 5))
loaded = Gauge("g", "x", multiprocess_mode="livesum")
errors.labels("storage").inc(2); seconds.observe(0.5); seconds.observe(3); loaded.set(1)
print(os.getpid())
"""


def scraped(client: Client, **headers: Any) -> dict[tuple[str, ...], float]:
    """Values by name and labels' values."""
    answer = client.get("/metrics", **headers)
    assert answer.status_code == 200
    return {
        (sample.name, *sample.labels.values()): sample.value
        for family in text_string_to_metric_families(answer.content.decode())
        for sample in family.samples
    }


@SCRAPED
def test_cases_answers_and_marks_are_counted(client: Client) -> None:
    now = timezone.now()
    case = Case.objects.create(source=Case.Source.JOTFORM, status=Case.Status.PENDING)
    ResultReturn.objects.create(case=case, status=ResultReturn.Status.WAITING, attempts=3)
    ResultReturn.objects.update(created_at=now - timedelta(hours=2))
    heartbeat.beat()
    Heartbeat.objects.create(name=record.BACKUP, at=now - timedelta(hours=30))

    found = scraped(client)

    assert found["raiox_cases", "pending"] == 1
    assert found["raiox_answers", "waiting"] == 1
    assert 7200 <= found["raiox_answers_oldest_seconds",] < 7300
    assert found["raiox_last_success_age_seconds", "backup"] > 100_000
    assert found["raiox_last_success_age_seconds", "restore_drill"] == float("inf")
    assert found["raiox_up", "database"] == 1
    assert found["raiox_disk_bytes", "free"] > 0


@SCRAPED
def test_an_answer_that_is_held_back_is_not_late(client: Client) -> None:
    case = Case.objects.create(source=Case.Source.JOTFORM)
    later = timezone.now() + timedelta(seconds=20)
    ResultReturn.objects.create(case=case, status="waiting", next_try_at=later)
    assert scraped(client)["raiox_answers_oldest_seconds",] == 0


@SCRAPED
def test_requests_are_counted_by_the_template_of_their_address(client: Client) -> None:
    implant = Implant.objects.create(manufacturer="A", name="B", type="C")
    before = scraped(client).get(("raiox_requests_total", "GET", "/implants/{pk}", "400"), 0)

    assert client.get(f"/implants/{implant.pk}?patient=Maria").status_code == 400
    client.get("/wp-login.php")

    found = scraped(client)
    assert found["raiox_requests_total", "GET", "/implants/{pk}", "400"] == before + 1
    labels = " ".join(" ".join(key[1:]) for key in found)
    assert "Maria" not in labels
    assert "wp-login" not in labels


@pytest.mark.parametrize(
    ("route", "expected"),
    [
        ("^cases/(?P<pk>\\d+)/films/(?P<image_id>\\d+)/?$", "/cases/{pk}/films/{image_id}"),
        ("admin/cases/case/<int:case_id>/review/", "/admin/cases/case/{case_id}/review/"),
        ("^ping/?$", "/ping"),
    ],
)
def test_a_route_is_written_as_people_do(route: str, expected: str) -> None:
    assert template(route) == expected


@SCRAPED
def test_a_stage_is_timed_also_when_it_fails(client: Client) -> None:
    key = ("raiox_stage_seconds_count", "download")
    before = scraped(client)[key]
    with pytest.raises(ValueError), measured.stage(measured.Stage.DOWNLOAD):
        raise ValueError
    assert scraped(client)[key] == before + 1


@SCRAPED
def test_without_the_database_everything_else_is_told(
    client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    def down(self: Any) -> Any:
        raise OperationalError("the server closed the connection")

    with monkeypatch.context() as patch:
        patch.setattr("django.db.backends.base.base.BaseDatabaseWrapper.cursor", down)
        found = scraped(client)
    assert found["raiox_up", "database"] == 0
    assert ("raiox_cases", "pending") not in found
    assert ("raiox_up", "queue") not in found
    assert ("raiox_errors_total", "database") in found


@SCRAPED
def test_only_this_machine_or_who_has_the_token_may_read(client: Client, settings: Any) -> None:
    assert client.get("/metrics", REMOTE_ADDR="198.51.100.7").status_code == 403
    settings.RAIOX_METRICS_TOKEN = "sesame"
    assert client.get("/metrics").status_code == 403
    assert client.get("/metrics", headers={"Authorization": "Bearer sesame"}).status_code == 200
    settings.RAIOX_METRICS_TOKEN, settings.RAIOX_PROXY_COUNT = "", 1
    assert client.get("/metrics").status_code == 403


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    monkeypatch.setenv("RAIOX_METRICS_DIR", str(tmp_path / "metrics"))
    monkeypatch.delenv(metric_files.VARIABLE, raising=False)
    found = metric_files.announce("worker")
    assert found is not None
    yield found
    os.environ.pop(metric_files.VARIABLE, None)


def count() -> int:
    """Let a process count; its pid. It is gone afterwards."""
    done = subprocess.run(
        [sys.executable, "-c", COUNTING], check=True, capture_output=True, text=True
    )
    return int(done.stdout)


def sums() -> dict[str, float]:
    return {
        sample.name + "".join(sample.labels.values()): sample.value
        for metric in metric_files.read()
        for sample in metric.samples
    }


def test_what_ended_processes_counted_is_kept_in_files_that_do_not_grow_in_number(
    folder: Path,
) -> None:
    living = [count() for _process in range(3)][-1]
    before = sums()
    assert (before["e_totalstorage"], before["s_bucket1.0"], before["g"]) == (6, 3, 3)

    for _time in range(3):
        metric_files.fold(folder, living={living})
    assert sums() == {**before, "g": 1}
    assert len(list(folder.glob("*.db"))) == 5

    metric_files.fold(folder, living=())
    assert sums() == {name: value for name, value in before.items() if name != "g"}
    assert len(list(folder.glob("*.db"))) == 2


def test_the_services_of_a_host_are_added_up(folder: Path) -> None:
    count()
    metric_files.announce("web")
    count()
    assert sums()["e_totalstorage"] == 4


def test_a_service_that_starts_counts_from_zero(folder: Path) -> None:
    count()
    metric_files.wipe(folder)
    assert sums() == {}


def test_where_no_folder_can_be_had_each_process_counts_for_itself(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setenv("RAIOX_METRICS_DIR", str(tmp_path / "file"))
    assert metric_files.announce("web") is None
    assert metric_files.VARIABLE not in os.environ


def test_a_worker_without_a_web_process_tells_its_figures(settings: Any, folder: Path) -> None:
    settings.RAIOX_METRICS_TOKEN = "sesame"
    address = f"127.0.0.1:{free_port()}"
    server = exporter.serve(address)
    try:
        request = Request(f"http://{address}/metrics", headers={"Authorization": "Bearer sesame"})
        with urlopen(request, timeout=10) as answer:
            text = answer.read().decode()
        with pytest.raises(OSError, match="403"):
            urlopen(f"http://{address}/metrics", timeout=10)
    finally:
        server.shutdown()
        server.server_close()
    assert 'raiox_disk_bytes{which="free"}' in text
    assert 'raiox_up{part="encoder"} 1.0' in text
    assert "raiox_cases" not in text


def test_a_host_without_the_weights_says_so(settings: Any) -> None:
    settings.RAIOX_ENCODER = "ViT-B-32/nowhere.pt"
    assert parts.of_host() == {"disk": "ok", "encoder": "down"}


def test_every_process_begins_with_a_series_for_each_error() -> None:
    values = {kind.value for kind in measured.Trouble}
    known = {sample.labels["kind"] for sample in measured._errors.collect()[0].samples}
    assert values <= known
    assert configured.MIDDLEWARE[0] == "raiox_site.measured_requests.measured"
