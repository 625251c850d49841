"""The process that reads the files of strangers may die, hang or swell; ours may not."""

import json
import logging
import os
import resource
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import psutil
import pytest
from django.conf import settings
from django.utils import translation
from PIL import Image

from matching import radiograph
from matching.decoding.answers import Outcome, Refused
from matching.decoding.pool import Busy, Pool, decoders
from matching.decoding.process import Decoder, Ended
from matching.radiograph import DecoderBusy, UnreadableImage
from matching.tests.hostile_files import encoded, film, png, sound

MOST = 25_000_000
QUICK = encoded(Image.fromarray(film()), "PNG")
# Takes some tenths of a second: time enough to be hit while it is read.
SLOW = png(4_990, 5_000, depth=16, colours=6)


@pytest.fixture(autouse=True)
def in_english() -> Iterator[None]:
    with translation.override("en"):
        yield


@pytest.fixture
def pool() -> Iterator[Pool]:
    pool = Pool()
    yield pool
    pool.close()


def children() -> list[psutil.Process]:
    return [
        child
        for child in psutil.Process().children()
        if "matching.decoding.child" in " ".join(child.cmdline())
    ]


def until(condition: Callable[[], Any], seconds: float = 5.0) -> bool:
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.01)
    return True


def read(pool: Pool, data: bytes = QUICK, seconds: float = 4.0) -> int:
    return pool.read(data, most_pixels=MOST, seconds=seconds).width


def test_no_process_is_started_before_the_first_film(pool: Pool) -> None:
    assert pool.pids() == []
    assert read(pool) == 96
    assert len(pool.pids()) == 1


def test_the_process_stays_for_the_next_film(pool: Pool) -> None:
    read(pool)
    first = pool.pids()
    for data in sound().values():
        pool.read(data, most_pixels=MOST, seconds=4.0)
    assert pool.pids() == first


