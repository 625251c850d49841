"""What systemd hears of web and worker, over a real socket of the kind that it listens on."""

import os
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest
from django_q.signing import SignedPackage

from raiox_site import pulse, systemd, web_service, worker

ALIVE = ["READY=1", "WATCHDOG=1", "STATUS=Tasks are executed."]


@pytest.fixture
def heard(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[socket.socket]:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listener:
        listener.bind(str(tmp_path / "notify"))
        listener.setblocking(False)
        monkeypatch.setenv("NOTIFY_SOCKET", str(tmp_path / "notify"))
        yield listener


def said(listener: socket.socket) -> list[str]:
    try:
        return listener.recv(4096).decode().splitlines()
    except BlockingIOError:
        return []


@pytest.fixture
def marks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> worker.Pulse:
    """The folder of a cluster that was just started."""
    pulse_ = worker.Pulse(tmp_path / "worker.pulse")
    pulse_.begin()
    monkeypatch.setenv(worker.PULSE_DIR, str(pulse_.folder))
    return pulse_


def test_nothing_is_said_and_nothing_fails_where_there_is_no_systemd(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.delenv("NOTIFY_SOCKET", raising=False)
    systemd.tell("READY=1")
    monkeypatch.setenv("NOTIFY_SOCKET", str(tmp_path / "nobody"))
    systemd.tell("READY=1")


def test_children_cannot_speak_for_the_service(heard: socket.socket) -> None:
    child, cluster = worker.start(
        [sys.executable, "-c", "import os, sys; sys.exit('NOTIFY_SOCKET' in os.environ)"]
    )
    assert child.wait(10) == 0
    assert cluster.pgid == child.pid


def test_the_worker_is_alive_once_for_each_time_that_a_task_came_through(
    heard: socket.socket, marks: worker.Pulse
) -> None:
    pulse.leave_mark(worker.GUARD)
    assert worker._works(marks, stall_s=60)
    assert said(heard) == []

    pulse.leave_mark(worker.TASKS)
    assert worker._works(marks, stall_s=60)
    assert said(heard) == ALIVE
    assert worker._works(marks, stall_s=60)
    assert said(heard) == []


def test_a_cluster_without_its_guard_is_not_alive_although_tasks_come_through(
    heard: socket.socket, marks: worker.Pulse
) -> None:
    marks.since[worker.GUARD] -= 100
    pulse.leave_mark(worker.TASKS)
    assert not worker._works(marks, stall_s=60)
    assert said(heard) == []


def test_only_the_first_task_may_take_longer_than_the_others(
    heard: socket.socket, marks: worker.Pulse
) -> None:
    marks.since[worker.TASKS] -= 61
    assert worker._works(marks, stall_s=60)

    pulse.leave_mark(worker.TASKS)
    assert worker._works(marks, stall_s=60)
    marks.since[worker.TASKS] -= 61
    assert not worker._works(marks, stall_s=60)
    assert said(heard) == ALIVE


def test_what_an_earlier_cluster_left_is_no_proof(
    heard: socket.socket, marks: worker.Pulse
) -> None:
    pulse.leave_mark(worker.TASKS)
    marks.begin()
    assert worker._works(marks, stall_s=60)
    assert said(heard) == []


MUTE = """
import os, signal, time
if os.fork() == 0:
    if os.fork() == 0:
        time.sleep(600)
signal.pause()
"""


def test_a_cluster_that_lives_and_does_nothing_is_replaced(tmp_path: Path) -> None:
    stopping, state_file = threading.Event(), tmp_path / "run" / "worker.json"
    seen: set[str] = set()
    thread = threading.Thread(
        target=worker.run,
        args=([sys.executable, "-c", MUTE], state_file, stopping),
        kwargs={"grace_s": 1, "stall_s": 1},
        daemon=True,
    )
    thread.start()

    def another_one() -> bool:
        if state_file.exists():
            seen.add(state_file.read_text("ascii").partition(",")[0])
        return len(seen) > 1

    try:
        assert worker.wait_until(another_one, 30)
    finally:
        stopping.set()
        thread.join(20)


@pytest.mark.django_db
def test_only_a_watched_cluster_gets_an_empty_task_now_and_then(marks: worker.Pulse) -> None:
    queue = pulse.ProvenQueue(list_key="raiox")
    [(number, payload)] = queue.dequeue()
    assert number is None
    assert SignedPackage.loads(payload)["func"] == "raiox_site.pulse.prove"
    assert not queue.dequeue()

    del os.environ[worker.PULSE_DIR]
    assert not pulse.ProvenQueue(list_key="raiox").dequeue()


class Pong(BaseHTTPRequestHandler):
    status = 200

    def do_GET(self) -> None:
        self.send_response(self.status)
        self.end_headers()

    def log_message(self, *args: object) -> None:
        pass


@pytest.mark.parametrize(("status", "told"), [(200, True), (503, False)])
def test_web_is_alive_only_while_ping_is_answered(
    heard: socket.socket, status: int, told: bool
) -> None:
    handler = type("Answer", (Pong,), {"status": status})
    with HTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(2)"])
        web_service.watch(child, server.server_address[:2], threading.Event())  # type: ignore
        server.shutdown()
    assert ("WATCHDOG=1" in said(heard)) == told


def test_nobody_listening_is_no_answer() -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        assert not web_service.answers("127.0.0.1", unused.getsockname()[1])


def test_the_file_of_settings_tells_where_to_listen_and_keeps_its_secrets(tmp_path: Path) -> None:
    file = tmp_path / "raiox.env"
    file.write_text("PORT=8123\nRAIOX_WEB_PROCESSES=2\nSECRET_KEY=hidden\n")
    found = web_service.variables({"RAIOX_ENV_FILE": str(file), "PORT": "9000"})
    assert found["PORT"] == "9000"
    assert found["RAIOX_WEB_PROCESSES"] == "2"
    assert "SECRET_KEY" not in found
    assert web_service.address(found, []) == ("127.0.0.1", 9000)


def test_a_socket_that_systemd_opened_says_where_to_ask() -> None:
    with socket.socket() as opened:
        opened.bind(("127.0.0.1", 0))
        port = opened.getsockname()[1]
        assert web_service.address({}, [opened.fileno()]) == ("127.0.0.1", port)
    assert web_service.sockets({"LISTEN_PID": "1", "LISTEN_FDS": "1"}) == []
