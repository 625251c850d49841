"""The files of strangers, sent over HTTP to a service that runs."""

import sys
import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import psutil
import pytest
import requests
from django.core.files.storage import default_storage

from cases.models import Case, CaseImage
from matching.decoding.pool import decoders
from matching.tests import hostile_files
from matching.tests.hostile_files import BOMBS, MEBIBYTE

SOUND = hostile_files.sound()
LONGEST = 5.0

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def door(live_server: Any) -> str:
    return f"{live_server.url}/upload"


def send(door: str, data: bytes, name: str = "film.jpg", kind: str = "image/jpeg") -> Any:
    started = time.perf_counter()
    answer = requests.post(door, files={"file": (name, data, kind)}, timeout=30)
    assert time.perf_counter() - started < LONGEST
    return answer


def refused(answer: Any, *statuses: int) -> None:
    assert answer.status_code in statuses
    assert answer.json()["detail"].endswith(".")


def test_each_kind_is_answered_whatever_it_is_called(door: str, catalogue: list[Any]) -> None:
    # The first request loads the encoder.
    requests.post(door, files={"file": ("film.jpg", SOUND["jpeg"])}, timeout=60)
    names = [("film.exe", "text/html"), ("a/../../b.php", ""), ("film.jpg", "image/svg+xml")]
    for number, data in enumerate(SOUND.values()):
        name, kind = names[number % len(names)]
        answer = send(door, data, name, kind)
        assert answer.status_code == 200
        assert len(answer.json()) == 3
    for image in CaseImage.objects.all():
        with image.file.open("rb") as file:
            copy = file.read()
        assert copy.startswith(b"\xff\xd8\xff") and b"Fantoma" not in copy


def test_cut_off_films_are_refused(door: str) -> None:
    # Of an MPO the first half is a whole film.
    for data in (data for name, data in SOUND.items() if name != "mpo"):
        for length in (0, 3, 200, len(data) // 2, len(data) // 4):
            refused(send(door, data[:length]), 415, 422)
    assert not Case.objects.exists()


def test_bombs_are_refused_and_the_service_stays_small(door: str) -> None:
    process = psutil.Process()
    bombs = {name: make() for name, (make, is_read) in BOMBS.items() if is_read is False}
    refused(send(door, SOUND["png"][:3000]), 422)
    before = process.memory_info().rss
    for data in bombs.values():
        refused(send(door, data), 415, 422)
    grown = process.memory_info().rss - before
    sys.stdout.write(f"{len(bombs)} bombs over HTTP: {grown / MEBIBYTE:.0f} MB\n")
    assert grown < 80 * MEBIBYTE
    assert not Case.objects.exists()


def test_what_is_no_film_or_too_large_is_answered_as_the_contract_says(door: str) -> None:
    for data in (b"", b"<svg/>", b"%PDF-1.7 ", b"GIF89a" + bytes(99), b"PK\3\4" + bytes(99)):
        refused(send(door, data), 415)
    refused(send(door, SOUND["heic"].ljust(5 * MEBIBYTE + 1, b"\0")), 413)


def test_a_decoder_that_hangs_costs_one_refusal(door: str) -> None:
    refused(send(door, SOUND["png"][:3000]), 422)
    for pid in decoders.pids():
        psutil.Process(pid).suspend()
    refused(send(door, SOUND["png"]), 422)
    for pid in decoders.pids():
        psutil.Process(pid).resume()
    refused(send(door, SOUND["png"][:3000]), 422)


def test_when_all_decoders_hang_the_others_are_told_to_come_again(door: str) -> None:
    with ThreadPoolExecutor(6) as threads:
        heavy = hostile_files.png(4_990, 5_000, depth=16, colours=6)[:-40]
        answers = list(threads.map(lambda number: send(door, heavy), range(6)))
    assert {answer.status_code for answer in answers} <= {422, 503}
    assert all("Retry-After" in answer.headers for answer in answers if answer.status_code == 503)


def test_nothing_of_what_was_refused_is_kept(door: str) -> None:
    refused(send(door, SOUND["dicom"][:9000]), 422)
    assert not Case.objects.exists()
    assert not default_storage.exists("uploads") or default_storage.listdir("uploads") == ([], [])
