"""The id that ties together what one request or task did, in logs and in the history.

A task takes the id of the request that put it on the queue along; what runs by the clock has
one of its own.
"""

import re
import uuid
from contextvars import ContextVar
from typing import Any

_current: ContextVar[str] = ContextVar("correlation_id", default="")
_ACCEPTABLE = re.compile(r"[A-Za-z0-9._-]{1,64}")
_KEY = "correlation_id"


def known() -> str:
    """The id of what is going on; empty outside of every request, task and command."""
    return _current.get()


def current() -> str:
    """The id for a line of a history; what has none yet, as a command, is given one."""
    return _current.get() or start()


def start(proposed: object = "") -> str:
    """Begin a new scope. A proposed id is taken over when it is harmless to log."""
    is_acceptable = isinstance(proposed, str) and _ACCEPTABLE.fullmatch(proposed)
    chosen = str(proposed) if is_acceptable else uuid.uuid4().hex
    _current.set(chosen)
    return chosen


def end() -> None:
    _current.set("")


def travel_with_tasks() -> None:
    """Have every task carry the id from where it was put on the queue to where it runs."""
    # The settings of the log import this module, before there are models.
    from django_q.signals import post_execute, post_execute_in_worker, pre_enqueue, pre_execute

    pre_enqueue.connect(_hand_on, dispatch_uid="correlation.hand_on")
    pre_execute.connect(_take_up, dispatch_uid="correlation.take_up")
    post_execute_in_worker.connect(_let_go, dispatch_uid="correlation.let_go")
    # In another process, which then says how the task went.
    post_execute.connect(_take_up, dispatch_uid="correlation.tell_of")


def _hand_on(task: dict[str, Any], **kwargs: Any) -> None:
    if known():
        task[_KEY] = known()


def _take_up(task: dict[str, Any], **kwargs: Any) -> None:
    task[_KEY] = start(task.get(_KEY, ""))


def _let_go(**kwargs: Any) -> None:
    end()
