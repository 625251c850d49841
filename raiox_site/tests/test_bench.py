import io
import re
from collections import Counter
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.core.management import CommandError, call_command
from django.core.signals import request_finished
from django.db import close_old_connections
from django.http import HttpResponse

from cases.models import Case, Result
from integrations.models import ResultReturn
from raiox_site.bench import crop, encode, machine, panel, timing
from raiox_site.bench.filling import SHARES, fill
from raiox_site.bench.timing import Measured, NotAnswered


@pytest.fixture(autouse=True)
def connections_are_closed_again() -> Any:
    yield
    request_finished.disconnect(close_old_connections)
    request_finished.connect(close_old_connections)


def test_the_made_up_cases_are_as_a_busy_quarter_leaves_them(
    catalogue: list[Any], approver: User
) -> None:
    fill(300, reviewer=approver)
    fill(20, reviewer=approver)
    cases = Case.objects.all()
    assert cases.count() == 320
    assert set(Counter(cases.values_list("status", flat=True))) == set(SHARES)
    assert (
        cases.latest("created_at").created_at - cases.earliest("created_at").created_at
    ).days > 80
    approved = Result.objects.filter(approved=True)
    assert {1, None} < set(approved.values_list("rank", flat=True))
    assert ResultReturn.objects.filter(status="sent").exists()


def test_every_page_of_the_panel_answers_and_each_filter_is_measured(
    catalogue: list[Any], approver: User
) -> None:
    said: list[str] = []
    measured = panel.run(cases=120, times=1, reviewer=approver, say=said.append)
    names = " ".join(one.name for one in measured)
    for word in ("dashboard", "queue, live", "?status=failed", "?band=low", "?source=upload"):
        assert word in names
    assert "?manufacturer=Neodent" in names and "search “dente 36”" in names
    assert "file cases/panel.css" in names
    assert all(0 < one.queries < 60 for one in measured if not one.name.startswith("file "))
    assert all(one.queries == 0 for one in measured if one.name.startswith("file "))


def test_a_box_is_measured_up_to_its_new_candidates(catalogue: list[Any], approver: User) -> None:
    measured = crop.run(times=2, reviewer=approver, say=lambda text: None)
    assert [len(one.times) for one in measured] == [2, 2]
    sizes = [one.name.rpartition(" of ")[2].split(" × ") for one in measured]
    small, large = ([int(side) for side in size] for size in sizes)
    assert sorted(small) == [682, 902]
    assert large == [crop.LARGE * side for side in small]


def test_what_does_not_answer_is_no_measurement(db: None) -> None:
    with pytest.raises(NotAnswered, match="403"):
        timing.measure("page", lambda: HttpResponse(status=403), times=1)


def test_the_table_has_the_median_the_p95_and_the_ratio() -> None:
    one = Measured("queue", [float(number) for number in range(1, 21)], 7)
    assert (one.median, one.p95) == (10.5, 19.0)
    head, row = timing.table([one], target_ms=190)
    assert head.split() == ["median", "p95", "of", "target", "queries"]
    assert row.split() == ["queue", "10", "ms", "19", "ms", "10%", "7"]


def test_the_machine_is_named(db: None) -> None:
    first, second = machine.lines()
    assert re.match(r"\d+ cores, \S", first)
    assert re.match(r"Python 3\.\d+\.\d+, PostgreSQL \d+", second)


@pytest.mark.django_db(transaction=True)
def test_the_command_measures_in_a_database_of_its_own() -> None:
    out = io.StringIO()
    call_command("bench", "panel", "--cases=30", "--times=1", stdout=out)
    printed = out.getvalue()
    assert "writing 30 cases" in printed and "target 300 ms" in printed
    assert re.search(r"^dashboard +\d+ ms +\d+ ms +\d+% +\d+$", printed, re.MULTILINE)
    assert Case.objects.count() == 0


def test_reading_films_is_measured_through_the_door_and_without_it() -> None:
    out = io.StringIO()
    call_command("bench", "decode", "--times=1", stdout=out)
    assert len(re.findall(r"\d+\.\d ms +-?\d+\.\d ms$", out.getvalue(), re.MULTILINE)) == 6
    assert re.search(r"starts a process: \d+ ms", out.getvalue())
    assert re.search(r"memory of the process that reads: \d+ MB", out.getvalue())


def test_encoding_is_measured_alone_and_in_batches_beside_normalising() -> None:
    out = io.StringIO()
    call_command("bench", "encode", "--times=1", encode.YARDSTICK, stdout=out)
    printed = out.getvalue()
    assert re.search(r"^normalise +\d+\.\d ms$", printed, re.MULTILINE)
    assert re.search(r"^ViT-B-32/random@\w+/.*, 1 view", printed, re.MULTILINE)
    measured = re.findall(r"in batches of (\d) +\d+\.\d ms +1\.00 of ViT", printed)
    assert measured == ["1", "8"]


def test_an_encoder_that_cannot_be_loaded_is_not_measured() -> None:
    with pytest.raises(CommandError, match=r"absent\.pt"):
        call_command("bench", "encode", "--times=1", "ViT-B-32/absent.pt", stdout=io.StringIO())


@pytest.mark.django_db(transaction=True)
def test_the_encoder_is_switched_under_a_running_web_without_a_failed_or_mixed_answer() -> None:
    """Takes long, as it waits until real processes have followed."""
    out = io.StringIO()
    call_command("bench", "switch", "--references=200", "--settle=4", stdout=out)
    printed = out.getvalue()
    assert "200 references written" in printed
    assert re.search(r"^\d+ requests of 4 clients, 0 failed$", printed, re.MULTILINE)
    assert re.search(r"answer: [1-9]\d*, the new one's: [1-9]", printed)
    assert "of neither encoder: 0; stored results of two encoders: 0" in printed


@pytest.mark.parametrize(
    "arguments",
    [
        ["panel", "--cases=0"],
        ["panel", "--times=0"],
        ["panel", "--inside"],
        ["switch", "--references=0"],
    ],
)
def test_the_command_refuses_what_cannot_be_measured(db: None, arguments: list[str]) -> None:
    with pytest.raises(CommandError):
        call_command("bench", *arguments)
    assert Case.objects.count() == 0


def test_nothing_is_measured_in_production(db: None, settings: Any) -> None:
    settings.PRODUCTION = True
    with pytest.raises(CommandError, match="production"):
        call_command("bench", "panel")
