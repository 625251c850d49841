"""What was seen on films of the last day, so that the same film again costs a look-up.

The store never learns which film is meant: its keys are keyed hashes. Candidates are not kept, as
the catalogue may have changed. Whatever is wrong with the store is counted, and the work is done
without it.
"""

import logging
from collections.abc import Callable, Iterable
from contextlib import nullcontext
from typing import TypeVar

from django.conf import settings
from django.core.cache import caches
from django.core.cache.backends.base import BaseCache
from django.db import DatabaseError, connection, transaction
from redis.exceptions import RedisError

from cases.keyed_hash import keyed_hash
from matching import measured, seeing
from matching.encoder import is_current
from matching.seeing import Seen

log = logging.getLogger(__name__)

ALIAS = "films"
T = TypeVar("T")


def recall(sha256: str) -> Seen | None:
    """What the finder and the encoder in use saw on the film with this digest of its source;
    None where that is not known."""
    if not _is_on() or not sha256:
        return None
    data = _tried(lambda cache: cache.get(_key(sha256)))
    seen = seeing.from_bytes(data) if isinstance(data, bytes) else None
    known = seen if seen and is_current(seen.encoder) else None
    measured.asked(measured.Cache.EMBEDDING, is_known=known is not None)
    return known


def keep(sha256: str, seen: Seen) -> None:
    if _is_on() and sha256:
        seconds = settings.RAIOX_EMBEDDING_CACHE_SECONDS
        _tried(lambda cache: cache.set(_key(sha256), seen.as_bytes(), seconds))


def forget(digests: Iterable[str]) -> None:
    """Films that are erased, whichever encoder saw them. Where the store does not answer, what
    it holds of them ends with its time."""
    keys = [_key(sha256) for sha256 in digests if sha256]
    if keys:
        _tried(lambda cache: cache.delete_many(keys))


def _key(sha256: str) -> str:
    return keyed_hash(f"film {sha256}")


def _is_on() -> bool:
    return bool(settings.RAIOX_EMBEDDING_CACHE_SECONDS)


def _tried(ask: Callable[[BaseCache], T]) -> T | None:
    """A statement that fails must not take the caller's transaction with it."""
    try:
        with transaction.atomic() if connection.in_atomic_block else nullcontext():
            return ask(caches[ALIAS])
    except (DatabaseError, OSError, RedisError) as error:
        measured.failed(measured.Trouble.CACHE)
        log.warning("the cache of films does not answer: %s", type(error).__name__)
        return None
