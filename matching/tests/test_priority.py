import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from matching import priority
from matching.decoding.process import Decoder


@pytest.fixture(autouse=True)
def nobody_gives_way_yet() -> None:
    """Without privileges a niceness cannot be lowered again."""
    if priority.of_this():
        pytest.skip("the tests give way to other processes")


@pytest.fixture
def leader() -> Iterator[int]:
    """A process that leads a session of its own."""
    command = [sys.executable, "-c", "import time; time.sleep(60)"]
    process = subprocess.Popen(command, start_new_session=True)
    yield process.pid
    process.kill()
    process.wait()


def of_session(pid: int) -> int:
    """Skips where Linux does not weigh sessions, or this is another system."""
    try:
        told = Path(f"/proc/{pid}/autogroup").read_text("ascii")
    except OSError:
        pytest.skip("sessions have no niceness here")
    found = re.search(r"nice (-?\d+)", told)
    assert found
    return int(found[1])


def test_a_process_gives_way(leader: int) -> None:
    priority.lower(leader, 10)
    assert os.getpriority(os.PRIO_PROCESS, leader) == 10


def test_its_session_gives_way_too(leader: int) -> None:
    assert of_session(leader) == 0
    priority.lower(leader, 10)
    assert of_session(leader) == 10


def test_a_decoder_gives_way_as_the_process_that_asks_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(priority, "of_this", lambda: 7)
    decoder = Decoder()
    try:
        assert os.getpriority(os.PRIO_PROCESS, decoder.pid) == 7
        assert of_session(decoder.pid) == 7
    finally:
        decoder.close()


def test_who_has_ended_has_nothing_to_give() -> None:
    gone = subprocess.Popen([sys.executable, "-c", ""])
    gone.wait()
    priority.lower(gone.pid, 10)
