import asyncio
import io
import math
import os
import re
from collections.abc import Coroutine
from concurrent.futures import ThreadPoolExecutor
from http.server import BaseHTTPRequestHandler
from typing import Any, TypeVar

import pytest
from django.core.management import CommandError, call_command
from django.db import connections
from PIL import Image, ImageChops

from cases.models import Case
from integrations.tests.servers import serving
from raiox_site.bench import doors, load
from raiox_site.bench.asking import LATE, NONE, Answer, Instance, Request
from raiox_site.bench.door_films import STEPS, Films, varied
from raiox_site.bench.doors import Door
from raiox_site.bench.load import Load

T = TypeVar("T")


def bench(*arguments: str) -> str:
    """What the command prints. It has a thread of its own, since the tests in a browser leave a
    loop running in the thread of all tests; where one runs, Django keeps other connections."""

    def call() -> str:
        out = io.StringIO()
        try:
            call_command("bench", "doors", *arguments, stdout=out)
        finally:
            connections.close_all()
        return out.getvalue()

    with ThreadPoolExecutor(1) as thread:
        return thread.submit(call).result()


def finished(work: Coroutine[Any, Any, T]) -> T:
    """The result of `work`, in a thread without a loop, as in `bench`."""
    with ThreadPoolExecutor(1) as thread:
        return thread.submit(asyncio.run, work).result()


def answers(*milliseconds: float, status: int = 200) -> list[Answer]:
    return [Answer(status, one / 1000) for one in milliseconds]


def door(one: float, rate: int, health: float) -> Door:
    return Door(
        one=[Load(answers(one, one, 3 * one), 1.0)],
        many=[Load(answers(*[80.0] * rate, status=200), 1.0)],
        health=[Load(answers(health), 1.0)],
    )


def test_the_second_instance_is_told_as_a_share_of_the_first() -> None:
    instances = [Instance("http://127.0.0.1:8000"), Instance("https://example.org/raiox")]
    lines = list(doors.told(instances, [door(120, 10, 900), door(54, 35, 45)], 199_800, clients=16))
    assert lines[1:3] == ["A: 127.0.0.1:8000", "B: example.org"]
    rows = [re.split(r"  +", line) for line in lines[3:]]
    assert rows[0] == ["films of 200 kB", "A", "B", "B/A"]
    assert rows[1] == ["median ms, one client", "120.0", "54.0", "0.45"]
    assert rows[2] == ["p95 ms, one client", "360.0", "162.0", "0.45"]
    assert rows[3] == ["uploads/s, 16 clients", "10.0", "35.0", "3.50"]
    assert rows[5] == ["p95 ms of /healthcheck meanwhile", "900.0", "45.0", "0.05"]


def test_what_disturbed_a_round_disturbs_both_instances() -> None:
    assert doors.ratio([10, 100, 20], [5, 50, 11]) == 0.5


def test_percentiles_are_values_that_were_measured() -> None:
    ordered = [float(number) for number in range(1, 21)]
    assert (load.percentile(ordered, 0.95), load.percentile(ordered, 0.5)) == (19.0, 10.0)
    assert load.percentile([7.0], 0.95) == 7.0
    assert math.isnan(load.percentile([], 0.95))


def test_a_flood_is_counted_by_what_came_of_it() -> None:
    found = Load(
        [
            *answers(100, 300),
            *answers(5, 9, 20, status=503),
            *answers(30_000, status=LATE),
            *answers(1, status=NONE),
            *answers(2, status=502),
        ],
        1.0,
    )
    told = "\n".join(doors.of_flood("x", found, Load(answers(4, 8), 1.0), rate=8))
    assert "x: 8 uploads at 8 a second" in told
    assert "2 answered (25.0%), 3 × 503, 2 other, 1 time-outs" in told
    assert "503: p95 20 ms, slowest 20 ms" in told
    assert "not answered: 1 × time-outs, 1 × no answer, 1 × 502, 3 × 503" in told
    assert "/healthcheck: median 4 ms, p95 8 ms of 2" in told


def test_every_film_has_other_pixels_and_about_the_wanted_size() -> None:
    films = Films(60_000)
    assert abs(films.size / 60_000 - 1) < 0.1
    first = films.next()[1]
    numbers = [0, 1, 2, 1 << (STEPS - 1)]
    read = [Image.open(io.BytesIO(varied(first, number))).convert("L") for number in numbers]
    assert len({one.tobytes() for one in read}) == len(numbers)
    difference = ImageChops.difference(read[0], read[1]).getextrema()
    assert difference[1] < 40
    same = Films(60_000, is_same=True)
    assert same.next()[1] == same.next()[1]


