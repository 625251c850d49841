"""Jotform at its worst: one failure after the other, while answers are written and read."""

import threading
from collections import Counter
from random import Random
from typing import Any

from integrations.jotform.simulation.standin import Fault, Late
from raiox_site.trial.desk import Desk

PAUSE_SECONDS = 0.8
SHARE_OF_FILES = 0.15
ANY, EDIT = "", "POST"
# A daily limit would end the trial for the day; “Form Over Quota” and Retry-After stand for it.
FAULTS: list[tuple[Fault, str, dict[str, Any]]] = [
    (Fault.ENVELOPE, ANY, {"code": 500}),
    (Fault.STATUS, ANY, {"code": 500}),
    (Fault.STATUS, ANY, {"code": 503, "message": "rate limits etc exceeded"}),
    (Fault.STATUS, ANY, {"code": 429, "retry_after": "5"}),
    (Fault.OVER_QUOTA, ANY, {}),
    (Fault.SLOW, ANY, {}),
    (Fault.BROKEN_JSON, ANY, {}),
    (Fault.HTML, ANY, {"code": 200}),
    (Fault.HTML, ANY, {"code": 502}),
    (Fault.RESET, ANY, {}),
    (Fault.REDIRECT, ANY, {}),
    (Fault.REFUSE, EDIT, {}),
    (Fault.RESET_AFTER_APPLYING, EDIT, {}),
    (Fault.RESET_AFTER_APPLYING, EDIT, {}),
    (Fault.APPLIED_IN_PART, EDIT, {}),
    (Fault.SHOWN_LATE, EDIT, {"reads": 1}),
    (Fault.SHOWN_LATE, EDIT, {"reads": 2}),
]


class Trouble:
    """`injected` counts the failures that were asked for, `left` those that met no request."""

    def __init__(self, desk: Desk, *, seed: int) -> None:
        self.injected: Counter[str] = Counter()
        self._desk = desk
        self._rng = Random(seed)  # noqa: S311 # nosec B311 # invented data, the same for a seed

    def run(self, stopping: threading.Event) -> None:
        while not stopping.wait(PAUSE_SECONDS * self._rng.uniform(0.5, 1.5)):
            self._once()
        with self._desk.standin.lock:
            self._desk.standin.faults.clear()

    def _once(self) -> None:
        if self._rng.random() < SHARE_OF_FILES:
            how = self._rng.choice(list(Late))
            self._desk.standin.be_late(self._rng.choice(self._desk.film_paths()), how)
            self.injected[f"film: {how.value}"] += 1
            return
        fault, method, details = self._rng.choice(FAULTS)
        self._desk.standin.misbehave(fault, method=method, **details)
        self.injected[fault.name] += 1
