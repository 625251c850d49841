"""What every process counts and times; `/metrics` adds it up over the processes of a host.

No label holds anything of a request but what is known beforehand: no ids, no names.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from enum import StrEnum

from prometheus_client import Counter, Gauge, Histogram

BUCKETS = (0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300, 1800)


class Stage(StrEnum):
    """The way of a film; `total` is from its receipt until it awaits review."""

    DOWNLOAD = "download"
    DECODE = "decode"
    FIND = "find"
    ENCODE = "encode"
    SEARCH = "search"
    TOTAL = "total"


class Trouble(StrEnum):
    """`overload`: uploads and plain webhooks that were sent away because too many were there."""

    DATABASE = "database"
    STORAGE = "storage"
    CACHE = "cache"
    ENCODER = "encoder"
    CATALOGUE = "catalogue"
    FILM_NOT_FETCHED = "film_not_fetched"
    FILM_NOT_READ = "film_not_read"
    CASE_FAILED = "case_failed"
    JOTFORM = "jotform"
    JOTFORM_KEY = "jotform_key"
    ANSWER_GIVEN_UP = "answer_given_up"
    NOTICE = "notice"
    TASK = "task"
    OVERLOAD = "overload"


class Cache(StrEnum):
    """`film`: a request for a film of the same sender that is compared already. `embedding`: a
    film, of whomever, that was seen within the day. `decoded`: a film that its door has read, so
    that it need not be read again."""

    FILM = "film"
    EMBEDDING = "embedding"
    DECODED = "decoded"


_seconds = Histogram(
    "raiox_stage_seconds", "How long a stage of a film took", ["stage"], buckets=BUCKETS
)
_errors = Counter("raiox_errors", "What went wrong", ["kind"])
_cache = Counter("raiox_cache_requests", "What was known already", ["cache", "result"])
_encoders = Gauge(
    "raiox_encoder_loaded",
    "Living processes that have the encoder loaded",
    multiprocess_mode="livesum",
)


def begin() -> None:
    """Have every series of this process stand at zero: a first error is only seen to be one more
    where there was a number before it."""
    for stage in Stage:
        _seconds.labels(stage)
    for kind in Trouble:
        _errors.labels(kind)
    for cache in Cache:
        for result in ("hit", "miss"):
            _cache.labels(cache, result)


@contextmanager
def stage(which: Stage) -> Iterator[None]:
    """Time the block, also when it fails: what gave up after a minute took a minute."""
    with _seconds.labels(which).time():
        yield


def took(which: Stage, seconds: float) -> None:
    _seconds.labels(which).observe(max(seconds, 0.0))


def failed(kind: Trouble) -> None:
    _errors.labels(kind).inc()


def asked(cache: Cache, *, is_known: bool) -> None:
    _cache.labels(cache, "hit" if is_known else "miss").inc()


def encoder_is_loaded(is_loaded: bool = True) -> None:
    _encoders.set(1 if is_loaded else 0)
