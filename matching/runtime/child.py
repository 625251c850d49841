"""The program that loads a network with torch, once, and leaves it as ONNX: torch and what
loading needs are gone with the process. Reads one JSON object, answers with one.

`python -m matching.runtime.child`: not a management command, because no settings are needed.
"""

import json
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from matching.runtime.names import NETWORK, Runtime


@dataclass(frozen=True)
class Tower:
    """A request for the image tower that an encoder's name stands for."""

    name: str
    base_dir: str
    cache_dir: str
    bundled_dir: str
    runtime: str
    threads: int


def main() -> int:
    asked = json.load(sys.stdin)
    # Libraries print what they will.
    out, sys.stdout = sys.stdout, sys.stderr
    try:
        answer = _made(asked)
    except Exception as error:  # The boundary of this process.
        answer = {"error": str(error) or type(error).__name__, "kind": type(error).__name__}
    json.dump(answer, out)
    return 0


def _made(asked: dict[str, Any]) -> dict[str, Any]:
    folder = Path(asked["folder"])
    if asked["what"] == "tower":
        return _tower(Tower(**asked["asked"]), folder)
    return _network(asked["asked"], folder)


def _tower(asked: Tower, folder: Path) -> dict[str, Any]:
    from matching import loading
    from matching.runtime import export, precision

    source = loading.Source(
        asked.name, Path(asked.base_dir), Path(asked.cache_dir), Path(asked.bundled_dir)
    )
    tower = loading.load(source, threads=asked.threads)
    about: dict[str, Any] = {"size": tower.size, "digest": tower.digest}
    model = export.tower(tower.net, size=tower.size)
    # What is measured next needs as much memory again.
    del tower
    try:
        best = precision.chosen(
            model, size=about["size"], wanted=Runtime(asked.runtime), threads=asked.threads
        )
    except precision.Refused as error:
        raise loading.EncoderError(f"RAIOX_ENCODER={asked.name}: {error}") from error
    (folder / NETWORK).write_bytes(best.model)
    return {**about, "precision": best.precision.value, "measured": best.measured}


def _network(asked: dict[str, str], folder: Path) -> dict[str, Any]:
    from matching.finding import exporting

    model = exporting.exported(asked["network"], weights=Path(asked["weights"]))
    (folder / NETWORK).write_bytes(model)
    return {}


if __name__ == "__main__":
    sys.exit(main())
