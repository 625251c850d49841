"""The people in the clinic: they decide what awaits review, through the API."""

import itertools
import threading
from collections import Counter
from http import HTTPStatus
from random import Random
from typing import Any

import requests

TIMEOUT = 15
SHARE_REJECTED = 0.15
SHARE_DECIDED_TWICE = 0.05


class Reviewer:
    """Decides a share of the pending cases each round, all of them once `is_hasty`. Each
    decision carries a mark of its own (`T000001`), by which it is known again at Jotform."""

    marks = itertools.count(1)

    def __init__(self, base: str, username: str, password: str, *, seed: int) -> None:
        self.is_hasty = False
        self.answers: Counter[int] = Counter()
        self._base, self._username, self._password = base, username, password
        self._rng = Random(seed)  # noqa: S311 # nosec B311 # invented data, the same for a seed
        self._session = requests.Session()
        self._session.trust_env = False

    def run(self, stopping: threading.Event) -> None:
        while not stopping.wait(0.5):
            # The web is killed now and then: the next round finds it again.
            try:
                self._round(stopping)
            except requests.RequestException:
                continue

    def _round(self, stopping: threading.Event) -> None:
        answer = self._call("GET", "/cases?status=pending&limit=40")
        if answer.status_code != HTTPStatus.OK:
            return
        cases = answer.json()
        self._rng.shuffle(cases)
        for case in cases:
            if stopping.is_set():
                return
            if self.is_hasty or self._rng.random() < 0.3:
                self._decide(case)

    def _decide(self, case: dict[str, Any]) -> None:
        action, body = self._decision(case)
        times = 2 if self._rng.random() < SHARE_DECIDED_TWICE else 1
        for _time in range(times):
            answer = self._call("POST", f"/cases/{case['id']}/{action}", json=body)
            self.answers[answer.status_code] += 1

    def _decision(self, case: dict[str, Any]) -> tuple[str, dict[str, Any]]:
        mark = f"T{next(self.marks):06d}"
        results = [result for image in case["images"] for result in image["results"]]
        found = sorted({result["implant_id"] for result in results})
        if not found or self._rng.random() < SHARE_REJECTED:
            return "reject", {"reason": f"Filme ilegível, {mark}.", "revision": case["revision"]}
        chosen = self._rng.sample(found, min(len(found), self._rng.choice((1, 1, 2))))
        note = f"Conferir a altura, {mark}."
        return "approve", {"implant_ids": chosen, "note": note, "revision": case["revision"]}

    def _call(self, method: str, path: str, **how: Any) -> requests.Response:
        answer = self._session.request(method, self._base + path, timeout=TIMEOUT, **how)
        if answer.status_code == HTTPStatus.UNAUTHORIZED:
            self._log_in()
            answer = self._session.request(method, self._base + path, timeout=TIMEOUT, **how)
        return answer

    def _log_in(self) -> None:
        answer = self._session.post(
            f"{self._base}/auth/token",
            json={"username": self._username, "password": self._password},
            timeout=TIMEOUT,
        )
        answer.raise_for_status()
        self._session.headers["Authorization"] = f"Bearer {answer.json()['access']}"
