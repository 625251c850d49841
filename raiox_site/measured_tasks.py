"""Tasks by name and outcome, counted in the process that runs them."""

import time
from collections.abc import Callable
from typing import Any

from django_q.signals import post_execute_in_worker, pre_execute
from prometheus_client import Counter, Histogram

from matching import measured
from raiox_site.schedules import SCHEDULES

BUCKETS = (0.05, 0.25, 1, 5, 15, 30, 60)
OUTCOMES = {True: "done", False: "failed"}

_tasks = Counter("raiox_tasks", "Tasks that were run", ["task", "outcome"])
_seconds = Histogram("raiox_task_seconds", "How long a task ran", ["task"], buckets=BUCKETS)
_STARTED = "measured_since"


def connect() -> None:
    pre_execute.connect(_begin, dispatch_uid="measured_tasks.begin")
    post_execute_in_worker.connect(_end, dispatch_uid="measured_tasks.end")
    for task, _minutes in SCHEDULES.values():
        for outcome in OUTCOMES.values():
            _tasks.labels(task, outcome)


def _begin(task: dict[str, Any], **kwargs: Any) -> None:
    task[_STARTED] = time.monotonic()


def _end(task: dict[str, Any], func: Callable[..., object] | None, **kwargs: Any) -> None:
    since = task.pop(_STARTED, None)
    is_done = bool(task.get("success", True))
    name = f"{func.__module__}.{func.__qualname__}" if func else "unknown"
    _tasks.labels(name, OUTCOMES[is_done]).inc()
    if not is_done:
        measured.failed(measured.Trouble.TASK)
    if since is not None:
        _seconds.labels(name).observe(time.monotonic() - since)
