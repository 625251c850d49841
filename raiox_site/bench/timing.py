"""Timing requests through the whole middleware stack, in this process, without a network."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from statistics import median

from django.contrib.auth.models import User
from django.core.signals import request_finished
from django.db import close_old_connections, connection
from django.http import HttpResponseBase
from django.test import Client
from django.test.utils import CaptureQueriesContext

from raiox_site.bench.failures import NotAnswered

WARM_UP = 2


@dataclass(frozen=True)
class Measured:
    """Milliseconds of several requests, and the queries of one."""

    name: str
    times: Sequence[float]
    queries: int

    @property
    def median(self) -> float:
        return median(self.times)

    @property
    def p95(self) -> float:
        return sorted(self.times)[-(-95 * len(self.times) // 100) - 1]


def client_of(user: User) -> Client:
    """A browser of this user, on the host that the settings allow."""
    # Each request would else end by looking whether its connection is too old.
    request_finished.disconnect(close_old_connections)
    client = Client(SERVER_NAME="localhost", raise_request_exception=True)
    client.force_login(user)
    return client


def measure(name: str, request: Callable[[], HttpResponseBase], *, times: int) -> Measured:
    """Raises NotAnswered for a status that is no success."""
    for _number in range(WARM_UP):
        _checked(name, request())
    with CaptureQueriesContext(connection) as captured:
        _checked(name, request())
    # The next request empties the log that they are read from.
    queries = len(captured)
    taken = []
    for _number in range(times):
        start = time.perf_counter()
        response = request()
        taken.append((time.perf_counter() - start) * 1000)
        _checked(name, response)
    return Measured(name, taken, queries)


def table(measured: Sequence[Measured], *, target_ms: float) -> list[str]:
    """Lines of text; the ratio is that of the p95 to the target."""
    width = max(len(one.name) for one in measured)
    head = f"{'':<{width}}  {'median':>8}  {'p95':>8}  {'of target':>9}  {'queries':>7}"
    rows = [
        f"{one.name:<{width}}  {one.median:>5.0f} ms  {one.p95:>5.0f} ms"
        f"  {one.p95 / target_ms:>8.0%}  {one.queries:>7}"
        for one in measured
    ]
    return [head, *rows]


def _checked(name: str, response: HttpResponseBase) -> None:
    if response.status_code not in (200, 201, 204, 302, 304):
        raise NotAnswered(f"{name}: answered with {response.status_code}")