def test_it_is_given_no_secrets(pool: Pool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SECRET_KEY", "of the test")
    monkeypatch.setenv("DATABASE_URL", "postgres://of:the@test/")
    read(pool)
    environment = psutil.Process(pool.pids()[0]).environ()
    assert not {"SECRET_KEY", "DATABASE_URL", "HOME", "PATH"} & set(environment)
    assert environment["OMP_NUM_THREADS"] == "1"


@pytest.mark.skipif(sys.platform != "linux", reason="limits are read from the system")
def test_it_has_limits_and_nothing_open_but_its_pipes(pool: Pool) -> None:
    read(pool)
    process = psutil.Process(pool.pids()[0])
    assert process.rlimit(psutil.RLIMIT_AS)[1] <= 1.5 * 1024**3
    assert process.rlimit(psutil.RLIMIT_FSIZE) == (0, 0)
    assert process.rlimit(psutil.RLIMIT_CORE) == (0, 0)
    assert process.rlimit(psutil.RLIMIT_NOFILE)[1] <= 64
    assert process.rlimit(psutil.RLIMIT_CPU)[0] < 60
    assert not process.net_connections(kind="all")
    assert not process.open_files()


def hit(pool: Pool, number: int, times: int) -> threading.Thread:
    """Send a signal to the process `times` times, each while it reads a film."""

    def strike() -> None:
        struck: set[int] = set()
        for _ in range(times):
            until(lambda: set(pool.pids()) - struck)
            time.sleep(0.15)
            for pid in set(pool.pids()) - struck:
                os.kill(pid, number)
                struck.add(pid)

    thread = threading.Thread(target=strike)
    thread.start()
    return thread


def test_a_film_is_read_again_when_somebody_kills_the_process(pool: Pool) -> None:
    read(pool)
    thread = hit(pool, signal.SIGKILL, times=1)
    assert pool.read(SLOW, most_pixels=MOST, seconds=20).width == 4_990
    thread.join()
    assert read(pool) == 96


def test_a_film_that_is_killed_twice_is_refused(
    pool: Pool, caplog: pytest.LogCaptureFixture
) -> None:
    thread = hit(pool, signal.SIGKILL, times=2)
    with caplog.at_level(logging.WARNING), pytest.raises(Refused) as refusal:
        pool.read(SLOW, most_pixels=MOST, seconds=20)
    thread.join()
    assert refusal.value.outcome is Outcome.DAMAGED
    assert (
        caplog.messages
        == [f"a decoder ended by signal 9 while it read a file of {len(SLOW)} bytes"] * 2
    )
    assert read(pool) == 96


@pytest.mark.parametrize("number", [signal.SIGSEGV, signal.SIGABRT, signal.SIGBUS, signal.SIGXCPU])
def test_a_film_that_makes_it_crash_is_not_tried_again(pool: Pool, number: int) -> None:
    thread = hit(pool, number, times=1)
    with pytest.raises(Refused) as refusal:
        pool.read(SLOW, most_pixels=MOST, seconds=20)
    thread.join()
    assert refusal.value.outcome is Outcome.DAMAGED
    assert pool.pids() == []
    assert read(pool) == 96


def test_one_that_died_while_idle_is_not_asked(pool: Pool) -> None:
    read(pool)
    (pid,) = pool.pids()
    os.kill(pid, signal.SIGKILL)
    assert read(pool) == 96
    assert pool.pids() != [pid]


def test_one_that_hangs_is_killed_at_the_deadline_and_replaced() -> None:
    radiograph.load(QUICK)
    hanging = decoders.pids()
    for pid in hanging:
        os.kill(pid, signal.SIGSTOP)
    started = time.perf_counter()
    with pytest.raises(UnreadableImage, match="too much time") as refusal:
        radiograph.load(QUICK)
    assert time.perf_counter() - started < 5
    assert refusal.value.status == 422
    for pid in set(hanging) & set(decoders.pids()):
        os.kill(pid, signal.SIGCONT)
    assert radiograph.load(QUICK).width == 96
    assert any(not psutil.pid_exists(pid) for pid in hanging)


def test_one_that_does_not_even_take_the_file_is_killed_too(pool: Pool) -> None:
    read(pool)
    os.kill(pool.pids()[0], signal.SIGSTOP)
    started = time.perf_counter()
    with pytest.raises(Refused):
        read(pool, QUICK.ljust(5_000_000, b"\0"), seconds=1.0)
    assert time.perf_counter() - started < 3
    assert pool.pids() == []


def test_a_film_that_asks_for_more_memory_than_there_is_is_refused(pool: Pool) -> None:
    giant = png(25_000, 20_000, depth=8, colours=6)
    with pytest.raises(Refused) as refusal:
        pool.read(giant, most_pixels=10**9, seconds=20)
    assert refusal.value.outcome is Outcome.TOO_DEMANDING
    # What is left of its memory is not trusted with another film.
    assert pool.pids() == []
    assert read(pool) == 96


def test_when_all_are_busy_the_wait_is_bounded(pool: Pool) -> None:
    with ThreadPoolExecutor(2) as others:
        warm = [others.submit(read, pool, SLOW, 20.0) for _ in range(2)]
        assert until(lambda: len(pool.pids()) == 2)
        stopped = pool.pids()
        for pid in stopped:
            os.kill(pid, signal.SIGSTOP)
        started = time.perf_counter()
        with pytest.raises(Busy):
            read(pool, seconds=1.0)
        assert time.perf_counter() - started < 1
        for pid in stopped:
            os.kill(pid, signal.SIGCONT)
        assert [one.result() for one in warm] == [4_990, 4_990]
    assert read(pool) == 96


def test_when_no_process_can_be_started_the_film_is_not_to_blame(pool: Pool) -> None:
    files = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (3, files[1]))
    try:
        with pytest.raises(Busy):
            read(pool)
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, files)
    assert read(pool) == 96


def test_a_busy_decoder_is_no_fault_of_the_film() -> None:
    assert DecoderBusy.status == 503
    assert issubclass(DecoderBusy, radiograph.RadiographError)


