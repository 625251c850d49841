"""Which encoder this process compares films with, after another one was switched to.

`matching.switching` writes one row. Every process that serves looks at it now and then, loads
the encoder that it names in the background while the one in use goes on working, and then uses
the new one from the next request or task on. Whatever belongs to one request or task uses one
encoder from its beginning to its end: a film is never compared with vectors of another.
"""

import atexit
import logging
import threading
import time
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any

from django.conf import settings
from django.core.signals import request_finished, request_started
from django.db import Error, transaction
from django_q.signals import post_execute_in_worker, pre_execute

from matching import encoder as encoders
from matching.encoder import EXIT_WAIT_SECONDS, ClipEncoder, EncoderError
from matching.models import EncoderChoice

log = logging.getLogger(__name__)

# How long an encoder that could not be loaded is left alone: a hub may answer again.
RETRY_SECONDS = 300.0


@dataclass(frozen=True)
class Choice:
    """What was switched to: `encoder` is its id, `instead_of` what RAIOX_ENCODER said then."""

    name: str
    encoder: str
    instead_of: str


@dataclass
class _Held:
    """What one request or task uses, from the first time on that it asks."""

    encoder: ClipEncoder | None = None


_held: ContextVar[_Held | None] = ContextVar("encoder", default=None)


def begin(**kwargs: Any) -> None:
    """A request or task begins in this thread."""
    _held.set(_Held())


def end(**kwargs: Any) -> None:
    _held.set(None)


class Following:
    """The state of one process: what was switched to, and what is used instead of the
    configured encoder (None: nothing)."""

    def __init__(self) -> None:
        self.choice: Choice | None = None
        self.trouble = ""
        self._instead: ClipEncoder | None = None
        self._chosen: ClipEncoder | None = None
        self._chosen_for: Choice | None = None
        self._chosen_at = 0.0
        self._loading: threading.Thread | None = None
        self._lock = threading.RLock()
        self._looking = threading.Lock()
        self._looked_at: float | None = None

    def encoder(self, configured: ClipEncoder) -> ClipEncoder:
        """The encoder to use now. While another one is being loaded, the one that works."""
        held = _held.get()
        if held and held.encoder and not self._is_useless(held.encoder):
            return held.encoder
        self._look(is_serving=held is not None)
        with self._lock:
            found = self._followed(configured)
        if held:
            held.encoder = found
        return found

    def _followed(self, configured: ClipEncoder) -> ClipEncoder:
        current = self._instead or configured
        wanted = self._wanted(configured)
        if wanted is current:
            return current
        if current.is_loaded and not wanted.is_loaded and not self._is_useless(current):
            self._load(wanted)
            return current
        log.info("Films are compared with %s from now on", wanted.name)
        self._instead = None if wanted is configured else wanted
        if self._instead is not None:
            encoders.release(configured)
        return wanted

    def _wanted(self, configured: ClipEncoder) -> ClipEncoder:
        if self.choice is None or self.choice.instead_of != configured.name:
            self.trouble = ""
            return configured
        chosen = self._chosen_encoder(self.choice, configured)
        self.trouble = _trouble(chosen, self.choice)
        if not self.trouble:
            return chosen
        # The last one that worked, as long as it is not this one.
        return configured if self._instead in (None, chosen) else self._instead or configured

    def _chosen_encoder(self, choice: Choice, configured: ClipEncoder) -> ClipEncoder:
        is_new = self._chosen is None or self._chosen_for != choice
        waited = time.monotonic() - self._chosen_at
        if self._chosen is None or is_new or (self.trouble and waited > RETRY_SECONDS):
            known = [one for one in (self._instead, configured) if one and one.name == choice.name]
            usable = [one for one in known if not _trouble(one, choice)]
            self._chosen = usable[0] if usable else encoders.make_encoder(choice.name)
            self._chosen_for, self._chosen_at = choice, time.monotonic()
        return self._chosen

    def _is_useless(self, encoder: ClipEncoder) -> bool:
        choice = self._chosen_for
        is_wrong = encoder is self._chosen and choice is not None and _trouble(encoder, choice)
        return bool(encoder.problem or is_wrong)

    def _load(self, wanted: ClipEncoder) -> None:
        if self._loading is None or not self._loading.is_alive():
            self._loading = threading.Thread(
                target=_load, args=[wanted], name="next-encoder", daemon=True
            )
            self._loading.start()
            # A process that ends while torch starts its threads is aborted, with a core dump.
            atexit.register(self._loading.join, EXIT_WAIT_SECONDS)

    def _look(self, *, is_serving: bool) -> None:
        """Read the row: at the first need, and then, while serving, every few seconds."""
        if not self._is_due(is_serving):
            return
        # At the beginning everybody waits for the answer; later one looks for all.
        if not self._looking.acquire(blocking=self._looked_at is None):
            return
        try:
            if self._is_due(is_serving):
                self.choice = _written()
        except Error:
            # What was true a moment ago: a search could not be answered now anyhow.
            log.warning("The database does not say which encoder is in use")
        finally:
            self._looked_at = time.monotonic()
            self._looking.release()

    def _is_due(self, is_serving: bool) -> bool:
        seconds = settings.RAIOX_FOLLOW_SECONDS
        if seconds is None:
            return False
        if self._looked_at is None:
            return True
        return is_serving and time.monotonic() - self._looked_at >= seconds


def _written() -> Choice | None:
    # Within a transaction of the caller a failure undoes no more than this.
    with transaction.atomic():
        row = EncoderChoice.objects.values("name", "encoder", "instead_of").first()
    return Choice(**row) if row else None


def _trouble(chosen: ClipEncoder, choice: Choice) -> str:
    if chosen.problem:
        return chosen.problem
    if chosen.is_loaded and digest(chosen.id) != digest(choice.encoder):
        return "its weights here are not those that were switched to"
    return ""


def digest(encoder: str) -> str:
    """The digest of the weights within an encoder's id."""
    return encoder.partition("@")[2].partition("/")[0]


def _load(encoder: ClipEncoder) -> None:
    try:
        encoder.load()
    except EncoderError as error:
        log.error("The encoder that was switched to cannot be loaded here: %s", error)


_process = Following()


def note() -> str:
    """Why this process does not use the encoder that was switched to; empty where it does."""
    choice, used = _process.choice, encoders.get_encoder()
    if choice is None or choice.instead_of != encoders.configured_name():
        return ""
    if _process.trouble:
        return (
            f"{choice.name}, which was switched to, cannot be used here ({_process.trouble}): "
            f"films are compared with {used.name}"
        )
    if used.name != choice.name:
        return f"{choice.name} is being loaded: films are compared with {used.name} meanwhile"
    return ""


def install() -> None:
    encoders.chosen_by(lambda configured: _process.encoder(configured))
    for signal in (request_started, pre_execute):
        signal.connect(begin, weak=False, dispatch_uid="matching.following.begin")
    for signal in (request_finished, post_execute_in_worker):
        signal.connect(end, weak=False, dispatch_uid="matching.following.end")
