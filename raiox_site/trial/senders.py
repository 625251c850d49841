"""Carrying out a plan: many senders at once, who repeat what was not taken, at another door where
there are several."""

import queue
import threading
import time
from collections import Counter
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor

import requests

from integrations.jotform.simulation.standin import post_webhook
from raiox_site.trial.desk import Desk
from raiox_site.trial.plan import Delivery, Edit, Plan

SENDERS = 16
NO_ANSWER = 0


class Senders:
    """`accepted` are the numbers of deliveries that were answered with 200, `answers` counts
    the HTTP statuses of all attempts."""

    def __init__(self, plan: Plan, desk: Desk, *, doors: Sequence[str], seconds: float) -> None:
        self.accepted: set[int] = set()
        self.answers: Counter[int] = Counter()
        self._desk, self._doors, self._seconds = desk, doors, seconds
        self._lock = threading.Lock()
        self._steps: queue.SimpleQueue[Delivery | Edit] = queue.SimpleQueue()
        for step in plan.steps:
            self._steps.put(step)

    def run(self, stopping: threading.Event) -> None:
        """Raises what a sender stumbled upon, apart from the web being down."""
        started = time.monotonic()
        with ThreadPoolExecutor(SENDERS) as pool:
            ends = [pool.submit(self._work, started, stopping) for _sender in range(SENDERS)]
        for end in ends:
            end.result()

    def _work(self, started: float, stopping: threading.Event) -> None:
        while not stopping.is_set():
            try:
                step = self._steps.get_nowait()
            except queue.Empty:
                return
            stopping.wait(max(started + step.at * self._seconds - time.monotonic(), 0.0))
            if isinstance(step, Edit):
                self._desk.edit(step)
            else:
                self._deliver(step, stopping.wait)

    def _deliver(self, delivery: Delivery, pause: Callable[[float], bool]) -> None:
        fields = self._desk.fields(delivery)
        status, tried = NO_ANSWER, 0
        while status == NO_ANSWER or status >= 500:
            status = self._attempt(
                self._doors[(delivery.number + tried) % len(self._doors)], fields
            )
            tried += 1
            with self._lock:
                self.answers[status] += 1
                if status == 200:
                    self.accepted.add(delivery.number)
            if status != 200 and pause(0.5):
                return

    def _attempt(self, door: str, fields: list[tuple[str, str]]) -> int:
        try:
            return post_webhook(door, fields, timeout=10).status_code
        except requests.RequestException:
            return NO_ANSWER
