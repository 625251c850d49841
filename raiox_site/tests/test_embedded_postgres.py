"""The embedded PostgreSQL heals whatever was killed. Each test has a data directory of its own."""

import contextlib
import ctypes
import os
import shutil
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import psutil
import psycopg2
import pytest

from raiox_site import embedded_postgres, postgres_launch
from raiox_site.processes import wait_until

PR_SET_CHILD_SUBREAPER = 36


@pytest.fixture
def data_dir() -> Iterator[Path]:
    # Not tmp_path: as root the server opens all parents to everybody, and pytest closes its own.
    parent = Path(tempfile.mkdtemp(prefix="raiox pg'"))
    yield parent.resolve() / "data"
    embedded_postgres.stop(parent / "data")
    shutil.rmtree(parent, ignore_errors=True)


@pytest.fixture
def dead_servers_stay_zombies() -> Iterator[None]:
    """Orphans come to this process, which does not reap them: as under a PID 1 that never does."""
    if not sys.platform.startswith("linux"):
        pytest.skip("only Linux lets a process adopt orphans")
    libc = ctypes.CDLL(None, use_errno=True)
    assert libc.prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) == 0
    yield
    libc.prctl(PR_SET_CHILD_SUBREAPER, 0, 0, 0, 0)
    with contextlib.suppress(ChildProcessError):
        while os.waitpid(-1, os.WNOHANG)[0]:
            pass


def execute(data_dir: Path, sql: str) -> list[tuple[object, ...]]:
    url = embedded_postgres.database_url(data_dir)
    with contextlib.closing(psycopg2.connect(url)) as connection:
        connection.autocommit = True
        with connection.cursor() as cursor:
            cursor.execute(sql)
            return cursor.fetchall() if cursor.description else []


def postmaster(data_dir: Path) -> psutil.Process:
    return psutil.Process(int((data_dir / "postmaster.pid").read_text().split()[0]))


def write_a_row(data_dir: Path) -> None:
    execute(data_dir, "CREATE TABLE kept AS SELECT 'a row'::text AS content")


def assert_the_row_is_there(data_dir: Path) -> None:
    assert execute(data_dir, "SELECT content FROM kept") == [("a row",)]


