"""Caches that hold bytes and nothing else: Django's own unpickle whatever stands in the store, and
that in the database counts its rows with every write."""

import base64
import binascii
from collections.abc import Collection
from datetime import UTC, datetime
from typing import Any

from django.core.cache.backends.base import DEFAULT_TIMEOUT
from django.core.cache.backends.db import DatabaseCache
from django.db import connections, router
from django.utils import timezone

# What has expired goes with the next writes, so many rows with each.
GONE_AT_ONCE = 20


class Bytes:
    """Of Redis: bytes as they are."""

    def dumps(self, value: bytes) -> bytes:
        return bytes(value)

    def loads(self, value: bytes) -> bytes:
        return value


class ByteDatabaseCache(DatabaseCache):
    """Of the database: one statement to read, to write or to delete."""

    _table: str

    def get_many(  # type: ignore[override] # as Django's own is called
        self, keys: Collection[Any], version: int | None = None
    ) -> dict[Any, bytes]:
        asked = {self.make_and_validate_key(key, version=version): key for key in keys}
        statement = "SELECT cache_key, value FROM {} WHERE cache_key = ANY(%s) AND expires > %s"
        with self._cursor(for_write=False) as cursor:
            cursor.execute(statement.format(self._name()), [list(asked), timezone.now()])
            return {
                asked[key]: value for key, text in cursor if (value := _decoded(text)) is not None
            }

    def _base_set(self, mode: str, key: str, value: Any, timeout: Any = DEFAULT_TIMEOUT) -> bool:
        if mode != "set":
            raise NotImplementedError("films are only set")
        ends = self.get_backend_timeout(timeout)
        expires = datetime.max if ends is None else datetime.fromtimestamp(ends, tz=UTC)
        statement = """
            WITH gone AS (
                DELETE FROM {0} WHERE cache_key IN (
                    SELECT cache_key FROM {0} WHERE expires <= %s AND cache_key <> %s
                    LIMIT {1} FOR UPDATE SKIP LOCKED
                )
            )
            INSERT INTO {0} (cache_key, value, expires) VALUES (%s, %s, %s)
            ON CONFLICT (cache_key)
            DO UPDATE SET value = excluded.value, expires = excluded.expires
        """
        text = base64.b64encode(value).decode("ascii")
        with self._cursor(for_write=True) as cursor:
            cursor.execute(
                statement.format(self._name(), GONE_AT_ONCE),
                [timezone.now(), key, key, text, expires],
            )
        return True

    def _cursor(self, *, for_write: bool) -> Any:
        choose = router.db_for_write if for_write else router.db_for_read
        return connections[choose(self.cache_model_class)].cursor()

    def _name(self) -> str:
        alias = router.db_for_write(self.cache_model_class)
        return str(connections[alias].ops.quote_name(self._table))


def _decoded(text: str) -> bytes | None:
    try:
        return base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        return None