def busy(request: BaseHTTPRequestHandler) -> None:
    """Answers as instances do that have too much to do."""
    request.send_response(503 if request.path == "/busy" else 200)
    request.end_headers()
    request.wfile.write(b"x" * 5000)


def test_each_kind_of_answer_is_told_apart() -> None:
    async def ask(base: str) -> list[Answer]:
        here, nowhere = Instance(base, timeout=5), Instance("http://127.0.0.1:9", timeout=5)
        return [
            await here.ask(Request("GET", "/whole")),
            await here.ask(Request("GET", "/busy")),
            await nowhere.ask(Request("GET", "/")),
        ]

    with serving(busy) as base:
        found = finished(ask(base))
    assert [one.status for one in found] == [200, 503, NONE]
    assert found[0].said.startswith("xxx")


def test_an_answer_that_does_not_come_is_late() -> None:
    async def ask() -> Answer:
        async def silent(reader: Any, writer: Any) -> None:
            await asyncio.sleep(5)

        server = await asyncio.start_server(silent, "127.0.0.1", 0)
        port = server.sockets[0].getsockname()[1]
        return await Instance(f"http://127.0.0.1:{port}", timeout=0.1).ask(Request("GET", "/"))

    assert finished(ask()).status == LATE


def test_a_steady_rate_does_not_wait_for_answers_and_counts_the_waiting() -> None:
    async def ask(base: str) -> tuple[Load, Load]:
        instance = Instance(base)
        steady = load.steadily(instance, lambda: Request("GET", "/busy"), rate=50, seconds=0.4)
        return await load.beside(steady, instance, Request("GET", "/healthcheck"))

    with serving(busy) as base:
        found, health = finished(ask(base))
    assert found.statuses == {503: 20}
    assert set(health.statuses) == {200} and len(health.answers) >= 3


@pytest.mark.django_db(transaction=True)
def test_uploads_are_measured_at_two_instances_in_turn(
    live_server: Any, catalogue: list[Any]
) -> None:
    options = ["--uploads=1", "--seconds=0.1", "--rounds=1", "--bytes", "40000"]
    urls = [live_server.url, live_server.url]
    printed = bench(*urls, "--concurrency=2", *options)
    assert re.match(r"\d+ cores, \S", printed)
    assert re.search(r"^films of \d+ kB +A +B +B/A$", printed, re.M)
    for row in (
        "median ms, one client",
        "uploads/s, 2 clients",
        "p95 ms of /healthcheck meanwhile",
    ):
        assert re.search(rf"^{row} +[\d.]+ +[\d.]+ +\d+\.\d\d$", printed, re.M)
    # Warm-up, one client, two clients: each film a case of its own.
    assert Case.objects.count() >= 2 * (3 + 1 + 2)


@pytest.mark.django_db(transaction=True)
def test_submissions_are_counted_until_they_are_cases(live_server: Any, settings: Any) -> None:
    settings.RAIOX_WEBHOOK_TOKEN = "sesame"
    options = ["--rate=20", "--lasting=0.3", "--bytes", "20000", "--count-cases", "--wait=0"]
    printed = bench(live_server.url, "--webhooks", *options)
    assert "6 submissions at 20 a second" in printed
    assert "6 accepted (100.0%)" in printed
    assert re.search(r"^6 cases, 0 of them done with 0 s after", printed, re.M)
    assert Case.objects.count() == 6


@pytest.mark.django_db(transaction=True)
def test_a_flood_is_told_with_the_memory_of_a_process(live_server: Any) -> None:
    options = ["--rate=10", "--lasting=0.3", "--bytes", "20000", f"--pid={os.getpid()}"]
    printed = bench(live_server.url, "--flood", *options)
    assert "3 uploads at 10 a second" in printed
    assert re.search(r"^\d answered \(\d+\.\d%\), \d × 503, \d other, 0 time-outs$", printed, re.M)
    assert re.search(
        r"^memory \d+ MB before, \d+ MB at most, \d+ MB after \(\d\.\d\d\)$", printed, re.M
    )


@pytest.mark.django_db(transaction=True)
def test_an_instance_that_refuses_a_single_client_is_not_measured(live_server: Any) -> None:
    with pytest.raises(CommandError, match="404"):
        bench(f"{live_server.url}/nowhere", "--bytes", "20000")


def test_what_is_no_address_is_refused() -> None:
    with pytest.raises(CommandError, match="no address"):
        bench("ftp://example.org")
