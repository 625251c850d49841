"""The decoders of this process: two at most, started when they are needed, kept warm."""

import atexit
import logging
import os
import threading
import time

from matching.decoding.answers import Grey, Outcome, Refused
from matching.decoding.process import Decoder, Ended, OutOfTime

log = logging.getLogger(__name__)

# A film of the permitted size takes some hundred MB while it is decoded: two at a time keep
# the memory of a machine bounded, however many threads ask.
DECODERS = 2
# Of the time that a film has, the part it may wait for others.
WAITING = 0.4
# Libraries leak; a fresh process does not.
FILMS_EACH = 1000


class Busy(Exception):
    """No decoder became free in time, or none could be started."""


class Pool:
    """Any thread may ask. A process that is forked off starts decoders of its own."""

    _idle: list[Decoder]
    _decoders: set[Decoder]

    def __init__(self, size: int = DECODERS) -> None:
        self._size = size
        self._forget()

    def read(self, data: bytes, *, most_pixels: int, seconds: float) -> Grey:
        """The film in `data`, or why there is none, at most `seconds` from now.

        Raises Refused and Busy. What ends a decoder, or takes too long, is damaged.
        """
        deadline = time.monotonic() + seconds
        # Forking while others wait puts another one in its place.
        free = self._free
        if not free.acquire(timeout=seconds * WAITING):
            raise Busy
        try:
            return self._asked_again(data, most_pixels, deadline)
        finally:
            free.release()

    def pids(self) -> list[int]:
        """Of the decoders that run."""
        with self._lock:
            return [decoder.pid for decoder in self._decoders if decoder.is_alive]

    def close(self) -> None:
        with self._lock:
            decoders, self._decoders, self._idle = self._decoders, set(), []
        for decoder in decoders:
            decoder.close()

    def after_fork(self) -> None:
        """In the new process: the pipes are its parent's, and kept open would keep the decoders
        waiting when the parent is gone."""
        for decoder in self._decoders:
            decoder.forget()
        self._forget()

    def _forget(self) -> None:
        self._lock = threading.Lock()
        self._free = threading.BoundedSemaphore(self._size)
        self._idle = []
        self._decoders = set()

    def _asked_again(self, data: bytes, most_pixels: int, deadline: float) -> Grey:
        """A decoder that somebody ended says nothing about the file: once more, with another."""
        try:
            return self._asked(data, most_pixels, deadline)
        except Ended as ended:
            _note(data, str(ended))
            if ended.by_file:
                raise Refused(Outcome.DAMAGED) from None
        try:
            return self._asked(data, most_pixels, deadline)
        except Ended as ended:
            _note(data, str(ended))
            raise Refused(Outcome.DAMAGED) from None

    def _asked(self, data: bytes, most_pixels: int, deadline: float) -> Grey:
        decoder, is_sound = self._taken(), False
        try:
            grey = decoder.ask(data, most_pixels=most_pixels, deadline=deadline)
            is_sound = True
        except Refused as refusal:
            is_sound = refusal.outcome is not Outcome.TOO_DEMANDING
            raise
        except OutOfTime:
            _note(data, "took too long")
            raise Refused(Outcome.TOO_DEMANDING) from None
        finally:
            self._put_back(decoder, is_sound=is_sound)
        return grey

    def _taken(self) -> Decoder:
        with self._lock:
            while self._idle:
                decoder = self._idle.pop()
                if decoder.is_alive:
                    return decoder
                self._decoders.discard(decoder)
                decoder.close()
        try:
            decoder = Decoder()
        except OSError as error:
            # No memory, no file descriptor or no process is left: for now.
            log.error("no decoder could be started: %s", error)
            raise Busy from error
        with self._lock:
            self._decoders.add(decoder)
        return decoder

    def _put_back(self, decoder: Decoder, *, is_sound: bool) -> None:
        with self._lock:
            if is_sound and decoder.films < FILMS_EACH and decoder in self._decoders:
                self._idle.append(decoder)
                return
            self._decoders.discard(decoder)
        decoder.close()


def _note(data: bytes, how: str) -> None:
    log.warning("a decoder %s while it read a file of %d bytes", how, len(data))


decoders = Pool()
os.register_at_fork(after_in_child=decoders.after_fork)
atexit.register(decoders.close)
