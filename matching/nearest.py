"""The nearest implants by one statement, or two, planned once for each session with the database.

The references of a window (HNSW) name implants. No score is higher than the cosine of an implant's
nearest reference, so of these only the ones that can still reach the first places are scored, by
all their references.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from threading import Lock
from typing import Any
from weakref import WeakKeyDictionary

from django.db import connections
from django.db.backends.utils import CursorWrapper

from implants.models import Implant, ReferenceImage
from matching import scoring
from matching.encoder import DIMENSIONS

# The second one is read where the first one does not tell; each has a plan of its own. It is what
# one pass over the index finds (`hnsw.ef_search`).
WINDOWS = 60, 200
# By so much two cosines may stand in another order in half precision, as the index compares them.
MARGIN = 0.0002
NAME = "raiox_nearest_{window}"
# PostgreSQL keeps a vector in single precision, of which nine digits say everything.
AS_TEXT = "[" + ",".join(["%.9g"] * DIMENSIONS) + "]"
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
    LIMIT {{window}}
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
    (SELECT count(*) FROM near) < {{window}} AS is_all, {{columns}}
FROM scored
JOIN implants_referenceimage r ON r.id = scored.reference_id
JOIN implants_implant i ON i.id = r.implant_id
ORDER BY scored.distances[1], r.id
"""  # noqa: S608 # nosec B608 # no value in it

# The columns of both rows, after those of the search.
FIELDS: list[tuple[str, Any]] = [
    *(("r", field) for field in ReferenceImage._meta.concrete_fields),
    *(("i", field) for field in Implant._meta.concrete_fields),
]
NAMES = [field.attname for _table, field in FIELDS]
OWN = len(ReferenceImage._meta.concrete_fields)

_prepared: WeakKeyDictionary[Any, set[int]] = WeakKeyDictionary()
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
    there are no more; None where the windows do not tell which they are.

    Raises DatabaseError.
    """
    given = AS_TEXT % tuple(vector), encoder, limit
    with connections[using].cursor() as cursor:
        for window in WINDOWS:
            _prepare(cursor, window)
            cursor.execute(f"EXECUTE {NAME.format(window=window)} (%s, %s, %s)", given)
            rows = cursor.fetchall()
            if not rows:
                return None
            best = _best(rows, limit)
            if _is_settled(best, limit, rows[0]):
                return [Scored(_reference(rows[place][3:], using), score) for place, score in best]
    return None


def _best(rows: Sequence[Sequence[Any]], limit: int) -> list[tuple[int, float]]:
    """Places among these rows, and their scores."""
    pairs = [(place, 1.0 - distance) for place, row in enumerate(rows) for distance in row[0]]
    return scoring.ranked(pairs)[:limit]


def _is_settled(best: Sequence[tuple[int, float]], limit: int, row: Sequence[Any]) -> bool:
    """Whether no implant outside of the window can have a better score than the last of these."""
    _distances, last, is_all, *_rest = row
    return bool(is_all) or (len(best) == limit and best[-1][1] >= 1.0 - last + MARGIN)


def _prepare(cursor: CursorWrapper, window: int) -> None:
    """Once for each session: it outlives every transaction, also one that is rolled back."""
    session = cursor.connection
    with _lock:
        is_known = window in _prepared.get(session, ())
    if is_known:
        return
    columns = ", ".join(f'{table}."{field.column}"' for table, field in FIELDS)
    cursor.execute(STATEMENT.format(window=window, columns=columns))
    with _lock:
        _prepared.setdefault(session, set()).add(window)


def _reference(values: Sequence[Any], using: str) -> ReferenceImage:
    """A reference with its implant, of the columns of both."""
    converted = list(values)
    for place, converters in _converters(using):
        for convert in converters:
            converted[place] = convert(converted[place], None, connections[using])
    reference = ReferenceImage.from_db(using, NAMES[:OWN], converted[:OWN])
    reference.implant = Implant.from_db(using, NAMES[OWN:], converted[OWN:])
    return reference


@cache
def _converters(using: str) -> list[tuple[int, Sequence[Callable[..., Any]]]]:
    """Of the columns that are not what the driver gives."""
    all_ = [field.get_db_converters(connections[using]) for _table, field in FIELDS]
    return [(place, converters) for place, converters in enumerate(all_) if converters]
