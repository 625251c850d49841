"""The files in which the processes of this host count, so that one of them can add them up.

Each service (web, worker) has a folder below one base, each process a file for each kind of
metric. The base is in memory: a process that writes to a mapped file on a full disk is killed.
What processes counted that are gone is summed up in one file, so that neither a count is lost
nor files grow in number when workers are replaced.

prometheus_client decides how to count when it is imported: only functions that run later may.
"""

import fcntl
import hashlib
import os
import shutil
from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING

import environ

if TYPE_CHECKING:
    from prometheus_client.metrics_core import Metric

ROOT = Path(__file__).resolve().parent.parent
MEMORY = Path("/dev/shm")  # nosec B108 # a folder of ours in it is checked to be ours
VARIABLE = "PROMETHEUS_MULTIPROC_DIR"
SUMMED = ("counter", "histogram")
GONE = "gone"


def base() -> Path:
    """RAIOX_METRICS_DIR, else a folder in memory for this user and RAIOX_VAR_DIR, else one below
    RAIOX_VAR_DIR. The same for all services of an installation, and known without Django."""
    if os.environ.get("RAIOX_ENV") != "test":
        environ.Env.read_env(os.environ.get("RAIOX_ENV_FILE") or ROOT / ".env")
    var_dir = Path(os.environ.get("RAIOX_VAR_DIR") or ROOT / "var").resolve()
    if given := os.environ.get("RAIOX_METRICS_DIR"):
        return Path(given)
    if os.access(MEMORY, os.W_OK):
        digest = hashlib.sha256(str(var_dir).encode()).hexdigest()[:12]
        return MEMORY / f"raiox-{os.getuid()}-{digest}"
    return var_dir / "run" / "metrics"


def announce(service: str) -> Path | None:
    """Say to this process and its children where they count. None where no folder of ours can
    be had: then each process counts for itself. Nothing may have been counted before."""
    folder = base() / service
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        is_ours = all(one.stat().st_uid == os.getuid() for one in (folder, folder.parent))
    except OSError:
        is_ours = False
    if not is_ours:
        os.environ.pop(VARIABLE, None)
        return None
    os.environ[VARIABLE] = str(folder)
    return folder


def wipe(folder: Path) -> None:
    """Begin at zero: no process of the service is alive."""
    with _locked(folder):
        for file in folder.glob("*.db"):
            file.unlink(missing_ok=True)


def remove(folder: Path) -> None:
    shutil.rmtree(folder, ignore_errors=True)
    with suppress(OSError):
        folder.parent.rmdir()


def fold(folder: Path, *, living: Collection[int]) -> int:
    """Sum up the files of processes that are not `living`, and delete them; how many."""
    if not folder.is_dir():
        return 0
    with _locked(folder):
        dead = [file for file in folder.glob("*.db") if _is_of_dead(file, living)]
        for kind in SUMMED:
            _sum_up(folder, kind, [file for file in dead if file.name.startswith(f"{kind}_")])
        for file in dead:
            file.unlink(missing_ok=True)
    return len(dead)


def fold_ended() -> int:
    """All processes of the service that this process announced are gone."""
    folder = os.environ.get(VARIABLE)
    return fold(Path(folder), living=()) if folder else 0


def read() -> "list[Metric]":
    """The metrics of all services of this host, added up."""
    from prometheus_client.multiprocess import MultiProcessCollector

    folders = sorted(folder for folder in base().glob("*/") if folder.is_dir())
    with _all_readable(folders):
        files = [str(file) for folder in folders for file in sorted(folder.glob("*.db"))]
        # One that was created in this very moment is empty.
        full = [file for file in files if Path(file).stat().st_size]
        return list(MultiProcessCollector.merge(full))


def _is_of_dead(file: Path, living: Collection[int]) -> bool:
    owner = file.stem.rpartition("_")[2]
    return owner.isdecimal() and int(owner) not in living


def _sum_up(folder: Path, kind: str, files: Iterable[Path]) -> None:
    from prometheus_client.mmap_dict import MmapedDict

    sums: dict[str, float] = defaultdict(float)
    kept = folder / f"{kind}_{GONE}.db"
    for file in (*files, *([kept] if kept.exists() else [])):
        for key, value, _at, _position in MmapedDict.read_all_values_from_file(str(file)):
            sums[key] += value
    if not sums:
        return
    unfinished = folder / f"{kind}_{GONE}.new"
    unfinished.unlink(missing_ok=True)
    written = MmapedDict(str(unfinished))
    for key, value in sums.items():
        written.write_value(key, value, 0.0)
    written.close()
    unfinished.replace(kept)


@contextmanager
def _locked(folder: Path) -> Iterator[None]:
    """Nobody else folds or reads."""
    with open(folder / "lock", "ab") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


@contextmanager
def _all_readable(folders: Iterable[Path]) -> Iterator[None]:
    """Nobody folds while they are read."""
    with ExitStack() as stack:
        for folder in folders:
            lock = stack.enter_context(open(folder / "lock", "ab"))
            fcntl.flock(lock, fcntl.LOCK_SH)
        yield