def test_many_threads_get_each_its_own_film(pool: Pool) -> None:
    films = {width: encoded(Image.new("L", (width, 64), width), "PNG") for width in range(40, 80)}

    def right(width: int) -> bool:
        grey = pool.read(films[width], most_pixels=MOST, seconds=30)
        return grey.width == width and set(grey.pixels) == {width}

    with ThreadPoolExecutor(8) as threads:
        assert all(threads.map(right, [*films] * 5))
    assert 1 <= len(pool.pids()) <= 2


def test_it_ends_with_the_pool_and_leaves_no_zombie() -> None:
    pool = Pool()
    read(pool)
    (pid,) = pool.pids()
    pool.close()
    assert not psutil.pid_exists(pid)


PARENT = """
import json, os, sys, time
sys.path.insert(0, os.getcwd())
from matching.decoding.pool import decoders
read = lambda: decoders.read(open(sys.argv[1], "rb").read(), most_pixels=25_000_000, seconds=60)
how = sys.argv[2]
if how == "busy":
    import threading
    threading.Thread(target=lambda: [read() for _ in range(99)], daemon=True).start()
    while not decoders.pids():
        time.sleep(0.01)
    time.sleep(0.3)
else:
    read()
print(json.dumps(decoders.pids()), flush=True)
if how == "forks":
    before = decoders.pids()
    pid = os.fork()
    if not pid:
        assert decoders.pids() == []
        grey = read()
        assert decoders.pids() and not set(decoders.pids()) & set(before)
        decoders.close()
        os._exit(0 if grey.width == 96 else 1)
    assert os.waitpid(pid, 0)[1] == 0
    assert read().width == 96 and decoders.pids() == before
elif how != "ends":
    time.sleep(60)
"""


def parent(data: bytes, how: str, folder: Any) -> tuple[subprocess.Popen[str], list[int]]:
    """A process with decoders of its own: itself, and their ids."""
    (folder / "film").write_bytes(data)
    process = subprocess.Popen(
        [sys.executable, "-c", PARENT, str(folder / "film"), how],
        cwd=settings.BASE_DIR,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout
    return process, json.loads(process.stdout.readline())


@pytest.mark.parametrize(("data", "how"), [(QUICK, "idle"), (SLOW, "busy")], ids=["idle", "busy"])
def test_it_ends_when_its_parent_is_killed(data: bytes, how: str, tmp_path: Any) -> None:
    process, pids = parent(data, how, tmp_path)
    assert len(pids) == 1 and psutil.pid_exists(pids[0])
    process.kill()
    process.communicate()
    assert until(lambda: not is_running(pids[0]), 10)


def is_running(pid: int) -> bool:
    # Where nothing reaps the orphans of a container, a zombie stays.
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


@pytest.mark.parametrize("how", ["ends", "forks"])
def test_a_parent_that_ends_or_forks_leaves_nothing_behind(how: str, tmp_path: Any) -> None:
    process, pids = parent(QUICK, how, tmp_path)
    assert process.wait(timeout=20) == 0
    process.communicate()
    assert until(lambda: not is_running(pids[0]))


def test_one_that_answers_nonsense_is_not_believed() -> None:
    decoder = Decoder("matching.tests.lying_child")
    try:
        with pytest.raises(Ended) as ended:
            decoder.ask(QUICK, most_pixels=MOST, deadline=time.monotonic() + 4)
    finally:
        decoder.close()
    assert ended.value.by_file


def test_the_pixels_arrive_as_they_were(pool: Pool) -> None:
    values = np.random.default_rng(3).integers(0, 256, (3000, 4000), dtype=np.uint8)
    grey = pool.read(encoded(Image.fromarray(values), "PNG"), most_pixels=MOST, seconds=20)
    assert np.array_equal(np.frombuffer(grey.pixels, np.uint8).reshape(3000, 4000), values)


def test_nobody_of_this_process_was_left_behind() -> None:
    assert len(children()) <= 2
    assert all(child.status() != psutil.STATUS_ZOMBIE for child in children())
