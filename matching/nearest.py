"""The nearest implants by one statement, planned once for each session with the database.

The references of a window (HNSW) name implants. No score is higher than the cosine of an implant's
nearest reference, so of these only the ones that can still reach the first places are scored, by
all their references.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from threading import Lock
from typing import Any
from weakref import WeakSet

from django.db import connections
from django.db.backends.utils import CursorWrapper

from implants.models import Implant, ReferenceImage
from matching import scoring
from matching.encoder import DIMENSIONS

WINDOW = 60
# By so much two cosines may stand in another order in half precision, as the index compares them.
MARGIN = 0.0002
NAME = "raiox_nearest"
SEARCHED = "e.encoder = $2 AND r.is_active AND r.error = ''"
# $1: the vector; $2: the encoder; $3: how many places are to be certain. `last` and `is_all` are
# of the window. Of several views of a reference the nearest one counts.
STATEMENT = f"""
PREPARE {NAME} (vector({DIMENSIONS}), text, int) AS
WITH near AS MATERIALIZED (
    SELECT r.implant_id, r.id AS reference_id, e.vector <=> $1 AS distance
    FROM matching_embedding e
    JOIN implants_referenceimage r ON r.id = e.reference_image_id
    JOIN implants_implant i ON i.id = r.implant_id
    WHERE {SEARCHED} AND i.is_active
    ORDER BY e.vector::halfvec({DIMENSIONS}) <=> $1::halfvec({DIMENSIONS})
    LIMIT {WINDOW}
), named AS (
    SELECT implant_id, array_agg(distance ORDER BY distance) AS distances
    FROM (SELECT implant_id, min(distance) AS distance FROM near GROUP BY implant_id, reference_id)
    GROUP BY implant_id
), reach AS (
    SELECT (distances[1] + distances[2]) / 2 AS distance
    FROM named WHERE distances[2] IS NOT NULL ORDER BY 1 LIMIT 1 OFFSET $3 - 1
), compared AS (
    SELECT r.implant_id, r.id AS reference_id, min(e.vector <=> $1) AS distance
    FROM named
    JOIN implants_referenceimage r ON r.implant_id = named.implant_id
    JOIN matching_embedding e ON e.reference_image_id = r.id
    WHERE {SEARCHED} AND distances[1] <= coalesce((SELECT distance FROM reach), 2)
    GROUP BY r.implant_id, r.id
), scored AS (
    SELECT (array_agg(reference_id ORDER BY distance, reference_id))[1] AS reference_id,
        array_agg(distance ORDER BY distance) AS distances
    FROM compared GROUP BY implant_id
)
SELECT scored.distances, (SELECT max(distance) FROM near) AS last,
    (SELECT count(*) FROM near) < {WINDOW} AS is_all, %s
FROM scored
JOIN implants_referenceimage r ON r.id = scored.reference_id
JOIN implants_implant i ON i.id = r.implant_id
ORDER BY scored.distances[1], r.id
"""  # noqa: S608 # no value in it

_sessions: WeakSet[Any] = WeakSet()
_lock = Lock()


@dataclass(frozen=True)
class Scored:
    """An implant's score, −1…1 (see `matching.scoring`), and its nearest reference, with its
    `implant`."""

    reference: ReferenceImage
    score: float


def nearest(
    vector: Sequence[float], *, encoder: str, limit: int, using: str
) -> list[Scored] | None:
    """The `limit` best of all active implants by a vector of `encoder`, best first, fewer where
    there are no more; None where one window does not tell which they are.

    Raises DatabaseError.
    """
    with connections[using].cursor() as cursor:
        _prepare(cursor)
        values = "[" + ",".join(map(repr, vector)) + "]"
        cursor.execute(f"EXECUTE {NAME} (%s, %s, %s)", [values, encoder, limit])
        rows = cursor.fetchall()
    found = [(row, [1.0 - distance for distance in row[0]]) for row in rows]
    pairs = [(place, cosine) for place, (_row, all_) in enumerate(found) for cosine in all_]
    best = scoring.ranked(pairs)[:limit]
    if not best or not _is_settled(best, limit, rows[0]):
        return None
    return [Scored(_reference(rows[place][3:], using), score) for place, score in best]


def _is_settled(best: Sequence[tuple[int, float]], limit: int, row: Sequence[Any]) -> bool:
    """Whether no implant outside of the window can have a better score than the last of these."""
    _distances, last, is_all, *_rest = row
    return bool(is_all) or (len(best) == limit and best[-1][1] >= 1.0 - last + MARGIN)


def _prepare(cursor: CursorWrapper) -> None:
    """Once for each session: it outlives every transaction, also one that is rolled back."""
    session = cursor.connection
    with _lock:
        is_known = session in _sessions
    if is_known:
        return
    columns = [f'{table}."{field.column}"' for table, field in _fields()]
    cursor.execute(STATEMENT % ", ".join(columns))
    with _lock:
        _sessions.add(session)


def _fields() -> list[tuple[str, Any]]:
    return [
        *(("r", field) for field in ReferenceImage._meta.concrete_fields),
        *(("i", field) for field in Implant._meta.concrete_fields),
    ]


def _reference(values: Sequence[Any], using: str) -> ReferenceImage:
    """A reference with its implant, of the columns of both."""
    connection = connections[using]
    converted = []
    for (_table, field), value in zip(_fields(), values, strict=True):
        for convert in field.get_db_converters(connection):
            value = convert(value, None, connection)
        converted.append(value)
    own = len(ReferenceImage._meta.concrete_fields)
    names = [field.attname for _table, field in _fields()]
    reference = ReferenceImage.from_db(using, names[:own], converted[:own])
    reference.implant = Implant.from_db(using, names[own:], converted[own:])
    return reference
