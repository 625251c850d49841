"""Networks below `<models>/networks`, each in a folder named by all that it was made from.

Who finds no folder has a child process make it (`matching.runtime.child`); others wait for it,
in whichever process they are.
"""

import fcntl
import hashlib
import json
import logging
import os
import re
import shutil
import subprocess  # nosec B404 # our own program, without a shell
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import cache
from importlib import metadata
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from matching.runtime.names import ABOUT, NETWORK

log = logging.getLogger(__name__)

# Counts up when the same weights shall be exported in another way.
RECIPE = 1
MADE_WITH = ("torch", "open_clip_torch", "onnx", "onnxruntime")
# torch starts in seconds; weights that a hub must give first take minutes.
CHILD_SECONDS = 900
ROOT = Path(__file__).resolve().parents[2]
UNUSED_SECONDS = 30 * 86_400
NEW = ".new-"
UNUSUAL = re.compile(r"[^A-Za-z0-9._-]")
CPU_INFO = Path("/proc/cpuinfo")


class PreparationError(RuntimeError):
    """No network could be made. `kind` is the class of what went wrong in the child process,
    empty where that did not come to an end. `str()` says what."""

    def __init__(self, message: str, *, kind: str = "") -> None:
        super().__init__(message)
        self.kind = kind


@dataclass(frozen=True)
class Prepared:
    """A network's file, and what its child process said of it."""

    file: Path
    about: dict[str, Any]


def prepared(
    *, models: Path, what: str, named: str, asked: Mapping[str, Any], made_from: Mapping[str, Any]
) -> Prepared:
    """The network that `asked` (see `matching.runtime.child`) describes, made now where there is
    none yet of what it is `made_from`. Ones of the same `named` go that were not used for long.

    Raises PreparationError.
    """
    named = UNUSUAL.sub("-", named)
    folder = models / "networks" / f"{named}-{_key(made_from)}"
    try:
        if (found := _read(folder)) is not None:
            with suppress(OSError):
                os.utime(folder)
            return found
        folder.parent.mkdir(parents=True, exist_ok=True)
        with _alone(folder.parent / f"{named}.lock"):
            if (found := _read(folder)) is None:
                found = _make(folder, what=what, asked=asked)
                _forget_others(folder, named)
            return found
    except OSError as error:
        raise PreparationError(f"{folder.parent}: {error.strerror or error}") from error


def forget(found: Prepared) -> None:
    """A network that cannot be run, because its file is damaged."""
    shutil.rmtree(found.file.parent, ignore_errors=True)


def _key(made_from: Mapping[str, Any]) -> str:
    everything = {**made_from, "recipe": RECIPE, "processor": _processor()}
    everything |= {name: metadata.version(name) for name in MADE_WITH}
    return hashlib.sha256(json.dumps(everything, sort_keys=True).encode()).hexdigest()[:16]


@cache
def _processor() -> str:
    """What is quickest differs between processors, and a folder may move to another host."""
    try:
        lines = CPU_INFO.read_text(errors="replace").splitlines()
    except OSError:
        return ""
    told = [line for line in lines if line.startswith(("model name", "flags", "Features"))]
    return hashlib.sha256("\n".join(sorted(set(told))).encode()).hexdigest()[:16]


def _read(folder: Path) -> Prepared | None:
    try:
        about = json.loads((folder / ABOUT).read_text())
    except (OSError, ValueError):
        return None
    return Prepared(folder / NETWORK, about) if (folder / NETWORK).is_file() else None


@contextmanager
def _alone(file: Path) -> Iterator[None]:
    with file.open("w") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        yield


def _make(folder: Path, *, what: str, asked: Mapping[str, Any]) -> Prepared:
    with TemporaryDirectory(prefix=NEW, dir=folder.parent) as new:
        about = _child({"what": what, "asked": dict(asked), "folder": new})
        (Path(new) / ABOUT).write_text(json.dumps(about, indent=1))
        # Whoever made it: weights are no secret, and another user may run them.
        Path(new).chmod(0o755)
        shutil.rmtree(folder, ignore_errors=True)
        Path(new).rename(folder)
    found = _read(folder)
    if found is None:
        raise PreparationError("the network that was made cannot be read")
    log.info("made the network %s", folder.name)
    return found


def _child(request: dict[str, Any]) -> dict[str, Any]:
    try:
        ended = subprocess.run(  # nosec B603 # our own program
            [sys.executable, "-m", "matching.runtime.child"],
            input=json.dumps(request),
            capture_output=True,
            text=True,
            cwd=ROOT,
            env=dict(os.environ),
            timeout=CHILD_SECONDS,
            check=False,
        )
        answer = json.loads(ended.stdout or "null")
    except (ValueError, subprocess.TimeoutExpired) as error:
        raise PreparationError("the process that makes it did not answer") from error
    if not isinstance(answer, dict):
        last = ended.stderr.strip().splitlines()[-1:] or [f"exit {ended.returncode}"]
        raise PreparationError(f"the process that makes it ended: {last[0][:200]}")
    if "error" in answer:
        raise PreparationError(str(answer["error"]), kind=str(answer.get("kind", "")))
    return answer


def _forget_others(folder: Path, named: str) -> None:
    """What nobody has started with for long: a release may go back to the one before."""
    old = time.time() - UNUSED_SECONDS
    for other in (*folder.parent.glob(f"{named}-" + "?" * 16), *folder.parent.glob(f"{NEW}*")):
        if other != folder and other.stat().st_mtime < old:
            shutil.rmtree(other, ignore_errors=True)
