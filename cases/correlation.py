"""The id that ties together what one request or task did, in logs and in the history."""

import re
import uuid
from contextvars import ContextVar
from typing import Any

_current: ContextVar[str] = ContextVar("correlation_id", default="")
_ACCEPTABLE = re.compile(r"[A-Za-z0-9._-]{8,64}")


def current() -> str:
    return _current.get()


def start(proposed: str = "") -> str:
    """Begin a new scope. A proposed id is taken over when it is harmless to log."""
    chosen = proposed if _ACCEPTABLE.fullmatch(proposed) else uuid.uuid4().hex
    _current.set(chosen)
    return chosen


def start_task(**kwargs: Any) -> None:
    """Every task of the queue is a scope of its own."""
    start()