@pytest.mark.parametrize(
    ("limit", "megabytes"), [(2**40, None), (8 * 2**30, 1024), (512 * 2**20, 128)]
)
def test_it_keeps_an_eighth_of_the_memory_within_bounds(
    limit: int, megabytes: int | None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "memory.max"
    file.write_text(f"{limit}\n", "ascii")
    monkeypatch.setattr(postgres_launch, "MEMORY_LIMITS", (tmp_path / "none", file))
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    machine = min(max(memory // 8 // 2**20, 128), 2048)
    assert postgres_launch.buffers_mb() == min(machine, megabytes or 2048)
    file.write_text("max\n", "ascii")
    assert postgres_launch.buffers_mb() == machine


def test_the_server_is_started_with_these_buffers(data_dir: Path) -> None:
    sql = "SELECT setting::int / 128 FROM pg_settings WHERE name = 'shared_buffers'"
    assert execute(data_dir, sql) == [(postgres_launch.buffers_mb(),)]


REFUSED = """
import resource, sys
from pathlib import Path
from raiox_site import postgres_launch
resource.setrlimit(resource.RLIMIT_AS, (3 * 2**29, 3 * 2**29))
postgres_launch.buffers_mb = lambda: 2048
postgres_launch.launch(Path(sys.argv[1]))
"""


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="others have no such limit")
def test_where_the_system_refuses_that_memory_it_starts_with_less(data_dir: Path) -> None:
    subprocess.run([sys.executable, "-c", REFUSED, str(data_dir)], check=True, timeout=120)
    sql = "SELECT setting::int / 128 < 2048 FROM pg_settings WHERE name = 'shared_buffers'"
    assert execute(data_dir, sql) == [(True,)]


def test_it_starts_keeps_its_data_over_a_stop_and_has_pgvector(data_dir: Path) -> None:
    write_a_row(data_dir)
    execute(data_dir, "CREATE EXTENSION vector")

    assert embedded_postgres.stop(data_dir)
    assert not embedded_postgres.is_running(data_dir)
    assert not embedded_postgres.stop(data_dir)

    assert_the_row_is_there(data_dir)
    assert embedded_postgres.is_running(data_dir)


def test_case_is_folded_for_accented_letters_too(data_dir: Path) -> None:
    assert execute(data_dir, "SELECT upper('maçã')") == [("MAÇÃ",)]


@pytest.mark.usefixtures("dead_servers_stay_zombies")
def test_the_log_does_not_quote_what_a_failed_statement_wanted_to_write(data_dir: Path) -> None:
    execute(data_dir, "CREATE TABLE people (name text UNIQUE, age int CHECK (age > 0))")
    execute(data_dir, "INSERT INTO people VALUES ('Paciente Fictício', 1)")
    for values in ("'Paciente Fictício', 2", "'Outro Fictício', -1", "'Mais Fictício', 'x'"):
        with pytest.raises(psycopg2.Error):
            execute(data_dir, f"INSERT INTO people VALUES ({values})")

    written = (data_dir / "log").read_text(encoding="utf-8")

    assert "people_name_key" in written
    assert "Fictício" not in written


def test_a_killed_server_that_stays_a_zombie_is_replaced(data_dir: Path) -> None:
    write_a_row(data_dir)
    killed = postmaster(data_dir)
    killed.kill()
    assert wait_until(lambda: killed.status() == psutil.STATUS_ZOMBIE, 5)

    assert not embedded_postgres.is_running(data_dir)
    assert_the_row_is_there(data_dir)
    assert postmaster(data_dir) != killed


def test_a_pid_file_that_names_another_program_is_not_believed(data_dir: Path) -> None:
    write_a_row(data_dir)
    embedded_postgres.stop(data_dir)
    pid_file = data_dir / "postmaster.pid"
    pid_file.write_text(f"{os.getpid()}\n{data_dir}\n0\n5432\n{data_dir}\n\n0 0\nready\n")
    (data_dir / ".s.PGSQL.5432.lock").write_text(f"{os.getpid()}\n{data_dir}\n0\n5432\n\n")

    assert not embedded_postgres.is_running(data_dir)
    assert_the_row_is_there(data_dir)


def test_an_empty_pid_file_is_healed(data_dir: Path) -> None:
    write_a_row(data_dir)
    embedded_postgres.stop(data_dir)
    (data_dir / "postmaster.pid").write_text("")

    assert_the_row_is_there(data_dir)


def test_a_copy_of_a_running_directory_does_not_lead_to_the_original(data_dir: Path) -> None:
    write_a_row(data_dir)
    copied = data_dir.with_name("copy")
    shutil.copytree(data_dir, copied, ignore=shutil.ignore_patterns(".s.PGSQL*"))
    for path in (copied, *copied.rglob("*")):
        os.chown(path, data_dir.stat().st_uid, data_dir.stat().st_gid)

    try:
        execute(copied, "DROP TABLE IF EXISTS kept")
        assert postmaster(copied) != postmaster(data_dir)
    finally:
        embedded_postgres.stop(copied)
    assert_the_row_is_there(data_dir)


def test_a_first_start_that_was_killed_half_way_is_begun_anew(data_dir: Path) -> None:
    unfinished = data_dir.with_name("data.new")
    unfinished.mkdir()
    (unfinished / "PG_VERSION").write_text("18\n")

    write_a_row(data_dir)


def test_four_processes_starting_at_once_get_one_server(data_dir: Path) -> None:
    command = [sys.executable, "-m", "raiox_site.embedded_postgres", "url", str(data_dir)]

    def start(_: int) -> str:
        return subprocess.run(command, check=True, capture_output=True, text=True).stdout

    with ThreadPoolExecutor(4) as pool:
        urls = set(pool.map(start, range(4)))

    assert urls == {embedded_postgres.database_url(data_dir) + "\n"}


def test_a_path_too_long_for_a_socket_is_no_obstacle(data_dir: Path) -> None:
    deep = data_dir.with_name("d" * 90) / "data"
    try:
        write_a_row(deep)
        assert_the_row_is_there(deep)
    finally:
        embedded_postgres.stop(deep)


def test_a_server_in_use_is_spared_where_only_an_idle_one_may_stop(data_dir: Path) -> None:
    url = embedded_postgres.database_url(data_dir)
    with contextlib.closing(psycopg2.connect(url)):
        assert not embedded_postgres.stop(data_dir, only_idle=True)
    assert wait_until(lambda: embedded_postgres.stop(data_dir, only_idle=True), 5)


def test_the_guard_revives_a_killed_server_and_stops_it_at_the_end(data_dir: Path) -> None:
    write_a_row(data_dir)
    stopping = threading.Event()
    guard = threading.Thread(target=embedded_postgres.guard, args=(data_dir, stopping))
    guard.start()
    try:
        killed = postmaster(data_dir)
        killed.kill()
        assert wait_until(lambda: not embedded_postgres.is_running(data_dir), 5)
        assert wait_until(lambda: embedded_postgres.is_running(data_dir), 15)
    finally:
        stopping.set()
        guard.join(30)
    assert not embedded_postgres.is_running(data_dir)
    assert_the_row_is_there(data_dir)


def test_a_killed_guard_leaves_the_server_to_the_next_one(data_dir: Path) -> None:
    command = [sys.executable, "-m", "raiox_site.embedded_postgres", "guard", str(data_dir)]
    first = subprocess.Popen(command)
    assert wait_until(lambda: embedded_postgres.is_running(data_dir), 15)
    server = postmaster(data_dir)
    first.kill()
    first.wait()
    assert embedded_postgres.is_running(data_dir)

    second = subprocess.Popen(command)
    write_a_row(data_dir)
    assert postmaster(data_dir) == server
    # Only a guard that has taken over brings it back, and ends as it should.
    server.kill()
    assert wait_until(lambda: not embedded_postgres.is_running(data_dir), 5)
    assert wait_until(lambda: embedded_postgres.is_running(data_dir), 30)
    second.terminate()
    assert second.wait(30) == 0
    assert not embedded_postgres.is_running(data_dir)
