"""Very many references with made-up vectors, written by COPY into a scratch database."""

import io
import struct
from typing import Any

import numpy as np
from django.db import connection
from django.db.models import Model

from implants.models import Implant, ReferenceImage
from matching.encoder import DIMENSIONS, Vector
from matching.models import Embedding
from raiox_site.bench.clusters import FAMILY, Clusters

# No such encoder exists: what is measured must not say that it comes from one with skill.
ENCODER = "bench/made-up@000000000000/fixture-v1x1"
VIEW = "original"
SIGNATURE = b"PGCOPY\n\xff\r\n\0" + struct.pack(">ii", 0, 0)
END = struct.pack(">h", -1)
# Microseconds since 2000-01-01, the beginning of PostgreSQL's time.
WRITTEN_AT = 800_000_000_000_000


def catalogue(clusters: Clusters) -> tuple[int, int]:
    """Write implants and references without vectors; the ids before the first of each."""
    implants = _multiplied(
        Implant(manufacturer="Bench", name="Line", diameter_mm=3, length_mm=10, type="Cone Morse"),
        clusters.implants,
        name=f"'Line ' || ((place - 1) / {FAMILY})",
        diameter_mm=f"3 + mod(place - 1, {FAMILY}) * 0.25",
    )
    references = _multiplied(
        ReferenceImage(
            implant_id=implants, file="referencia/bench.jpg", sha256="0" * 64, warnings=[]
        ),
        clusters.implants * clusters.references,
        implant_id=f"{implants} + 1 + (place - 1) / {clusters.references}",
        sha256="md5(place::text) || md5('b' || place)",
    )
    # What they were copied from must be no candidate.
    Implant.objects.filter(pk=implants).delete()
    return implants, references


def copy(first: int, vectors: Vector) -> None:
    """Vectors of shape (n, 512) of the references from the id `first` on."""
    rows = np.zeros(len(vectors), _ROW)
    rows["fields"] = len(COLUMNS)
    for name, values in (
        ("reference", np.arange(first, first + len(vectors))),
        ("encoder", ENCODER.encode()),
        ("view", VIEW.encode()),
        ("vector", _values(vectors)),
        ("written", WRITTEN_AT),
    ):
        rows[name] = values
        rows[f"{name}_bytes"] = _ROW[name].itemsize
    file = io.BytesIO(SIGNATURE + rows.tobytes() + END)
    statement = f"COPY {Embedding._meta.db_table} ({', '.join(COLUMNS)}) FROM STDIN (FORMAT binary)"
    with connection.cursor() as cursor:
        cursor.copy_expert(statement, file)


def shuffle() -> None:
    """Write all vectors anew in any order. An index is built in the order of the rows, and one of
    which the neighbours come together finds less (`bench search` without --shuffled)."""
    columns, table = ", ".join(COLUMNS), Embedding._meta.db_table
    with connection.cursor() as cursor:
        for statement in (
            f"CREATE TEMP TABLE unordered AS SELECT {columns} FROM {table}",  # noqa: S608 # nosec B608
            f"TRUNCATE {table}",
            f"INSERT INTO {table} ({columns})"  # noqa: S608 # nosec B608 # names of the model
            f" SELECT {columns} FROM unordered ORDER BY md5(reference_image_id::text)",
            "DROP TABLE unordered",
        ):
            cursor.execute(statement)


COLUMNS = ("reference_image_id", "encoder", "view", "vector", "created_at")
# As pgvector reads it: the number of dimensions, nothing, float32, all of it big-endian.
_VECTOR = np.dtype([("dimensions", ">i2"), ("unused", ">i2"), ("values", ">f4", (DIMENSIONS,))])
_FIELDS: list[tuple[str, Any]] = [
    ("reference", ">i8"),
    ("encoder", f"S{len(ENCODER)}"),
    ("view", f"S{len(VIEW)}"),
    ("vector", _VECTOR),
    ("written", ">i8"),
]
# Every field after its length in bytes, the row after the number of its fields.
_ROW = np.dtype(
    [
        ("fields", ">i2"),
        *(part for name, kind in _FIELDS for part in ((f"{name}_bytes", ">i4"), (name, kind))),
    ]
)


def _values(vectors: Vector) -> np.ndarray:
    made = np.zeros(len(vectors), _VECTOR)
    made["dimensions"], made["values"] = DIMENSIONS, vectors
    return made


def _multiplied(row: Model, number: int, **expressions: str) -> int:
    """Write the row, and after it so many more that are like it but for the columns that SQL
    `expressions` of `place` (1, 2, …) give; its id, which those of the others follow.

    Columns that are added to the model some day are copied as well.
    """
    model: Any = type(row)
    [written] = model._default_manager.bulk_create([row])
    quote = connection.ops.quote_name
    key = model._meta.pk.column
    columns = [
        one.column
        for one in model._meta.concrete_fields
        if one.column != key and not getattr(one, "generated", False)
    ]
    values = [expressions.get(column, quote(column)) for column in columns]
    statement = (
        f"INSERT INTO {quote(model._meta.db_table)}"  # noqa: S608 # nosec B608 # names of the model
        f" ({', '.join(map(quote, [key, *columns]))})"
        f" SELECT {quote(key)} + place, {', '.join(values)}"
        f" FROM {quote(model._meta.db_table)}, generate_series(1, %s) AS place"
        f" WHERE {quote(key)} = %s"
    )
    with connection.cursor() as cursor:
        cursor.execute(statement, [number, written.pk])
    return int(written.pk)
