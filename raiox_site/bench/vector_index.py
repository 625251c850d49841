"""The HNSW indexes of the vectors: taken away before a bulk load, built again after it, and asked
without anything around them."""

import re
import time
from dataclasses import dataclass, replace
from typing import Any

from django.db import DatabaseError, connection, transaction

from matching.encoder import DIMENSIONS, Vector
from matching.models import Embedding

TABLE = Embedding._meta.db_table
INDEXES = """
    SELECT index.relname, pg_get_indexdef(index.oid), pg_get_indexdef(index.oid, 1, true),
        coalesce(pg_get_expr(used.indpred, used.indrelid), 'true')
    FROM pg_index AS used JOIN pg_class AS index ON index.oid = used.indexrelid
        JOIN pg_am AS method ON method.oid = index.relam
    WHERE used.indrelid = %s::regclass AND method.amname = 'hnsw'
    ORDER BY index.relname
"""
_COLUMN = re.compile(r"USING hnsw \(.*? \w+_cosine_ops\)")
_OPTIONS = re.compile(r"WITH \((.*?)\)")


@dataclass(frozen=True)
class Index:
    """`definition` makes it; `column` is what it orders, and `condition` what it is limited to."""

    name: str
    definition: str
    column: str
    condition: str

    @property
    def kind(self) -> str:
        """The type that it holds: values of 4 bytes (vector) or of 2 (halfvec)."""
        return "halfvec" if "halfvec" in self.column else "vector"

    def of_other_precision(self) -> "Index":
        """The same of the other type, under a name of its own."""
        kind, column = "vector", "vector"
        if self.kind == "vector":
            kind, column = "halfvec", f"(vector::halfvec({DIMENSIONS}))"
        name = f"bench_{kind}"
        definition = _COLUMN.sub(f"USING hnsw ({column} {kind}_cosine_ops)", self.definition)
        return Index(name, definition.replace(self.name, name), column, self.condition)

    def built_with(self, options: str) -> "Index":
        """The same with other options (`m=24,ef_construction=128`); itself without any."""
        if not options:
            return self
        return replace(self, definition=_OPTIONS.sub(f"WITH ({options})", self.definition))

    @property
    def options(self) -> str:
        """Those that it is built with."""
        [given] = _OPTIONS.findall(self.definition) or ["as pgvector does"]
        return ", ".join(part.strip().replace("'", "") for part in given.split(","))

    def build(self) -> float:
        """Seconds that it took; with one process where there is no shared memory for several."""
        start = time.perf_counter()
        try:
            # In a block of its own, so that a failure ends nothing else.
            with transaction.atomic():
                _execute(self.definition)
        except DatabaseError:
            _execute("SET max_parallel_maintenance_workers = 0")
            start = time.perf_counter()
            _execute(self.definition)
        return time.perf_counter() - start

    def drop(self) -> None:
        _execute(f'DROP INDEX "{self.name}"')

    @property
    def megabytes(self) -> float:
        return size_of(self.name)

    def statement(self, limit: int) -> str:
        """The nearest references of one encoder; parameters: the encoder and `text` of a vector."""
        return (
            f"SELECT reference_image_id FROM {TABLE}"  # noqa: S608 # nosec B608 # of the catalogue
            f" WHERE encoder = %s AND {self.condition}"
            f" ORDER BY {self.column} <=> %s::{self.kind}({DIMENSIONS}) LIMIT {int(limit)}"
        )

    def nearest(self, vector: Vector, *, encoder: str, limit: int) -> list[int]:
        rows = _execute(self.statement(limit), [encoder, text(vector)], returns=True)
        return [row[0] for row in rows]

    def is_used(self, vector: Vector, *, encoder: str, limit: int) -> bool:
        """Whether PostgreSQL takes it for `nearest`."""
        plan = _execute(f"EXPLAIN {self.statement(limit)}", [encoder, text(vector)], returns=True)
        return any(re.search(rf"\b{self.name}\b", line) for (line,) in plan)


def indexes() -> list[Index]:
    return [Index(*row) for row in _execute(INDEXES, [TABLE], returns=True)]


def text(vector: Vector) -> str:
    return f"[{','.join(map(repr, vector.tolist()))}]"


def size_of(relation: str) -> float:
    """MB (10⁶ bytes), for a table with what lies outside of its rows and without its indexes."""
    [[size]] = _execute("SELECT pg_table_size(%s::regclass)", [relation], returns=True)
    return float(size) / 1e6


def _execute(statement: str, values: list[Any] | None = None, *, returns: bool = False) -> Any:
    with connection.cursor() as cursor:
        cursor.execute(statement, values)
        return cursor.fetchall() if returns else []
