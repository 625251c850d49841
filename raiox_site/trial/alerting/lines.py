"""Whether what the processes wrote can be read by machines, and by anybody."""

import json
from collections.abc import Iterable
from pathlib import Path

import requests

from cases import correlation
from raiox_site import running
from raiox_site.trial.alerting import material
from raiox_site.trial.alerting.scene import Scene

ID = "trial-of-one-id"
WEB, WORKER = "raiox_site.middleware", "cases.outcome"


def problems(scene: Scene, *, forbidden: Iterable[str]) -> list[str]:
    """What is wrong with the log, as sentences. Raises TimeoutError when no case is compared."""
    requests.get(f"{scene.base}/implants?patient=Maria", headers={"X-Request-ID": ID}, timeout=30)
    correlation.start(ID)
    material.waiting_case(scene)
    correlation.end()
    running.wait_for(lambda: {WEB, WORKER} <= _loggers(scene.log), 30)
    text = scene.log.read_text(errors="replace")
    others = [line for line in text.splitlines() if line and not _is_whole(line)]
    found = [f"a line is no JSON with a correlation id: {line[:100]}" for line in others[:5]]
    told = ["Maria", *forbidden]
    return found + ["the log says what it must not" for one in told if one and one in text]


def _loggers(log: Path) -> set[str]:
    """Who wrote with the id that the request and the case had."""
    lines = [line for line in log.read_text(errors="replace").splitlines() if ID in line]
    return {json.loads(line)["logger"] for line in lines if _is_whole(line)}


def _is_whole(line: str) -> bool:
    try:
        said = json.loads(line)
    except ValueError:
        return False
    return isinstance(said, dict) and bool(said.get("correlation_id"))
